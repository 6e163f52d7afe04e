"""A folder beside a checkpoint to write it in, and its way into place: neither the old nor the new one is ever lost.

A workspace is a folder `.arborist-*` beside the target, locked by the process that made it for as long as that lives:

    target       the name of the folder that the checkpoint is for
    checkpoint   the new checkpoint while it is written and checked
    old          the checkpoint that was in the target's place, from the first rename to the end

A process that is killed leaves its workspace. `recover` looks at those that nobody has locked: where the target went
away and the new checkpoint did not arrive, it arrives now; everything else that was left is deleted.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_PREFIX = ".arborist-"
_NAMES = frozenset({"target", "checkpoint", "old"})


@dataclass(frozen=True)
class Workspace:
    """The folder that a checkpoint is written in, and the one that it is for."""

    place: Path
    target: Path

    @property
    def draft(self) -> Path:
        """Return where the new checkpoint is written."""
        return self.place / "checkpoint"

    def finish(self) -> None:
        """Put the checked draft in the target's place; what was there goes with the workspace."""
        old = self.place / "old"
        if self.target.exists():
            self.target.rename(old)
        try:
            self.draft.rename(self.target)
        except OSError:
            if old.exists():
                old.rename(self.target)
            raise


@contextmanager
def workspace(target: Path) -> Iterator[Workspace]:
    """Recover what was left beside `target` and hold a workspace for it, deleted at the end. Raises `OSError`."""
    recover(target.parent)
    with _locked(target.parent):
        place = Path(tempfile.mkdtemp(dir=target.parent, prefix=_PREFIX))
        lock = _lock(place)
    try:
        (place / "target").write_text(target.name, encoding="utf-8")
        yield Workspace(place, target)
    finally:
        _recover(place)  # Ctrl-C may come between the renames
        _unlock(lock)


def recover(parent: Path) -> None:
    """Finish or delete what killed processes left in a folder. Raises `OSError`."""
    with _locked(parent):
        for place in sorted(parent.glob(f"{_PREFIX}*")):
            lock = _lock(place)
            if lock is not None:
                _recover(place)
                _unlock(lock)


def recover_beside(target: Path) -> None:
    """Recover what was left beside a folder where that can be done: what cannot be written to is left as it is."""
    with suppress(OSError):
        recover(target.parent)


def _recover(place: Path) -> None:
    """Finish or delete a workspace whose process is gone.

    Where the target's place was taken by something else since, both checkpoints stay where they are.
    """
    old, draft, target = place / "old", place / "checkpoint", _target(place)
    if not {each.name for each in place.iterdir()} <= _NAMES or (old.exists() and target is None):
        return  # not ours
    if old.exists() and draft.exists():  # killed between the renames: the draft was checked before the first
        if target is None or os.path.lexists(target):
            return
        draft.rename(target)
    _delete(place)


def _delete(place: Path) -> None:
    """Delete a workspace. Its `old` goes before its `target`, without which nobody could tell what `old` is."""
    for name in ("checkpoint", "old"):
        shutil.rmtree(place / name, ignore_errors=True)
    shutil.rmtree(place, ignore_errors=True)


def _target(place: Path) -> Path | None:
    try:
        name = (place / "target").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    # A name and no path: what it says is renamed to.
    return place.parent / name if name and name == Path(name).name else None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder, waiting for others: making a workspace and looking for dead ones happen one at a time."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # some network file systems lock no folder
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _lock(place: Path) -> int | None:
    """Return the handle of a lock on a workspace, which ends with the process.

    None when a living process holds it, when it is no folder, and where the file system locks none: nothing is
    recovered there.
    """
    try:
        handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _unlock(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)
