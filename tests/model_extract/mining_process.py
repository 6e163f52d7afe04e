"""The real command line in a process of its own, with a home, a cache and a folder for scratch files of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.settings import ROOT

TOKEN = "hf_CANARYtokenCANARYtokenCANARYtoken"


@dataclass(frozen=True)
class Place:
    """Where a process lives: all that it may write is below `root`."""

    root: Path

    @property
    def store(self) -> Path:
        return self.root / "store" / "arborist.duckdb"

    def environment(self, endpoint: str) -> dict[str, str]:
        """Return all variables of the process: none comes from here but the search path."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root / "home"),
            "HF_HOME": str(self.root / "cache"),
            "TMPDIR": str(self.root / "scratch"),
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "HF_ENDPOINT": endpoint,
            "HF_TOKEN": TOKEN,
        }


@contextmanager
def new_place() -> Iterator[Place]:
    """Give an empty place, gone at the end. Its path is short: sockets lie in it, with paths of 107 bytes at most."""
    with TemporaryDirectory(prefix="mining-") as folder:
        for name in ("home", "cache", "scratch", "folder"):
            (Path(folder) / name).mkdir()
        yield Place(Path(folder))


def start(place: Place, endpoint: str, *flags: str) -> "subprocess.Popen[bytes]":
    """Start `python -m model_extract run --source hub` with these flags; output and errors go to files in `root`.

    It leads a process group of its own, as a command on a terminal does.
    """
    command = [sys.executable, "-m", "model_extract", "run", "--source", "hub", "--store", str(place.store), *flags]
    with (place.root / "output").open("ab") as output, (place.root / "errors").open("ab") as errors:
        return subprocess.Popen(
            command,
            cwd=place.root / "folder",
            env=place.environment(endpoint),
            stdout=output,
            stderr=errors,
            process_group=0,
        )


def said(place: Place) -> str:
    """Return what the processes of a place have printed."""
    return "".join((place.root / name).read_text(encoding="utf-8") for name in ("output", "errors"))


def files_below(root: Path) -> set[str]:
    """Return all files and folders below a folder, links and sockets too."""
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def descendants(pid: int) -> Sequence[int]:
    """Return the processes that a process has started, and those that they have."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (parent := _parent(folder)) is not None:
            parents[int(folder.name)] = parent
    found = [pid]
    for one in found:
        found.extend(child for child, parent in parents.items() if parent == one)
    return found[1:]


def _parent(folder: Path) -> int | None:
    try:
        return int((folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
    except (OSError, IndexError):  # it has ended
        return None
