"""Work on a Ray cluster (https://docs.ray.io): one Ray task a task, each in one child of the worker's own machine.

The cluster is the one at RAY_ADDRESS, whose machines need this project at the same path; without that variable one is
started on this machine, and ended afterwards. Needs the extra: pip install 'arborist[ray]'.
"""

import logging
import os
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pipeline.engines.elsewhere import pack, perform, require_extra, unpack
from pipeline.engines.environment import for_programs
from pipeline.engines.records import Argument, Limits, Outcome, OutcomeStatus, Task, Value

_VARIABLES = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing about this machine is reported to anybody
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # the coming default; says so at every start otherwise
}
# What travels are configs and rows, no weights; the default is a third of the machine's memory.
_OBJECT_STORE_BYTES = 200_000_000


@dataclass(frozen=True)
class RayEngine:
    """Tasks of a Ray cluster."""

    name: str = "ray"

    def check(self) -> None:
        """Raise `UsageError` when Ray is not installed."""
        require_extra(self.name, "ray")

    def run(
        self,
        function: Callable[[Argument], Value],
        tasks: Iterable[Task[Argument]],
        *,
        workers: int,
        limits: Limits,
        preload: Sequence[str] = (),
    ) -> Generator[Outcome[Value], None, None]:
        """See `Engine.run`. A task has one CPU and `limits.gpus` GPUs; a lost worker or node is "crashed"."""
        self.check()
        with session(workers):
            import ray

            # A worker's warm server keeps the GPU that it was started with: no second task of another GPU meets it.
            calls = 1 if limits.gpus else 0
            remote = ray.remote(num_cpus=1, num_gpus=limits.gpus, max_retries=0, max_calls=calls)(perform)
            waiting = iter(tasks)
            running: dict[Any, Task[Argument]] = {}
            try:
                while True:
                    for task in islice(waiting, workers - len(running)):
                        running[remote.remote(pack(function, task, limits, preload))] = task
                    if not running:
                        return
                    (reference,), _ = ray.wait([*running])
                    yield _outcome(reference, running.pop(reference))
            finally:
                for reference in running:
                    ray.cancel(reference, force=True)


@contextmanager
def session(workers: int) -> Iterator[None]:
    """Be connected to Ray: as this process already is, to the cluster at RAY_ADDRESS, or to one started here."""
    import ray

    if ray.is_initialized():
        yield
        return
    address = os.environ.get("RAY_ADDRESS")
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        own = {
            "num_cpus": workers,
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE_BYTES,
            "_temp_dir": folder,
        }
        with for_programs(_VARIABLES):
            ray.init(address or "local", log_to_driver=False, logging_level=logging.ERROR, **({} if address else own))
        try:
            yield
        finally:
            ray.shutdown()


def _outcome(reference: Any, task: Task[Any]) -> Outcome[Any]:
    """Return what became of a Ray task: the outcome that its worker sent, or how the worker was lost."""
    import ray
    from ray.exceptions import OutOfMemoryError, RayError, RayTaskError

    try:
        return unpack(ray.get(reference))
    except OutOfMemoryError as error:
        return _lost(task, "out_of_memory", error)
    except RayTaskError as error:
        return _lost(task, "error", error.cause or error)
    except RayError as error:
        return _lost(task, "crashed", error)


def _lost(task: Task[Any], status: OutcomeStatus, error: Exception) -> Outcome[Any]:
    first_line = str(error).strip().partition("\n")[0]
    return Outcome(task.key, status, None, f"{type(error).__name__}: {first_line}", 0.0)
