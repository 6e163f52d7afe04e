"""Runs `python -m pruning analyse` with a toy analysis again and again in forked children, killing them at random."""

import os
import random
import signal
import time
from importlib import import_module
from pathlib import Path

from pipeline.progress import PlainProgress
from pipeline.registry import Registry
from pipeline.settings import load_settings
from pruning.analyses import configurations
from pruning.analyses.command import AnalyseOrder, analyse_command
from pruning.experiments.run import PRELOAD
from tests.pruning.toy_analyses import SEEING, TOY

COUNT, PAUSE = 20, 0.015
CHOICES = tuple(
    f"{toy}.{name}={value}"
    for toy in ("toy", "seeing")
    for name, value in (("count", COUNT), ("pause", PAUSE), ("refused", 7))
)


def analyse(model: str, store: Path) -> None:
    """Run the command once."""
    order = AnalyseOrder(model, ("toy", "seeing"), None, CHOICES, None, None, None)
    settings = load_settings({"store": str(store), "calibration_windows": "2", "window_tokens": "32"})
    analyse_command(order, settings, PlainProgress())


def killed(model: str, store: Path, seconds: float) -> bool:
    """Run the command in a child and kill it after so long; return whether it was still at work."""
    child = os.fork()
    if child == 0:
        analyse(model, store)
        os._exit(0)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) != 0
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def main(model: str, folder: str, seed: int) -> None:
    """Run the command to its end on one store, and on another after kills; say in a file how many killed it."""
    for module in (*PRELOAD, "pandas", "pyarrow", "transformers.models.llama.modeling_llama"):
        import_module(module)  # once, so that children start in milliseconds
    configurations.ANALYSES = Registry("analysis", [TOY, SEEING])
    drawn = random.Random(seed)
    for name, kills in (("undisturbed", 0), ("killed", 3)):
        store = Path(folder) / name
        count = sum(killed(model, store, drawn.uniform(0.2, 0.6)) for _ in range(kills))
        assert not killed(model, store, 60.0)
        (Path(folder) / f"kills of {name}").write_text(str(count))
