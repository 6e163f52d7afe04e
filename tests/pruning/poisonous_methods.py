"""Methods that do to a child what experiments do on a bad day; importing this module adds them to the list.

Children import it with the modules that they preload, so that it holds wherever an experiment is done.
"""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pruning.api
import pruning.experiments.plan
from pipeline.registry import Registry
from pruning.evaluation.records import Measurement
from pruning.experiments.specification import Experiment
from pruning.experiments.work import Result
from pruning.methods import METHODS
from pruning.removal.records import Method, PruningRequest, Removal


def swallow_memory(_: PruningRequest) -> Removal:
    import torch

    held = []
    while True:
        held.append(torch.ones(25_000_000))


def never_end(_: PruningRequest) -> Removal:
    while True:
        pass


def kill_itself(_: PruningRequest) -> Removal:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def leave_not_a_number(request: PruningRequest) -> Removal:
    weight = request.adapter.prunable[0].weight(request.model)
    weight[0, 0] = float("nan")
    return Removal(1, weight.numel(), False)


def raise_an_error(_: PruningRequest) -> Removal:
    raise ZeroDivisionError("division by zero")


def measure_nothing(_: Experiment) -> Result:
    """Stand for an experiment that takes no time to speak of."""
    time.sleep(0.02)
    numbers = tuple((f"number_{each}", Measurement(float(each), "1")) for each in range(5))
    return Result("done", None, None, numbers, (("prompt", "text"),))


def _toy(name: str, function: Callable[[Any], Removal]) -> Method:
    return Method(name, 1, "for tests", "weight", False, False, function)


POISONS = {
    "swallow-memory": swallow_memory,
    "never-end": never_end,
    "kill-itself": kill_itself,
    "leave-not-a-number": leave_not_a_number,
    "raise-an-error": raise_an_error,
}
TOYS = [_toy(name, function) for name, function in POISONS.items()]

pruning.api.METHODS = pruning.experiments.plan.METHODS = Registry("method", [*METHODS, *TOYS])
