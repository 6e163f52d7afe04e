"""One warm server for all processes that a driver forks: each would otherwise start its own and import everything."""

import multiprocessing.forkserver
import os
from collections.abc import Callable
from typing import Any

import pipeline.engines.local
from pruning.experiments import run


def share_the_fork_server() -> None:
    """Start the warm server here, with everything imported, for all forked children to have their children from."""
    pipeline.engines.local.start_server(run.PRELOAD)
    server: Any = multiprocessing.forkserver._forkserver
    server.ensure_running = lambda: None  # it asks for its own child, and a forked child has none
    pipeline.engines.local.ensure_running = server.ensure_running


def fork(body: Callable[[], None]) -> int:
    """Return the id of a new child that does this and ends; its status is 1 when the body raised."""
    child = os.fork()
    if child:
        return child
    try:
        body()
        os._exit(0)
    finally:
        os._exit(1)


def end_of(child: int) -> int:
    """Wait for a child and return its exit status; a signal is negative."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
