"""Which store a run begins with."""

import json
from pathlib import Path

import pytest

from pipeline.errors import StageError, UsageError
from pipeline.progress import PlainProgress
from store import Store
from tools.ci.restoring import restore


def finished(
    runs: Path, run_id: int, stage: str | None, workflow: str = "pipeline.yml", event: str = "schedule"
) -> None:
    """Leave a finished run with a store that holds one run of a stage; None = without a store."""
    folder = runs / str(run_id)
    folder.mkdir()
    record = {"run_id": run_id, "workflow": workflow, "event": event, "conclusion": "failure"}
    (folder / "run.json").write_text(json.dumps(record))
    if stage:
        with Store.open(folder / "artifacts/store/arborist.duckdb") as store, store.run(stage, {}):
            pass


def stages(path: Path) -> list[str]:
    with Store.open(path, create=False) as store:
        return [stage for (stage,) in store.rows("SELECT stage FROM runs")]


def restored(step, name: str = "here/arborist.duckdb") -> tuple[int | None, list[str]]:
    path = step.folder / name
    return restore(path, "pipeline.yml", "main", PlainProgress()), stages(path)


def test_the_newest_store_of_the_workflow_is_taken(step) -> None:
    finished(step.runs, 1, "extract")
    finished(step.runs, 2, "prune")
    finished(step.runs, 3, None)
    finished(step.runs, 10, "analyze", workflow="other.yml")
    assert restored(step) == (2, ["prune"])
    assert [path.name for path in (step.folder / "here").iterdir()] == ["arborist.duckdb"]


def test_numbers_of_runs_are_no_texts(step) -> None:
    finished(step.runs, 9, "extract")
    finished(step.runs, 10, "prune")
    assert restored(step) == (10, ["prune"])


@pytest.mark.parametrize("event", ["pull_request", "push", "workflow_run"])
def test_what_a_fork_can_start_leaves_no_store(event: str, step) -> None:
    finished(step.runs, 1, "extract")
    finished(step.runs, 2, "process", event="workflow_dispatch")
    for run_id in range(3, 40):
        finished(step.runs, run_id, "prune" if run_id == 39 else None, event=event)
    assert restored(step) == (2, ["process"])


def test_a_damaged_store_is_passed_over(step, capsys: pytest.CaptureFixture[str]) -> None:
    finished(step.runs, 1, "extract")
    finished(step.runs, 2, "prune")
    (step.runs / "2/artifacts/store/arborist.duckdb").write_bytes(b"half a file")
    assert restored(step) == (1, ["extract"])
    assert "the store of run 2 is passed over" in capsys.readouterr().err


def test_without_any_store_an_empty_one(step) -> None:
    assert restored(step) == (None, [])


def test_a_github_that_does_not_answer_is_no_reason_to_begin_anew(step, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(step.runs, 1, "extract")
    monkeypatch.delenv("GH_TOKEN")
    with pytest.raises(StageError, match="gh run list: exit status 1: gh: To use GitHub CLI"):
        restored(step)
    monkeypatch.setenv("GH_TOKEN", "token")
    (step.folder / "programs/gh").write_text(
        '#!/bin/sh\n[ "$2" = list ] && echo \'[{"databaseId": 1}]\' && exit\nexit 4\n'
    )
    with pytest.raises(StageError, match="gh run download"):
        restored(step)
    assert not (step.folder / "here/arborist.duckdb").exists()


def test_a_store_is_never_replaced(step) -> None:
    Store.open(step.folder / "a.duckdb").close()
    with pytest.raises(UsageError, match="expected no store"):
        restored(step, "a.duckdb")
