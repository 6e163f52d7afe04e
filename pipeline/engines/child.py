"""One child process with a memory limit and a time limit: the parent's side of it, and its own."""

import gc
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

from pipeline.confinement import confine, trusted
from pipeline.engines.environment import forget_secrets
from pipeline.engines.memory import MEMORY_EXIT, limit_memory, ran_out_of_memory
from pipeline.engines.records import Limits, Outcome, OutcomeStatus, Task

PRELOAD_SECONDS = 120.0
_STARTED = "started"


class Child:
    """One child process and the task it works on."""

    def __init__(
        self, context: ForkServerContext, function: Callable[[Any], Any], limits: Limits, preload: Sequence[str]
    ) -> None:
        self.connection, theirs = context.Pipe()
        self._limits = limits
        work = (theirs, function, limits, preload)
        self._process: ForkServerProcess = context.Process(target=_serve, args=work, daemon=True)
        self._process.start()
        theirs.close()
        self._tasks_done = 0
        self._task: Task[Any] | None = None
        self._given_at = 0.0
        self._healthy = True

    @property
    def deadline(self) -> float:
        """The moment at which the current task is over time. A new child may still be waiting for the server."""
        return self._given_at + self._limits.seconds + (0.0 if self._tasks_done else PRELOAD_SECONDS)

    def give(self, task: Task[Any]) -> None:
        """Send a task to the child."""
        self._task, self._given_at = task, time.monotonic()
        with suppress(BrokenPipeError):  # a child that died idle is found by `collect`
            self.connection.send(task.argument)

    def collect(self, ready: bool) -> Outcome[Any] | None:
        """Return the outcome of the current task if there is one: an answer, a death or a passed deadline."""
        assert self._task is not None
        if not ready:
            if time.monotonic() < self.deadline:
                return None
            return self._lost("timeout", f"no answer in {self._limits.seconds:g} s", self._limits.seconds)
        try:
            message = self.connection.recv()
        except (EOFError, ConnectionResetError):
            status, detail = self._death()
            return self._lost(status, detail, time.monotonic() - self._given_at)
        if message == _STARTED:
            # The clock starts when the child has the task, not while the server still imports.
            self._given_at = time.monotonic()
            self._tasks_done += 1
            return None
        status, payload, seconds = message
        value, detail = (payload, "") if status == "done" else (None, payload)
        return Outcome(self._task.key, status, value, detail, seconds)

    def usable(self) -> bool:
        """Return whether the child may have another task."""
        limit = self._limits.tasks_per_process
        return self._healthy and (limit is None or self._tasks_done < limit)

    def end(self) -> None:
        """Kill the child, whatever it does."""
        self.connection.close()
        self._process.kill()
        self._process.join()

    def _lost(self, status: OutcomeStatus, detail: str, seconds: float) -> Outcome[Any]:
        """Return the outcome of a task whose child is of no more use."""
        assert self._task is not None
        self._healthy = False
        return Outcome(self._task.key, status, None, detail, seconds)

    def _death(self) -> tuple[OutcomeStatus, str]:
        self._process.join(timeout=5)
        code = self._process.exitcode
        if code == MEMORY_EXIT:
            return "out_of_memory", "the child had no memory left to answer with"
        if code is not None and code < 0:
            return "crashed", f"the child was killed by {signal.Signals(-code).name}"
        return "crashed", f"the child ended with status {code}"


def _serve(connection: Connection, function: Callable[[Any], Any], limits: Limits, preload: Sequence[str]) -> None:
    """Answer tasks until the parent closes the pipe."""
    forget_secrets()
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    for name in preload:
        import_module(name)
    gc.freeze()  # what the server has made stays, and looking through it would copy the pages that all children share
    gc.enable()
    limit_memory(limits.memory_bytes)
    if limits.confined:
        confine()
    try:
        while _serve_one(connection, function):
            pass
    except (MemoryError, SystemError) as error:
        # Where there is no memory for the pipe's own buffers, the exit status is the only answer left.
        os._exit(MEMORY_EXIT if ran_out_of_memory(error) else 1)


def _end_with_the_parent() -> None:
    """End this process when its parent has ended: one in an endless loop would otherwise outlive a killed parent."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _serve_one(connection: Connection, function: Callable[[Any], Any]) -> bool:
    """Answer one task; False when the parent has closed the pipe."""
    try:
        with trusted():
            argument = connection.recv()
    except (EOFError, ConnectionResetError):
        return False
    connection.send(_STARTED)
    started = time.monotonic()
    status, payload = _call(function, argument)
    connection.send((status, payload, time.monotonic() - started))
    return True


def _call(function: Callable[[Any], Any], argument: Any) -> tuple[OutcomeStatus, Any]:
    """Call the function; any exception becomes a status and its text.

    The one guarded boundary of the engine: a third-party constructor can raise anything.
    """
    try:
        return "done", function(argument)
    except Exception as error:  # noqa: BLE001  # see the docstring
        text = "".join(traceback.format_exception_only(error)).strip()
        return ("out_of_memory" if ran_out_of_memory(error) else "error"), text
