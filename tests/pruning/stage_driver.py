"""Runs stage 3 on a store and dies by SIGKILL at a chosen point.

Arguments: store, and the point: `result:N` (after the N-th result), `insert:N` (in the transaction of the N-th result,
when everything is written and nothing committed).
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.progress import PlainProgress
from pipeline.settings import load_settings
from pruning import stage
from store import Store

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


def main(store_path: str, point: str) -> None:
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


if __name__ == "__main__":
    main(*sys.argv[1:])
