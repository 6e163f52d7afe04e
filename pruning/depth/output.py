"""Writing one file: whole or not at all, and over another one only when that is asked for."""

import os
import tempfile
from pathlib import Path

from pipeline.errors import UsageError


def check_file(path: Path, *, overwrite: bool) -> None:
    """Raise `UsageError` when a file cannot go to `path`: something is there already, or there is no such folder."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise UsageError(f"--output: expected a file, got {str(path)!r}")
    if path.exists() and not overwrite:
        raise UsageError(f"--output: {str(path)!r} exists already; name another file or give --overwrite")
    if not path.parent.is_dir():
        raise UsageError(f"--output: expected a folder at {str(path.parent)!r}; there is none")


def write_file(path: Path, content: bytes, *, overwrite: bool) -> None:
    """Write a file beside its place and move it there. Raises `UsageError`; what was there is whole then."""
    check_file(path, overwrite=overwrite)
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".arborist-") as place:
            draft = Path(place) / "draft"
            draft.write_bytes(content)
            if overwrite:
                draft.replace(path)
            else:
                os.link(draft, path)  # fails when a file has come there meanwhile
    except OSError as error:
        raise UsageError(f"--output: cannot write {str(path)!r}: {error.strerror}") from error
