"""The store of the last good run: the newest finished run of the workflow that left a store which opens.

A run that ended red left a good store, too: a store holds nothing half done, and a job of the matrix that failed is no
reason to do the work of the others again.

Only runs that nobody from outside can start count: a pull request from a fork may bring a workflow file of this name
that runs on it, on a branch that is called as ours, and leave a store of its own making.
"""

import json
import shutil
import tempfile
from pathlib import Path

from pipeline.errors import StageError, StoreError, UsageError
from pipeline.progress import Progress
from store import Store
from tools.ci.programs import ask, failure, told

MOST_RUNS = 30  # of each event that are asked for a store, newest first
ARTIFACT = "store"
EVENTS = ("schedule", "workflow_dispatch")
_NO_ARTIFACT = ("no artifact matches", "no valid artifacts found")


def restore(path: Path, workflow: str, branch: str, progress: Progress) -> int | None:
    """Put the store of the last good run at `path` and return the run's number; without one an empty store, and None.

    Raises `StageError` when GitHub does not answer: to begin anew would forget everything that was done.
    """
    if path.exists():
        raise UsageError(f"--store: expected no store at {str(path)!r} to restore one there")
    path.parent.mkdir(parents=True, exist_ok=True)
    for run_id in finished_runs(workflow, branch):
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            if _download(run_id, folder) and _opens(Path(folder) / path.name, run_id, progress):
                shutil.move(Path(folder) / path.name, path)
                return run_id
    Store.open(path).close()
    return None


def finished_runs(workflow: str, branch: str) -> list[int]:
    """Return the numbers of finished runs of a branch, newest first."""
    return sorted((run_id for event in EVENTS for run_id in _runs_of(workflow, branch, event)), reverse=True)


def _runs_of(workflow: str, branch: str, event: str) -> list[int]:
    fields = ("--json", "databaseId", "--limit", str(MOST_RUNS), "--status", "completed", f"--event={event}")
    answer = told("gh", "run", "list", f"--workflow={workflow}", f"--branch={branch}", *fields)
    try:
        return [int(run["databaseId"]) for run in json.loads(answer)]
    except (ValueError, KeyError, TypeError) as error:
        raise StageError(f"gh run list: expected JSON with databaseId, got {answer[:200]!r}") from error


def _download(run_id: int, folder: str) -> bool:
    """Fetch a run's store; False when it has none, or none any more."""
    arguments = ("gh", "run", "download", str(run_id), "--name", ARTIFACT, "--dir", folder)
    answer = ask(arguments)
    if answer.code != 0 and not any(words in answer.errors for words in _NO_ARTIFACT):
        raise failure(arguments, answer)
    return answer.code == 0


def _opens(path: Path, run_id: int, progress: Progress) -> bool:
    try:
        Store.open(path, create=False).close()
    except (StoreError, UsageError) as error:
        progress.note(f"the store of run {run_id} is passed over: {error}")
        return False
    return True
