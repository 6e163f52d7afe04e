"""The report as a whole process: seconds and peak memory on a given store and on a large synthetic one.

    python -m benchmarks.bench_report                        # both; --store names another real store
    python -m benchmarks.bench_report synthetic --models 2000 --pruned 20

Each report is written into two empty folders, which must hold the same bytes, and once more where nothing changed.
Memory is the greatest sum of the resident sets of the process and its children; a page that children share with the
server that they were forked from counts in each. Processor seconds stand beside the wall's: where other work runs, they
say what two free cores would take. Status 1 when a bound is missed: 60 s for the real store; 300 s and
3 GB for the synthetic one; 400 kB a markdown file, 150 kB a picture, and 512 kB a CSV, from where on GitHub
shows no table. Wants two cores of its own.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.large_store import MODELS, PRUNED, fill_large
from pipeline.settings import ROOT
from store import Store

DEFAULT_STORE = ROOT / "model_architecture" / "arborist.duckdb"
SECONDS = {"real": 60.0, "synthetic": 300.0}
MOST_BYTES = 3e9
LARGEST_FILE = {".md": 400_000, ".png": 150_000, ".csv": 512_000}
POLL_SECONDS = 0.1
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Measured:
    """One process: wall seconds, processor seconds and peak bytes of it and its children together."""

    seconds: float
    processor: float
    peak: int


@dataclass(frozen=True)
class Living:
    """A live process: processor seconds so far, its own alone, and its resident set in bytes."""

    processor: float
    resident: int


def session_processes(session: int) -> dict[int, Living]:
    """Return a session's live processes by their id."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            state = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue  # it ended between two reads
        if int(state[3]) == session:
            processor = (int(state[11]) + int(state[12])) / TICKS
            found[int(folder.name)] = Living(processor, int(state[21]) * PAGE_BYTES)
    return found


def measure(store: Path, folder: Path, workers: int) -> Measured:
    """Write the report of a store into a folder."""
    places = ["--store", str(store), "--output-dir", str(folder), "--workers", str(workers)]
    started, peak = time.monotonic(), 0
    seen: dict[int, Living] = {}
    command = [sys.executable, "-m", "analysis", "run", *places]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            living = session_processes(process.pid)
            seen |= living
            peak = max(peak, sum(one.resident for one in living.values()))
            time.sleep(POLL_SECONDS)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    processor = sum(one.processor for one in seen.values())
    return Measured(time.monotonic() - started, processor, peak)


def missed_bounds(name: str, store: Path, folder: Path, workers: int) -> Iterator[str]:
    """Measure a store, print a row a process, and say which bounds are missed."""
    first, again = folder / "first", folder / "again"
    rows = {
        "empty folder": measure(store, first, workers),
        "other empty folder": measure(store, again, workers),
        "nothing changed": measure(store, first, workers),
    }
    for what, row in rows.items():
        print(f"{name:10} {what:20} {row.seconds:8.1f} s {row.processor:8.1f} s processor {row.peak / 1e6:8.0f} MB")
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    differ = [str(path) for path in files if (first / path).read_bytes() != (again / path).read_bytes()]
    if differ:
        yield f"{name}: {len(differ)} files differ between two reports of one store: {', '.join(differ[:5])}"
    yield from (f"{name}: {text}" for text in _too_large(first, files))
    if rows["empty folder"].seconds > SECONDS[name]:
        yield f"{name}: the report took more than {SECONDS[name]:g} s"
    if rows["empty folder"].peak > MOST_BYTES:
        yield f"{name}: the report took more than {MOST_BYTES / 1e9:g} GB"


def _too_large(folder: Path, files: list[Path]) -> Iterator[str]:
    sizes = {path: (folder / path).stat().st_size for path in files}
    print(f"{'':10} {len(files)} files, {sum(sizes.values()) / 1e6:.1f} MB")
    for path, size in sizes.items():
        if size > LARGEST_FILE.get(path.suffix, size):
            yield f"{path} has {size / 1000:.0f} kB"


def main() -> None:
    """Run what was asked for; status 1 when a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["real", "synthetic"], help="real, synthetic")
    parser.add_argument("--store", type=Path, default=DEFAULT_STORE, help="the store of `make run`; it is copied")
    parser.add_argument("--models", type=int, default=MODELS, help="models of the synthetic store")
    parser.add_argument("--pruned", type=int, default=PRUNED, help="of them with 20 experiments each")
    parser.add_argument("--workers", type=int, default=0, help="processes that draw; 0 = one a core")
    asked = parser.parse_args()
    missed = []
    for name in asked.what:
        with tempfile.TemporaryDirectory() as folder:
            store = Path(folder) / "arborist.duckdb"
            if name == "real":
                shutil.copy(asked.store, store)
            else:
                _write_large(store, asked.models, asked.pruned)
            missed += missed_bounds(name, store, Path(folder), asked.workers)
    for text in missed:
        print(f"MISSED: {text}")
    sys.exit(bool(missed))


def _write_large(path: Path, models: int, pruned: int) -> None:
    started = time.monotonic()
    with Store.open(path) as store:
        fill_large(store, models, pruned)
    print(f"synthetic store of {models:,} models written in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
