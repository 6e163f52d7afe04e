"""Runs stage 3 on stores, each in a process that dies by SIGKILL at a chosen point; prints how each ended.

Arguments: store, point, store, point, and so on. A point is `result:N` (after the N-th result) or `insert:N` (in the
transaction of the N-th result, when everything is written and nothing committed).
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.progress import PlainProgress
from pipeline.settings import load_settings
from pruning import stage
from store import Store
from tests.pruning.shared_server import end_of, fork, share_the_fork_server

FLAGS = {
    "methods": "random,magnitude,depth-last,depth-angular",
    "ratios": "0.1,0.5",
    "evaluation_windows": "6",
    "calibration_windows": "4",
    "window_tokens": "64",
    "latency_repeats": "2",
    "max_params": "1M",
    "analyses": str(Path(__file__).with_name("blocks_alone.yaml")),
    "workers": "1",  # results come in the order of the plan, and points are counted in it
}


class _Death:
    """Counts down to a SIGKILL of this process."""

    def __init__(self, countdown: int) -> None:
        self._left = countdown

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class _DyingProgress(PlainProgress):
    """Dies when the N-th result is told."""

    def __init__(self, death: _Death) -> None:
        super().__init__()
        self._death = death

    def track(self, label: str, total: int) -> Any:
        counter = super().track(label, total)
        advance = counter.advance  # pyright: ignore[reportAttributeAccessIssue]

        def advance_and_step(note: str = "") -> None:
            advance(note)
            self._death.step()

        counter.advance = advance_and_step  # pyright: ignore[reportAttributeAccessIssue]
        return counter


def run_until(store_path: str, point: str) -> None:
    """Run the stage in this process until it dies."""
    kind, _, number = point.partition(":")
    death = _Death(int(number))
    progress = _DyingProgress(death) if kind == "result" else PlainProgress()
    with Store.open(Path(store_path)) as store:
        if kind == "insert":
            transaction = store.transaction

            @contextmanager
            def transaction_and_step() -> Iterator[None]:
                with transaction():
                    yield
                    death.step()

            store.transaction = transaction_and_step  # pyright: ignore[reportAttributeAccessIssue]
        stage.run(store, load_settings(FLAGS), progress)


def main(arguments: list[str]) -> None:
    """Run the stage on every store, one after another, and print the exit statuses as a JSON list."""
    share_the_fork_server()
    pairs = zip(arguments[::2], arguments[1::2], strict=True)
    statuses = [end_of(fork(partial(run_until, store, point))) for store, point in pairs]
    sys.stdout.write(json.dumps(statuses) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
