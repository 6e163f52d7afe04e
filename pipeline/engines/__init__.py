"""Where work runs: child processes of this machine, a Ray cluster, or jobs of SLURM, behind one interface."""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace

from pipeline.engines.local import LocalEngine
from pipeline.engines.memory import ran_out_of_memory
from pipeline.engines.ray import RayEngine
from pipeline.engines.records import Argument, Engine, Limits, Outcome, OutcomeStatus, Task, Value
from pipeline.engines.slurm import SlurmEngine
from pipeline.registry import Registry
from pipeline.settings import Settings

__all__ = [
    "ENGINES",
    "Engine",
    "Limits",
    "Outcome",
    "OutcomeStatus",
    "Task",
    "engine_for",
    "ran_out_of_memory",
    "run_tasks",
]

ENGINES: Registry[Engine] = Registry("engine", (LocalEngine(), RayEngine(), SlurmEngine()))


def engine_for(settings: Settings) -> Engine:
    """Return the engine of the settings; jobs of SLURM leave their files beside the store."""
    engine = ENGINES[settings.engine]
    if isinstance(engine, SlurmEngine):
        return replace(engine, folder=settings.store.parent / "slurm_jobs")
    return engine


def run_tasks(
    function: Callable[[Argument], Value],
    tasks: Iterable[Task[Argument]],
    *,
    workers: int,
    limits: Limits,
    preload: Sequence[str] = (),
    engine: Engine = ENGINES["local"],
) -> Generator[Outcome[Value], None, None]:
    """Run tasks on an engine: see `Engine.run`."""
    return engine.run(function, tasks, workers=workers, limits=limits, preload=preload)
