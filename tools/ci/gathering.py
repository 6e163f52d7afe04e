"""The stores that the jobs of a matrix left, merged into one."""

from pathlib import Path

from pipeline.errors import StoreLockedError, StoreUnreadableError, UsageError
from pipeline.progress import Progress
from pipeline.text import count_of
from store import Store
from store.merging import merge


def gather(store: Store, folder: Path, progress: Progress) -> int:
    """Merge every store below a folder, in alphabetical order; return how many could not be read.

    A job that was killed may leave half a file: what the others did is kept. Raises `StoreError` when the store cannot
    take what a part has: to go on would hand on a store that lacks it.
    """
    unreadable = 0
    for path in sorted(folder.glob("**/*.duckdb")):
        try:
            merged = merge(store, path)
        except (StoreLockedError, StoreUnreadableError, UsageError) as error:
            unreadable += 1
            progress.error(str(error))
        else:
            told = f"{path.parent.name}: {count_of(merged.runs, 'new run')}, {count_of(merged.rows, 'row')}"
            progress.result(told, part=str(path), runs=merged.runs, rows=merged.rows)
    return unreadable
