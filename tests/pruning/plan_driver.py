"""Runs stage 3 with the poisonous methods.

`poison STORE`: once. `kills STORE FOLDER SEED N`: on copies of the store, each run in a forked child that is killed by
SIGKILL at a random moment, until N runs were killed at work: experiments that take no time, in real children. Prints
the committed rows as a JSON object after each kill, and when a copy has come to its end.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from pipeline.progress import PlainProgress
from pipeline.settings import Settings, load_settings
from pruning import stage
from pruning.experiments import run
from pruning.texts import reference_text
from store import Store
from tests.pruning import poisonous_methods
from tests.pruning.shared_server import end_of, fork, share_the_fork_server

MODELINGS = (f"transformers.models.{name}.modeling_{name}" for name in ("bloom", "gpt2", "llama", "opt"))
run.PRELOAD = (*run.PRELOAD, *MODELINGS, "tests.pruning.poisonous_methods")
COMMON = {
    "evaluation_windows": "2",
    "calibration_windows": "2",
    "window_tokens": "32",
    "latency_repeats": "1",
    "analyses": "",
    "workers": "3",
}
POISONED = {
    **COMMON,
    "methods": ",".join(["magnitude", *poisonous_methods.POISONS, "wanda"]),
    "ratios": "0.5",
    "experiment_seconds": "5",
    "experiment_memory": "600M",
}
QUICK = {**COMMON, "methods": "magnitude,mlp-maxmin,depth-last", "ratios": ",".join(f"0.{n}" for n in range(11, 26))}
ROWS = "SELECT run_id, experiment_key, status FROM experiments ORDER BY ALL"


def poison(store: str) -> None:
    """Run the poisoned plan once."""
    with Store.open(Path(store)) as opened:
        report = stage.run(opened, load_settings(POISONED), PlainProgress())
    PlainProgress().result(json.dumps(report.counts))


def kills(fresh: str, folder: str, seed: str, number: str) -> None:
    """Kill runs until so many died at work, and let each store come to its end when one lived long enough."""
    run.perform = poisonous_methods.measure_nothing
    reference_text("evaluation", 2, 32)  # drawn once, so that a run is soon at work
    share_the_fork_server()
    drawn, settings, left, copies = random.Random(int(seed)), load_settings(QUICK), int(number), 0
    while left:
        copies += 1
        store = Path(folder) / f"{copies}.duckdb"
        shutil.copyfile(fresh, store)
        while left and _killed(store, settings, drawn):
            left -= 1
            _tell(store, "killed")
        if _killed(store, settings, None):
            raise SystemExit("a run that nobody killed did not end well")
        _tell(store, "ended")


class _Told(PlainProgress):
    """Writes a byte into a pipe when a result is committed."""

    def __init__(self, pipe: int) -> None:
        super().__init__()
        self._pipe = pipe

    def track(self, label: str, total: int) -> Any:
        counter: Any = super().track(label, total)
        counter.advance = lambda _="": os.write(self._pipe, b".")
        return counter


def _killed(store: Path, settings: Settings, drawn: random.Random | None) -> bool:
    """Run the stage in a child, kill it at a drawn moment if at all, and return whether it was still at work.

    One time in four the moment is counted from the start, else from the first result, whenever a busy machine has it.
    """
    told, pipe = os.pipe()

    def run_stage() -> None:
        os.close(told)
        with Store.open(store) as opened:
            stage.run(opened, settings, _Told(pipe))

    child = fork(run_stage)
    os.close(pipe)
    if drawn is not None:
        if drawn.random() > 0.25:
            os.read(told, 1)
        time.sleep(drawn.uniform(0.0, 0.4))
        os.kill(child, signal.SIGKILL)
    status = end_of(child)
    os.close(told)
    return status != 0


def _tell(store: Path, event: str) -> None:
    """Print what is committed, read by a child: no connection lives in the process that forks."""

    def read() -> None:
        with Store.open(store) as opened:
            rows = opened.rows(ROWS)
            orphans = opened.rows("SELECT count(*) FROM metrics ANTI JOIN experiments USING (run_id, experiment_key)")
        fields = {"store": store.name, "event": event, "rows": rows, "orphans": orphans[0][0]}
        sys.stdout.write(json.dumps(fields) + "\n")
        sys.stdout.flush()

    assert end_of(fork(read)) == 0


if __name__ == "__main__":
    {"poison": poison, "kills": kills}[sys.argv[1]](*sys.argv[2:])
