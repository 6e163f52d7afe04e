"""The whole grid, timed: `python -m benchmarks.bench_grid [--ratios 0.1,0.25,0.5] [--seeds 3] [--workers 2]`.

Every method on the five reference models at three ratios with three seeds, through `run_pipeline.py --prune` into a
scratch store. Prints the experiments by how they ended, seconds, the ten slowest methods, and what the same command
costs and adds when it runs again. Ends with status 1 when the grid takes 30 minutes, when an experiment ended for
another reason than that the method does not fit, and when the second run adds anything.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipeline.settings import ROOT
from pruning.methods import METHODS
from store import Store

LIMIT_SECONDS = 30 * 60
_ENDED = "SELECT status, coalesce(reason, ''), count(*) FROM experiments GROUP BY ALL ORDER BY ALL"
_SLOWEST = (
    "SELECT method, count(*), sum(seconds), avg(seconds) FROM experiments GROUP BY ALL ORDER BY sum(seconds) DESC "
    "LIMIT 10"
)
_ROWS = "SELECT (SELECT count(*) FROM experiments) + (SELECT count(*) FROM metrics) + (SELECT count(*) FROM samples)"
_FITTING = ("", "unsupported", "ratio_too_small")


def seconds_of(store: Path, *flags: str) -> float:
    """Run the pipeline on a store and return the seconds it took. Raises `CalledProcessError` when it fails."""
    started = time.perf_counter()
    command = [sys.executable, str(ROOT / "run_pipeline.py"), *flags, "--store", str(store), "--source", "reference"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def rows_in(store: Path) -> int:
    """Return the rows of experiments, metrics and samples."""
    with Store.open(store, create=False) as opened:
        return int(opened.rows(_ROWS)[0][0])


def report(store: Path) -> bool:
    """Print how the experiments ended and where the time went; return whether each did or did not fit."""
    with Store.open(store, create=False) as opened:
        ended, slowest = opened.rows(_ENDED), opened.rows(_SLOWEST)
    for status, reason, count in ended:
        print(f"     {count:5,} {status} {reason}")
    for method, count, total, mean in slowest:
        print(f"     {method:<26} {count:4} experiments {total:7.1f} s, {mean:.2f} s each")
    return all(reason in _FITTING for _, reason, _ in ended)


def main() -> int:
    """Measure and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ratios", default="0.1,0.25,0.5")
    parser.add_argument("--seeds", default="3")
    parser.add_argument("--workers", default="2")
    parser.add_argument("--methods", default=",".join(METHODS.names()))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="arborist-grid-") as folder:
        store = Path(folder) / "grid.duckdb"
        seconds_of(store, "--extract", "--process")
        flags = ["--prune", "--analyses", ""]
        for name, value in vars(given).items():
            flags += [f"--{name}", value]
        seconds = seconds_of(store, *flags)
        fitting, rows = report(store), rows_in(store)
        again, added = seconds_of(store, *flags), rows_in(store) - rows
    kept = seconds < LIMIT_SECONDS and fitting and not added
    print(
        f"{'ok  ' if kept else 'MISS'} the grid {seconds:.0f} s (under {LIMIT_SECONDS} s) with {given.workers} workers"
    )
    print(f"     again {again:.1f} s, {added} rows added")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
