"""Every input and every variable of every workflow, filled with texts that become commands where somebody is careless.

First with stand-ins for all programs that record how they are called: whatever a value is, the shell calls the same
programs with the same arguments, and the value reaches them as one variable, unchanged. Then with the project's own
commands, which refuse it or, where it is legal text, do nothing with it.
"""

import json
import os
import re
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.errors import UsageError
from pipeline.settings import ROOT, load_settings
from tests.tools.workflows.hostile import hostile_texts
from tools.ci.request import read_request
from tools.single_model.order import read_order
from tools.workflows import Machine, WorkflowError, read_workflow, references, run_workflow
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
RECORDER = r"""#!{python} -IS
import json, os, pathlib, sys
folder = pathlib.Path({folder!r})
calls = {{"argv": [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]], "environment": dict(os.environ)}}
(folder / f"call-{{os.getpid()}}.json").write_text(json.dumps(calls))
if "GITHUB_OUTPUT" in os.environ:
    with open(os.environ["GITHUB_OUTPUT"], "a") as stream:
        stream.write({outputs!r})
for name in {left!r}:
    pathlib.Path(name).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(name).write_text("x")
"""


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


@pytest.fixture
def stage(tmp_path):
    """Stand-ins for programs, an empty repository, a canary that a command would make."""
    programs, calls, repository = tmp_path / "programs", tmp_path / "calls", tmp_path / "repository"
    for folder in (programs, calls, repository):
        folder.mkdir()
    (repository / "requirements.lock").write_text("")
    outputs = "".join(f"{name}={value}\n" for name, value in OUTPUTS.items())
    text = RECORDER.format(python=os.path.realpath(sys.executable), folder=str(calls), outputs=outputs, left=LEFT)
    for name in PROGRAMS:
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    machine = Machine(programs=(programs,), python=programs / "python")
    return SimpleNamespace(machine=machine, calls=calls, repository=repository, canary=tmp_path / "canary", at=tmp_path)


def run_with(stage, path, inputs, variables):
    """Run a workflow and return the calls of programs in it: words, and what was in their environment."""
    triggers = read(path).triggers
    event = "workflow_dispatch" if inputs else next(iter(triggers))
    result = run_workflow(path, event, inputs, variables, stage.repository, stage.at / "runs", machine=stage.machine)
    calls = [json.loads(call.read_text()) for call in stage.calls.iterdir()]
    for call in stage.calls.iterdir():
        call.unlink()
    words = sorted([re.sub(r"/runs/\d+/", "/runs/N/", word) for word in call["argv"]] for call in calls)
    return result, words, {value for call in calls for value in call["environment"].values()}


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


def check_workflow(stage, path, turns):
    """Run with values in all inputs, then in all variables: a variable is heard where the input is empty."""
    workflow = read(path)
    variables = {name.upper() for name in references(workflow, "vars")}
    inputs = free_inputs(workflow)
    texts = hostile_texts(stage.canary)
    _, plain, _ = run_with(stage, path, dict.fromkeys(inputs, "harmless"), dict.fromkeys(variables, "harmless"))
    assert plain
    for turn in turns:
        if inputs:
            assert_harmless(stage, path, rotated(inputs, texts, turn), dict.fromkeys(variables, "harmless"), plain)
        required = dict.fromkeys(inputs, "harmless") if path.name == "single_model.yml" else {}
        if variables:
            given = {
                name: text for name, text in rotated(variables, texts, turn).items() if name in heard(path, required)
            }
            assert_harmless(stage, path, required, given, plain)


def heard(path, inputs):
    """Return the variables that no given input stands before."""
    behind = re.findall(r"inputs\.(\w+) \|\| vars\.(\w+)", path.read_text())
    hidden = {variable for name, variable in behind if name in inputs}
    return {name.upper() for name in references(read(path), "vars")} - hidden


@pytest.mark.parametrize("path", FILES, ids=named)
def test_no_value_becomes_a_command(stage, path):
    """Two texts in every name, all of them somewhere; the other turns are `long`."""
    check_workflow(stage, path, (0, 20))


@pytest.mark.long
@pytest.mark.parametrize("turn", range(39))
@pytest.mark.parametrize("path", FILES, ids=named)
def test_no_value_at_all_becomes_a_command(stage, path, turn):
    assert len(hostile_texts(stage.canary)) == 39
    check_workflow(stage, path, (turn,))


@pytest.mark.parametrize("carelessness", ["echo ${{ vars.X }}", "eval echo $X", 'bash -c "echo $X"', "python $X"])
def test_the_check_can_fail(stage, carelessness):
    path = stage.at / "careless.yml"
    path.write_text(
        "on: push\nenv: {X: '${{ vars.X }}'}\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n"
        f"      - run: python\n      - run: {carelessness}\n"
    )
    with pytest.raises(AssertionError):
        check_workflow(stage, path, range(6))


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
    log = job.log.read_text()
    assert not stage.canary.exists()
    assert "Traceback" not in log
    assert not [line for line in log.splitlines() if line.lstrip().startswith("::") or "##[" in line]
    if job.result == "failure":
        assert re.search(r"^error: .*(expected|Expected|unknown)", log, re.MULTILINE), log[-2000:]
    return job.result


CHECKED = [ROOT / f".github/workflows/{name}.yml" for name in ("pipeline", "single_model", "watch")]


def check_refusals(stage, path, turn):
    workflow, texts = read(path), hostile_texts(stage.canary)
    variables = {name.upper() for name in references(workflow, "vars")}
    inputs, given = rotated(free_inputs(workflow), texts, turn), rotated(variables, texts, turn + 7)
    assert first_result(stage, path, inputs, given) == "failure"


@pytest.mark.parametrize("path", CHECKED, ids=named)
def test_the_projects_own_commands_refuse_them(stage, path):
    check_refusals(stage, path, 3)


@pytest.mark.long
@pytest.mark.parametrize("turn", range(39))
@pytest.mark.parametrize("path", CHECKED, ids=named)
def test_the_projects_own_commands_refuse_all_of_them(stage, path, turn):
    check_refusals(stage, path, turn)


@pytest.mark.long
@pytest.mark.parametrize("turn", range(39))
def test_texts_that_are_legal_run_nothing(stage, turn):
    """What is wrong with them is said by the plan, or nothing is: then it is a name that nobody has."""
    for name in sorted(LEGAL_TEXTS):
        given = {"ARBORIST_SOURCE": "reference", name: hostile_texts(stage.canary)[turn]}
        first_result(stage, ROOT / ".github/workflows/pipeline.yml", {}, given)
