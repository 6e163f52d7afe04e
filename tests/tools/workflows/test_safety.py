"""What holds for every workflow of this project, whatever it does."""

import re

import pytest

from pipeline.settings import ROOT
from tools.workflows import read_workflow, references, survey
from tools.workflows.reach import beyond_hosted, reached_from_outside

FILES = sorted((ROOT / ".github").glob("workflows/*.yml"))
ALL_FILES = [*FILES, *sorted((ROOT / ".github").glob("actions/*/action.yml"))]


def names(path):
    return path.parent.name if path.name == "action.yml" else path.name


@pytest.fixture(params=ALL_FILES, ids=names)
def surveyed(request):
    return survey(request.param)


@pytest.fixture(params=FILES, ids=names)
def workflow(request):
    return read_workflow(request.param)


def test_there_are_workflows():
    assert {path.name for path in FILES} >= {"ci.yml", "pipeline.yml", "watch.yml", "single_model.yml"}


def test_no_expression_becomes_a_command(surveyed):
    assert surveyed.expressions_in_runs() == ()


SURVEYS = [survey(path) for path in FILES]


def test_no_pull_request_reaches_a_self_hosted_runner():
    reached = reached_from_outside(SURVEYS)
    assert "ci.yml" in [file.path.name for file in reached], "or this test looks at nothing"
    assert {file.path.name: beyond_hosted(file) for file in reached} == {file.path.name: [] for file in reached}
    assert [found for file in reached for found in file.texts if "self-hosted" in found.text] == []


def test_what_a_pull_request_starts_may_only_read(workflow):
    if workflow.path.name in [file.path.name for file in reached_from_outside(SURVEYS)]:
        assert references(workflow, "secrets") == set()
        assert [job.permissions for job in workflow.jobs.values()] == [{"contents": "read"}] * len(workflow.jobs)


# Nothing that loads a model or asks a store from elsewhere for more than its tables; extraction builds its models in
# processes that have no secret (`pipeline.engines.environment`).
HOLDERS = {
    "secrets.HF_TOKEN": {
        "python -m pruning fetch",
        "python -m pruning fetch --plan-only",
        "python -m tools.single_model fetch",
        "python run_pipeline.py --extract",
    },
    "github.token": {
        "python -m tools.ci publish incoming",
        "python -m tools.ci restore",
        "python -m tools.watch --issue",
    },
}


@pytest.mark.parametrize("secret", HOLDERS)
def test_a_secret_is_in_the_environment_of_few_steps(secret):
    runs = set()
    for file in SURVEYS:
        texts = {found.path: found.text for found in file.texts}
        holding = [path for path, text in texts.items() if secret in text]
        assert [path for path in holding if path[2:3] != ("steps",) or path[4:5] != ("env",)] == []
        runs |= {texts[*path[:4], "run"] for path in holding}
    assert runs == HOLDERS[secret]


def test_only_known_events_start_anything():
    known = {"schedule", "workflow_dispatch", "push", "pull_request"}
    assert {event for file in SURVEYS for event in file.triggers} <= known
    for file in SURVEYS:
        branches = [found.text for found in file.texts if found.path[:3] == ("on", "push", "branches")]
        assert branches == (["main"] if "push" in file.triggers else [])


REACHING = {
    "a label": ("{pull_request: }", "{runs-on: self-hosted}"),
    "one of several": ("[push, pull_request_target]", "{runs-on: [self-hosted, gpu]}"),
    "a group": ("pull_request", "{runs-on: {group: ubuntu-24.04}}"),
    "an output": ("pull_request", "{runs-on: '${{ fromJSON(needs.plan.outputs.runner) }}'}"),
    "a variable": ("pull_request_review", "{runs-on: '${{ vars.RUNNER }}'}"),
    "a choice": ("issue_comment", "{runs-on: \"${{ github.event_name == 'push' && 'gpu' || 'ubuntu-24.04' }}\"}"),
    "a matrix": ("pull_request", "{runs-on: '${{ matrix.os }}', strategy: {matrix: {os: [self-hosted]}}}"),
    "a workflow elsewhere": ("pull_request", "{uses: a/b/.github/workflows/c.yml@0000}"),
    "another label of theirs": ("pull_request", "{runs-on: macos-latest}"),
    "a call": ("pull_request", "{uses: ./.github/workflows/inner.yml}"),
    "a run behind": ("{pull_request: , push: }", "{runs-on: ubuntu-24.04}"),
}


@pytest.mark.parametrize("what", REACHING)
def test_the_proof_can_fail(what, tmp_path):
    event, job = REACHING[what]
    inner = "{workflow_run: {workflows: [CI]}}" if what == "a run behind" else "workflow_call"
    (tmp_path / "outer.yml").write_text(f"on: {event}\njobs:\n  a: {job}\n")
    (tmp_path / "inner.yml").write_text(f"on: {inner}\njobs:\n  b: {{runs-on: [self-hosted]}}\n")
    (tmp_path / "other.yml").write_text("on: push\njobs:\n  c: {runs-on: self-hosted}\n")
    reached = reached_from_outside([survey(path) for path in sorted(tmp_path.glob("*.yml"))])
    assert "other.yml" not in [file.path.name for file in reached]
    assert [found for file in reached for found in beyond_hosted(file)] != []


def test_nothing_is_hidden_from_the_linters(surveyed):
    assert "zizmor:" not in surveyed.path.read_text(), "no finding is ignored"
    assert "yamllint" not in surveyed.path.read_text()


def test_actions_are_pinned_with_their_version(surveyed):
    wrong = [use for use in surveyed.uses if not use.local and not (use.pinned and use.version)]
    assert wrong == []


def test_one_commit_an_action():
    pins = {use.text for path in ALL_FILES for use in survey(path).uses if not use.local}
    assert len(pins) == len({pin.partition("@")[0] for pin in pins})


def test_nothing_is_allowed_that_a_job_does_not_ask_for(workflow):
    assert workflow.permissions == {}
    for job in workflow.jobs.values():
        assert job.permissions is not None, job.id


def test_jobs_end(workflow):
    assert workflow.concurrency is not None
    assert [job.id for job in workflow.jobs.values() if not job.uses and job.timeout_minutes is None] == []


def test_a_checkout_keeps_no_credentials(surveyed):
    texts = {found.path: found.text for found in surveyed.texts}
    kept = [
        path
        for path, text in texts.items()
        if text.startswith("actions/checkout@") and texts.get((*path[:-1], "with", "persist-credentials")) != "false"
    ]
    assert kept == []


def test_downloads_never_overwrite_one_another(workflow):
    """The one artifact that a pattern finds lies in `path` itself, where that of another pattern would, too."""
    for job in workflow.jobs.values():
        downloads = [step for step in job.steps if (step.uses or "").startswith("actions/download-artifact@")]
        paths = [str(step.given["path"].parts) for step in downloads]
        assert len(set(paths)) == len(paths), job.id


def test_make_check_lints_the_workflows():
    lines = (ROOT / "Makefile").read_text()
    assert re.search(r"^check:.* workflows\b", lines, re.MULTILINE)
    for part in (
        "zizmor --offline --persona pedantic",
        "--builtin-schema vendor.github-workflows",
        "yamllint",
        "shellcheck",
    ):
        assert part in lines
    assert "make format lint types contracts workflows" in (ROOT / ".github/workflows/ci.yml").read_text()
