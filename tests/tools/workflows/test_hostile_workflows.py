"""Every input and every variable of every workflow, filled with texts that become commands where somebody is careless.

First with stand-ins for all programs that record how they are called: whatever a value is, the shell calls the same
programs with the same arguments, and the value reaches them as one variable, unchanged. Then with the project's own
commands, which refuse it or, where it is legal text, do nothing with it.
"""

import re
from functools import cache
from pathlib import Path
from shlex import quote
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from pipeline.errors import UsageError
from pipeline.settings import ROOT, load_settings
from store import Store
from tests.tools.workflows.hostile import hostile_texts
from tools.ci.__main__ import app
from tools.ci.request import read_request
from tools.single_model.order import read_order
from tools.workflows import Machine, WorkflowError, read_workflow, references, run_workflow, running
from tools.workflows.command_files import CommandFiles
from tools.workflows.triggers import input_value

FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
PROGRAMS = ("python", "pip", "make", "gh", "git", "bash-of-nobody")
# What a stand-in of any step leaves for later jobs; each test fails when a workflow asks for another one.
JOBS = '{"include": [{"name": "one", "tasks": "fill-mask", "keys": "k"}]}'
OUTPUTS = {
    "runner": '["self-hosted", "gpu"]',
    "name": "name",
    "stages": '["extract", "process", "prune", "analyze"]',
    "extract": JOBS,
    "matrix": JOBS,
    "jobs": "1",
    "publish": "pull-request",
    "analyses": "true",
}
LEFT = ("model_architecture/arborist.duckdb", "analysis_result/README.md", "pruned/report.md", "report/README.md")
# A shell: a run of pipeline.yml starts some thirty of them, and Python takes ten times as long to begin.
RECORDER = """#!/bin/sh
cat /proc/$$/cmdline {calls}.between /proc/$$/environ > {calls}/$$
if [ -n "${{GITHUB_OUTPUT-}}" ]; then printf %s {outputs} >> "$GITHUB_OUTPUT"; fi
mkdir -p {folders}
for name in {left}; do echo x > "$name"; done
"""
BETWEEN = "-- between words and variables --\0"

read = cache(read_workflow)  # a large file takes a third of a second


def named(path):
    return path.stem


def free_inputs(workflow):
    """The inputs of a dispatch into which anything can be written."""
    trigger = workflow.triggers.get("workflow_dispatch")
    return [each.name for each in trigger.inputs if each.type == "string"] if trigger else []


def rotated(names, texts, turn):
    """Give each name another text; over all turns each name has each text."""
    return {name: texts[(turn + index) % len(texts)] for index, name in enumerate(sorted(names))}


def make_stage(at):
    """Stand-ins for programs, an empty repository, a canary that a command would make."""
    programs, calls, repository = at / "programs", at / "calls", at / "repository"
    for folder in (programs, calls, repository):
        folder.mkdir()
    (repository / "requirements.lock").write_text("")
    (at / "calls.between").write_text(BETWEEN)
    outputs = quote("".join(f"{name}={value}\n" for name, value in OUTPUTS.items()))
    folders = " ".join(sorted({str(Path(name).parent) for name in LEFT}))
    for name in PROGRAMS:
        text = RECORDER.format(calls=quote(str(calls)), outputs=outputs, folders=folders, left=" ".join(LEFT))
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    machine = Machine(programs=(programs,), python=programs / "python")
    return SimpleNamespace(machine=machine, calls=calls, repository=repository, canary=at / "canary", at=at)


@pytest.fixture
def stage(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "read_workflow", read)
    return make_stage(tmp_path)


@pytest.fixture(scope="module")
def plain_words(tmp_path_factory):
    """What a workflow calls when all its inputs and variables are harmless, asked once a workflow."""

    def words_of(path):
        inputs, variables = free_inputs(read(path)), variables_in(path)
        at = make_stage(tmp_path_factory.mktemp("plain"))
        return run_with(at, path, dict.fromkeys(inputs, "harmless"), dict.fromkeys(variables, "harmless"))[1]

    return cache(words_of)


def take_call(file):
    """Return the words and the values of the variables of one call."""
    words, values = file.read_bytes().decode("utf-8", "replace").split(BETWEEN)
    file.unlink()
    _, program, *arguments = words.split("\0")[:-1]
    return [Path(program).name, *arguments], {each.partition("=")[2] for each in values.split("\0")}


def run_with(stage, path, inputs, variables):
    """Run a workflow and return the calls of programs in it: words, and what was in their environment."""
    triggers = read(path).triggers
    event = "workflow_dispatch" if inputs else next(iter(triggers))
    result = run_workflow(path, event, inputs, variables, stage.repository, stage.at / "runs", machine=stage.machine)
    calls = [take_call(file) for file in stage.calls.iterdir()]
    place = re.compile(re.escape(str(stage.at)) + r"/runs/\d+/")
    words = sorted([place.sub("/runs/N/", word) for word in called] for called, _ in calls)
    return result, words, set().union(*(values for _, values in calls))


def assert_harmless(stage, path, inputs, variables, plain):
    result, words, seen = run_with(stage, path, inputs, variables)
    assert words == plain, "other commands, or other arguments"
    assert {*inputs.values(), *variables.values()} <= seen | set(HARMLESS), "a value was changed on its way"
    assert not stage.canary.exists()
    made = {
        entry.name for job in (stage.at / "runs" / str(result.run_id) / "jobs").iterdir() for entry in job.iterdir()
    }
    assert made <= {"workspace", "temp", "home", "log.txt", "tools"}, made
    assert [job.commands for job in result.jobs if any("BASH_ENV" in line for line in job.commands)] == []


HARMLESS = ("harmless",)


def variables_in(path):
    """The repository's variables that a workflow asks for."""
    return {name.upper() for name in references(read(path), "vars")}


def check_workflow(stage, path, turns, plain):
    """Run with values in all inputs, then in all variables: a variable is heard where the input is empty."""
    inputs, variables = free_inputs(read(path)), variables_in(path)
    texts = hostile_texts(stage.canary)
    assert plain
    required = dict.fromkeys(inputs, "harmless") if path.name == "single_model.yml" else {}
    for turn in turns:
        if inputs:
            assert_harmless(stage, path, rotated(inputs, texts, turn), dict.fromkeys(variables, "harmless"), plain)
        if variables:
            given = rotated(variables, texts, turn)
            for name in hidden(path, required):
                del given[name]
            assert_harmless(stage, path, required, given, plain)


def hidden(path, inputs):
    """Return the variables that a given input stands before."""
    behind = re.findall(r"inputs\.(\w+) \|\| vars\.(\w+)", path.read_text())
    return {variable for name, variable in behind if name in inputs}


@pytest.mark.parametrize("path", FILES, ids=named)
def test_no_value_becomes_a_command(stage, path, plain_words):
    """Two texts in every name, all of them somewhere; the other turns are `long`."""
    check_workflow(stage, path, (0, 20), plain_words(path))


@pytest.mark.long
@pytest.mark.parametrize("turn", range(39))
@pytest.mark.parametrize("path", FILES, ids=named)
def test_no_value_at_all_becomes_a_command(stage, path, turn, plain_words):
    assert len(hostile_texts(stage.canary)) == 39
    check_workflow(stage, path, (turn,), plain_words(path))


@pytest.mark.parametrize("carelessness", ["echo ${{ vars.X }}", "eval echo $X", 'bash -c "echo $X"', "python $X"])
def test_the_check_can_fail(stage, carelessness, plain_words):
    path = stage.at / "careless.yml"
    path.write_text(
        "on: push\nenv: {X: '${{ vars.X }}'}\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n"
        f"      - run: python\n      - run: {carelessness}\n"
    )
    with pytest.raises(AssertionError):
        check_workflow(stage, path, range(6), plain_words(path))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_what_is_chosen_from_a_list_takes_nothing_else(path):
    trigger = read(path).triggers.get("workflow_dispatch")
    for declared in trigger.inputs if trigger else ():
        for text in hostile_texts(Path("canary")) if declared.type != "string" else ():
            with pytest.raises(WorkflowError, match=f"input {declared.name}: expected"):
                input_value(declared, text)


# Texts that any of these variables may hold: they become words of a question to the Hub, percent-encoded, or a name
# that is looked up and not found.
LEGAL_TEXTS = {f"ARBORIST_{name}" for name in ("TASKS", "SKIP_TASKS", "LIBRARY", "AUTHOR", "SEARCH", "LICENSE")} | {
    f"ARBORIST_{name}" for name in ("LICENSES", "METHODS", "ANALYSES")
}


def variables_of(path):
    """The project's variables that a workflow sets."""
    return sorted(set(re.findall(r"^ +(ARBORIST_\w+):", path.read_text(), re.MULTILINE)))


SETTINGS = [name for name in variables_of(ROOT / ".github/workflows/pipeline.yml") if name not in LEGAL_TEXTS]


def take_settings():
    load_settings()
    read_request()


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_refuses_every_text_in_clear_words(name, monkeypatch):
    for text in hostile_texts(Path("/canary")):
        monkeypatch.setenv(name, text)
        with pytest.raises(UsageError, match=f"{name}|--{name.removeprefix('ARBORIST_').lower().replace('_', '-')}"):
            take_settings()


@pytest.mark.parametrize("field", ["model", "method", "ratio", "calibration", "evaluation"])
def test_every_field_of_a_single_model_refuses_every_text(field):
    legal = {"model": "reference/llama", "method": "magnitude", "ratio": "0.5", "calibration": "", "evaluation": ""}
    for text in hostile_texts(Path("/canary")):
        with pytest.raises(UsageError, match=f"{field}"):
            read_order(**{**legal, field: text})


def first_job(path, folder):
    """Write the workflow with the first of its jobs alone, the one that checks what was asked."""
    head, jobs = path.read_text().split("\njobs:\n")
    first = re.split(r"\n(?=  \w+:\n)", jobs)[0]
    target = folder / path.name
    target.write_text(f"{head}\njobs:\n{first}\n")
    return target


def first_result(stage, path, inputs, variables):
    """Run the project's own commands on values in the first job; return how it ended and its log."""
    (stage.at / "gh-alone").mkdir(exist_ok=True)
    (stage.at / "gh-alone/gh").write_text("#!/bin/sh\necho '[]'\n")
    (stage.at / "gh-alone/gh").chmod(0o755)
    machine = Machine({"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, (stage.at / "gh-alone",))
    event = "workflow_dispatch" if inputs else next(iter(read(path).triggers))
    alone = first_job(path, stage.at)
    result = run_workflow(alone, event, inputs, variables, stage.repository, stage.at / "runs", machine=machine)
    [job] = result.jobs
    assert job.log is not None
    assert not stage.canary.exists()
    assert_told_in_clear_words(job.log.read_text(), failed=job.result == "failure")
    return job.result


def assert_told_in_clear_words(log, *, failed):
    assert "Traceback" not in log
    assert not [line for line in log.splitlines() if line.lstrip().startswith("::") or "##[" in line]
    assert not failed or re.search(r"^error: .*(expected|Expected|unknown)", log, re.MULTILINE), log[-2000:]


CHECKED = [ROOT / f".github/workflows/{name}.yml" for name in ("pipeline", "single_model", "watch")]


def check_refusals(stage, path, turn):
    texts = hostile_texts(stage.canary)
    inputs, given = rotated(free_inputs(read(path)), texts, turn), rotated(variables_in(path), texts, turn + 7)
    assert first_result(stage, path, inputs, given) == "failure"


@pytest.mark.parametrize("path", CHECKED, ids=named)
def test_the_projects_own_commands_refuse_them(stage, path):
    check_refusals(stage, path, 3)


@pytest.mark.long
@pytest.mark.parametrize("turn", range(39))
@pytest.mark.parametrize("path", CHECKED, ids=named)
def test_the_projects_own_commands_refuse_all_of_them(stage, path, turn):
    check_refusals(stage, path, turn)


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory):
    path = tmp_path_factory.mktemp("legal") / "arborist.duckdb"
    Store.open(path).close()
    return path


@pytest.mark.long
@pytest.mark.parametrize("number", range(39))
@pytest.mark.parametrize("name", sorted(LEGAL_TEXTS))
def test_texts_that_are_legal_run_nothing(name, number, empty_store, tmp_path, monkeypatch):
    """What is wrong with them is said by the plan, or nothing is: then it is a name that nobody has.

    The plan runs in this process, which has the libraries already: it takes a tenth of the time of a job.
    """
    monkeypatch.chdir(tmp_path)
    files = CommandFiles(tmp_path / "step").create()
    given = {"ARBORIST_SOURCE": "reference", name: hostile_texts(tmp_path / "canary")[number]}
    for variable, value in {**files, **given}.items():
        monkeypatch.setenv(variable, value)
    answer = CliRunner().invoke(app, ["plan", "--store", str(empty_store)])
    assert_told_in_clear_words(answer.output, failed=answer.exit_code != 0)
    assert [path.name for path in tmp_path.iterdir()] == ["step"]
