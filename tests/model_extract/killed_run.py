"""A run that is killed after a number of outcomes: `python killed_run.py STORE FOLDER OUTCOMES`."""

import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

from model_extract.stage import run
from pipeline.progress import PlainProgress
from store import Store
from tests.model_extract.stage_runs import settings_for


class KillingProgress(PlainProgress):
    """Kills its own process, without any clean-up, at the given count."""

    @contextmanager
    def track(self, label, total):
        yield self

    def advance(self, note: str = "") -> None:
        self.left = getattr(self, "left", int(sys.argv[3])) - 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    with Store.open(Path(sys.argv[1])) as opened:
        run(opened, settings_for(Path(sys.argv[2]), workers=2), KillingProgress())
