"""Work in child processes of this machine.

Children are forked from one warm server process that has imported the heavy libraries, so a new child costs
milliseconds. Whatever happens to a child (out of memory, endless loop, crash) becomes an `Outcome`; the parent goes on.
Results come in the order in which they finish.
"""

import signal
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import wait
from multiprocessing.forkserver import ensure_running, set_forkserver_preload

from pipeline.engines.child import Child
from pipeline.engines.environment import for_programs
from pipeline.engines.records import Argument, Limits, Outcome, Task, Value


@dataclass(frozen=True)
class LocalEngine:
    """Child processes of this machine: needs nothing."""

    name: str = "local"

    def check(self) -> None:
        """Everything that this engine needs is there."""

    def run(
        self,
        function: Callable[[Argument], Value],
        tasks: Iterable[Task[Argument]],
        *,
        workers: int,
        limits: Limits,
        preload: Sequence[str] = (),
    ) -> Generator[Outcome[Value], None, None]:
        """See `Engine.run`.

        The warm server imports `preload` once before the first child; children of a server that was started without
        them import them before their limits begin. `limits.gpus` is not enforced: every child sees every GPU.
        """
        context = get_context("forkserver")
        start_server(preload)
        waiting = iter(tasks)
        pool: list[Child] = []
        try:
            while True:
                for task in islice(waiting, workers - len(pool)):
                    pool.append(Child(context, function, limits, preload))
                    pool[-1].give(task)
                if not pool:
                    return
                ready = wait([child.connection for child in pool], timeout=_next_deadline(pool))
                for child in [*pool]:
                    outcome = child.collect(child.connection in ready)
                    if outcome is None:
                        continue
                    yield outcome
                    following = next(waiting, None) if child.usable() else None
                    if following is None:
                        pool.remove(child)
                        child.end()
                    else:
                        child.give(following)
        finally:
            for child in pool:
                child.end()


def start_server(preload: Sequence[str]) -> None:
    """Start the fork server, if it does not run, with Ctrl-C blocked for it and for all children that it forks.

    Ctrl-C goes to the whole process group, but it is the parent's to handle. `preload` names modules to import at once.
    """
    set_forkserver_preload(["pipeline.engines.resting", *preload])
    with for_programs({}):  # the server skips, without a word, what it cannot import
        resource_tracker.ensure_running()  # the server starts it otherwise, and its start unblocks Ctrl-C again
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _next_deadline(pool: list[Child]) -> float:
    return max(0.0, min(child.deadline for child in pool) - time.monotonic())
