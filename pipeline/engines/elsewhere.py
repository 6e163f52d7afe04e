"""A task on another machine: packed here, run there in a child of that machine's own local engine.

So limits hold there as they hold here, and whatever a task does to its process comes back as the same outcome. Tasks
and outcomes travel as plain pickles of this project's own values; both sides need the same version of this project.
"""

import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from pipeline.engines.local import LocalEngine
from pipeline.engines.records import Limits, Outcome, Task
from pipeline.errors import UsageError


def pack(function: Callable[[Any], Any], task: Task[Any], limits: Limits, preload: Sequence[str]) -> bytes:
    """Return all that `perform` needs. Raises `UsageError` for a function that no other process could import."""
    if function.__module__ == "__main__":
        name = function.__qualname__
        raise UsageError(f"expected a function of a module, got {name!r} of a script: move it, or use --engine local")
    return pickle.dumps((sys.path, pickle.dumps((function, task, limits, tuple(preload)))))


def perform(packed: bytes) -> bytes:
    """Run a packed task in one child of this machine and return its packed outcome."""
    paths, work = pickle.loads(packed)  # noqa: S301  # our own, from `pack`
    sys.path.extend(path for path in paths if path not in sys.path)
    function, task, limits, preload = pickle.loads(work)  # noqa: S301  # our own, from `pack`
    with _without_script():
        (outcome,) = LocalEngine().run(function, [task], workers=1, limits=limits, preload=preload)
    return pickle.dumps(outcome)


@contextmanager
def _without_script() -> Iterator[None]:
    """Let children import nothing of the script that the cluster's worker runs: Ray's costs each of them 0.2 s."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def unpack(packed: bytes) -> Outcome[Any]:
    """Return the outcome that `perform` packed."""
    return pickle.loads(packed)  # noqa: S301  # our own, from `perform`


def require_extra(engine: str, package: str) -> None:
    """Raise `UsageError` when an engine's package is not installed."""
    if find_spec(package) is None:
        raise UsageError(
            f"--engine {engine}: expected the package {package}; install the extra: pip install 'arborist[{engine}]'"
        )
