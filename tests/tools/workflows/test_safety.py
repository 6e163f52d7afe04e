"""What holds for every workflow of this project, whatever it does."""

import pytest

from pipeline.settings import ROOT
from tools.workflows import read_workflow, survey

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
    assert "ci.yml" in [path.name for path in FILES]


def test_no_expression_becomes_a_command(surveyed):
    assert surveyed.expressions_in_runs() == ()


def test_no_pull_request_reaches_a_self_hosted_runner(surveyed):
    if any(event.startswith("pull_request") for event in surveyed.triggers):
        assert [found.place for found in surveyed.texts if "self-hosted" in found.text] == []
        assert all(label.startswith("ubuntu-") for labels in surveyed.labels.values() for label in labels)
        assert [use.text for use in surveyed.uses if use.text.startswith("./.github/workflows/")] == []


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
