"""Time and peak memory of each stage on what the machine carries: `python -m benchmarks.bench_pipeline`.

Runs every stage as a process of its own on an empty store, then the whole pipeline once more, and prints a row each:
wall seconds and the largest resident set (VmHWM) of any single process that the stage started.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipeline.settings import ROOT

STAGES = ("--extract", "--process", "--prune", "--analyze")
POLL_SECONDS = 0.05


def peak_of_session(session: int) -> int:
    """Return the greatest VmHWM in bytes among the live processes of a session."""
    peak = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            lines = (folder / "status").read_text(encoding="utf-8").splitlines()
        except OSError:
            continue  # it ended between two reads
        if int(fields[3]) == session:
            peak = max([peak, *(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))])
    return peak


def measure(arguments: list[str]) -> tuple[float, int]:
    """Run the pipeline with these arguments and return wall seconds and peak bytes of its largest process."""
    command = [sys.executable, str(ROOT / "run_pipeline.py"), "--source", "builtin", *arguments]
    started, peak = time.monotonic(), 0
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, peak_of_session(process.pid))
            time.sleep(POLL_SECONDS)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    return time.monotonic() - started, peak


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        places = ["--store", f"{folder}/arborist.duckdb", "--output-dir", f"{folder}/report"]
        rows = [(stage, measure([stage, *places])) for stage in STAGES]
        rows.append(("--all again", measure(["--all", *places])))
    print(f"{'stage':12} {'seconds':>8} {'largest process, MB':>20}")
    for name, (seconds, peak) in rows:
        print(f"{name:12} {seconds:8.1f} {peak / 1e6:20.0f}")


if __name__ == "__main__":
    main()
