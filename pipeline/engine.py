"""Work in child processes with a memory limit and a time limit.

Children are forked from one warm server process that has imported the heavy libraries, so a new child costs
milliseconds. Whatever happens to a child (out of memory, endless loop, crash) becomes an `Outcome`; the parent goes on.
Results come in the order in which they finish.
"""

import os
import re
import resource
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.forkserver import ensure_running
from typing import Any, Generic, Literal, TypeVar

from pipeline.confinement import confine, trusted

Argument = TypeVar("Argument")
Value = TypeVar("Value")
OutcomeStatus = Literal["done", "error", "timeout", "out_of_memory", "crashed"]

# Words of a variable's name that mark a secret: children get none of them.
_SECRET_WORDS = ("TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "API_KEY")
_PRELOAD_SECONDS = 120.0
_STARTED = "started"
_MEMORY_EXIT = 137  # what a shell shows for a process that the kernel ended for want of memory
_NO_MEMORY = re.compile(
    r"can't allocate memory|cannot allocate memory|out of memory|std::bad_alloc|failed to map segment"
    r"|can't start new thread",
    re.IGNORECASE,
)
_LOST_ERROR = re.compile(r"without (setting an exception|exception set)")


@dataclass(frozen=True)
class Limits:
    """What one child may use: bytes above what the warm server holds, and seconds a task."""

    memory_bytes: int
    seconds: float
    tasks_per_process: int | None = None  # None = as many as come
    confined: bool = False  # no network, no writing, no processes, no pickles: see pipeline.confinement


@dataclass(frozen=True)
class Task(Generic[Argument]):
    """One call: `key` names it in outcomes, `argument` goes to the function."""

    key: str
    argument: Argument


@dataclass(frozen=True)
class Outcome(Generic[Value]):
    """What became of one task. `value` is None unless `status` is "done"; `detail` is the error's text."""

    key: str
    status: OutcomeStatus
    value: Value | None
    detail: str
    seconds: float


def run_tasks(
    function: Callable[[Argument], Value],
    tasks: Iterable[Task[Argument]],
    *,
    workers: int,
    limits: Limits,
    preload: Sequence[str] = (),
) -> Generator[Outcome[Value], None, None]:
    """Call `function` (a module-level function) on every task's argument and yield each outcome as it ends.

    `preload` names modules that the warm server imports once before the first child; children of a server that was
    started without them import them before their limits begin. Abandoning the iterator, an exception in the caller and
    Ctrl-C all end the children.
    """
    context = get_context("forkserver")
    if preload:
        context.set_forkserver_preload([*preload])
    _start_server()
    waiting = deque(tasks)
    pool: list[_Child] = []
    try:
        while waiting or pool:
            while waiting and len(pool) < workers:
                pool.append(_Child(context, function, limits, preload))
                pool[-1].give(waiting.popleft())
            ready = wait([child.connection for child in pool], timeout=_next_deadline(pool))
            for child in [*pool]:
                outcome = child.collect(child.connection in ready)
                if outcome is None:
                    continue
                yield outcome
                if waiting and child.usable():
                    child.give(waiting.popleft())
                else:
                    pool.remove(child)
                    child.end()
    finally:
        for child in pool:
            child.end()


def _start_server() -> None:
    """Start the fork server, if it does not run, with Ctrl-C blocked for it and for all children that it forks.

    Ctrl-C goes to the whole process group, but it is the parent's to handle.
    """
    with _without_secrets():
        resource_tracker.ensure_running()  # the server starts it otherwise, and its start unblocks Ctrl-C again
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _without_secrets() -> Iterator[None]:
    """Keep secrets out of the environment of processes that start inside.

    What a process began with stays readable in /proc/PID/environ, whatever it forgets afterwards.
    """
    hidden = {name: os.environ.pop(name) for name in _secret_names()}
    try:
        yield
    finally:
        os.environ.update(hidden)


class _Child:
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
        return self._given_at + self._limits.seconds + (0.0 if self._tasks_done else _PRELOAD_SECONDS)

    def give(self, task: Task[Any]) -> None:
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
        limit = self._limits.tasks_per_process
        return self._healthy and (limit is None or self._tasks_done < limit)

    def end(self) -> None:
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
        if code == _MEMORY_EXIT:
            return "out_of_memory", "the child had no memory left to answer with"
        if code is not None and code < 0:
            return "crashed", f"the child was killed by {signal.Signals(-code).name}"
        return "crashed", f"the child ended with status {code}"


def _next_deadline(pool: list[_Child]) -> float:
    return max(0.0, min(child.deadline for child in pool) - time.monotonic())


def _serve(connection: Connection, function: Callable[[Any], Any], limits: Limits, preload: Sequence[str]) -> None:
    """Answer tasks until the parent closes the pipe."""
    _forget_secrets()
    for name in preload:
        import_module(name)
    limit_memory(limits.memory_bytes)
    if limits.confined:
        confine()
    try:
        while _serve_one(connection, function):
            pass
    except (MemoryError, SystemError) as error:
        # Where there is no memory for the pipe's own buffers, the exit status is the only answer left.
        os._exit(_MEMORY_EXIT if ran_out_of_memory(error) else 1)


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


def ran_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception says that memory ran out, or was raised from one that does.

    Native code has several words for it, validators of configs say "wrong value" of any exception, and the interpreter
    itself may find no memory for the `MemoryError` that it wants to raise.
    """
    seen: BaseException | None = error
    while seen is not None:
        lost = isinstance(seen, SystemError) and _LOST_ERROR.search(str(seen))
        if lost or isinstance(seen, MemoryError) or _NO_MEMORY.search(str(seen)):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _secret_names() -> list[str]:
    return [name for name in os.environ if any(word in name.upper() for word in _SECRET_WORDS)]


def _forget_secrets() -> None:
    """Forget what a server that other code started, with all its variables, has handed on."""
    for name in _secret_names():
        del os.environ[name]


def limit_memory(extra_bytes: int) -> None:
    """Let this process allocate at most `extra_bytes` more private memory than it has now (RLIMIT_DATA, Linux)."""
    with open("/proc/self/status", encoding="ascii") as status:
        held = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData:"))
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = min(held + extra_bytes, sys.maxsize if most == resource.RLIM_INFINITY else most)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
