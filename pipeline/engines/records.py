"""What every engine takes and gives: limits, tasks, outcomes, and the interface itself."""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

Argument = TypeVar("Argument")
Value = TypeVar("Value")
OutcomeStatus = Literal["done", "error", "timeout", "out_of_memory", "crashed"]


@dataclass(frozen=True)
class Limits:
    """What one child may use: bytes above what the warm server holds, and seconds a task."""

    memory_bytes: int
    seconds: float
    tasks_per_process: int | None = None  # None = as many as come
    confined: bool = False  # no network, no writing, no processes, no pickles: see pipeline.confinement
    gpus: int = 0  # that a task has to itself, where the engine hands them out: ray and slurm


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


class Engine(Protocol):
    """A place where tasks run. Whatever a task does to its process is an outcome, in the same words everywhere."""

    @property
    def name(self) -> str: ...

    def check(self) -> None:
        """Raise `UsageError` when this engine cannot start here: a package or a command is missing."""
        ...

    def run(
        self,
        function: Callable[[Any], Value],
        tasks: Iterable[Task[Any]],
        *,
        workers: int,
        limits: Limits,
        preload: Sequence[str] = (),
    ) -> Generator[Outcome[Value], None, None]:
        """Call `function` (a module-level function) on every task's argument and yield each outcome as it ends.

        At most `workers` tasks run at a time; `tasks` is read as they begin, jobs of SLURM a thousand at a time, so
        that it may end when there is no more time. `preload` names modules that are imported before a task's limits
        begin. Abandoning the iterator, an exception in the caller and Ctrl-C all end what runs.
        """
        ...
