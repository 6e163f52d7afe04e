"""The store of the last good run: the newest finished run of the workflow that left a store which opens.

A run that ended red left a good store, too: a store holds nothing half done, and a job of the matrix that failed is no
reason to do the work of the others again.
"""

import shutil
import tempfile
from pathlib import Path

from pipeline.errors import StoreError, UsageError
from pipeline.progress import Progress
from store import Store
from tools.ci.programs import ask, failure, listed

MOST_RUNS = 30  # of each event that are asked for a store, newest first
# A pull request of a fork can bring a pipeline.yml that it starts itself, from a branch that is called main, too: what
# such a run left is a stranger's. These start for those alone who may write.
EVENTS = ("schedule", "workflow_dispatch")
ARTIFACT = "store"
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
    """Return the numbers of finished runs of a branch that nobody outside could start, newest first."""
    words = ("gh", "run", "list", f"--workflow={workflow}", f"--branch={branch}", "--status=completed")
    found = [
        int(run["databaseId"])
        for event in EVENTS
        for run in listed(*words, f"--event={event}", f"--limit={MOST_RUNS}", fields="databaseId")
    ]
    return sorted(found, reverse=True)


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
