"""The commands on a store in which nothing is to be done, and outside a workflow."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from store import Store
from tools.ci.__main__ import app
from tools.workflows.command_files import CommandFiles


@pytest.fixture
def path(step) -> Path:
    Store.open(step.folder / "a/arborist.duckdb").close()
    return step.folder / "a/arborist.duckdb"


def run(*arguments: str | Path, code: int = 0) -> str:
    answer = CliRunner().invoke(app, [*map(str, arguments)])
    assert answer.exit_code == code, answer.output
    return answer.output


def test_nothing_to_prune_is_no_job(path: Path, step) -> None:
    assert "0 experiments in 0 jobs" in run("matrix", "--store", path)
    outputs = CommandFiles(step.folder).outputs()
    assert outputs == {"matrix": '{"include": []}', "jobs": "0"}
    assert json.loads((path.parent / "matrix.json").read_text()) == {"include": []}


def test_nothing_to_measure(path: Path) -> None:
    assert "analyses: nothing to measure" in run("redundancy", "--store", path)
    with Store.open(path, create=False) as store:
        assert store.rows("SELECT stage, status FROM runs") == [("prune", "done")]


def test_a_summary_of_nothing(path: Path, step) -> None:
    told = run("summary", "--store", path, "--results", "extract=skipped")
    assert step.summary.read_text().strip() == (step.folder / "summary.md").read_text().strip() == told.strip()
    assert "| models listed | 0 |" in told


def test_results_that_are_no_words(path: Path) -> None:
    assert "--results: expected words such as extract=success" in run(
        "summary", "--store", path, "--results", "what", code=2
    )


def test_publishing_nowhere(step, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARBORIST_PUBLISH", "none")
    assert "ARBORIST_PUBLISH: expected pull-request or commit" in run("publish", "incoming", code=2)


def test_restoring_outside_a_workflow(step, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_REF_NAME")
    assert "GITHUB_REF_NAME: expected a value" in run("restore", "--store", step.folder / "b.duckdb", code=2)


@pytest.mark.parametrize(("asked", "wanted"), [("none", "false"), ("standard", "true")])
def test_a_job_for_analyses_where_there_are_any(
    asked: str, wanted: str, path: Path, step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARBORIST_SOURCE", "reference")
    monkeypatch.setenv("ARBORIST_ANALYSES", asked)
    run("plan", "--store", path)
    assert re.search(rf"^analyses<<(\S+)\n{wanted}\n\1$", step.output.read_text(), re.MULTILINE)


def test_a_gpu_is_planned_for_where_there_is_none_and_refused_on_githubs_machines(
    path: Path, step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setenv("ARBORIST_DEVICE", "cuda")
    monkeypatch.setenv("ARBORIST_SOURCE", "reference")
    said = run("plan", "--store", path, code=2)
    assert "ARBORIST_DEVICE: expected auto or cpu on ubuntu-24.04, got 'cuda'" in said
    assert not step.output.exists()
    monkeypatch.setenv("ARBORIST_GPU_RUNNER", "true")
    run("plan", "--store", path)
    assert "0 experiments in 0 jobs" in run("matrix", "--store", path)
    assert "torch sees 0 CUDA devices here" in run("redundancy", "--store", path, code=2)
    with Store.open(path, create=False) as store:
        assert store.rows("SELECT count(*) FROM runs") == [(0,)]
