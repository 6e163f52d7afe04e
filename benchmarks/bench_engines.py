"""What each engine costs: `python -m benchmarks.bench_engines [local ray slurm]`, with the extras installed.

The same work on every engine in one run, one engine after the other, a row each: seconds to the first outcome of
trivial tasks (what starting costs), seconds a trivial task after it, seconds of experiments on a reference model, and
each of them as a multiple of the local engine's. SLURM's jobs run as processes of this machine here: its queue is not
in the numbers. Ends with status 1 when an engine loses a task.
"""

import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.engine_tasks import nothing
from pipeline.engines import ENGINES, Engine, Limits, Task
from pipeline.engines.ray import session
from pipeline.engines.slurm import SlurmEngine
from pipeline.settings import ROOT, load_settings
from pruning.experiments.plan import make_plan
from pruning.experiments.run import PRELOAD
from pruning.experiments.work import perform
from store import Store
from store.records import NameRecord, RepresentativeRecord, SightingRecord

WORKERS = 2
TRIVIAL_TASKS = 6
LIMITS = Limits(memory_bytes=4_000_000_000, seconds=300)
MODEL = "llama"
FLAGS = {"methods": "random,wanda", "ratios": "0.5"}


@dataclass(frozen=True)
class Cost:
    """Seconds: to the first trivial outcome, a trivial task after it, all experiments."""

    first: float
    each: float
    experiments: float


def experiment_tasks() -> list[Task[Any]]:
    """Return the plan of one reference model as tasks."""
    run = "20260101T000000.000000-000000"
    location = str(ROOT / "reference_models" / MODEL)
    with Store.open(None) as store:
        store.insert(
            [RepresentativeRecord(run, MODEL, MODEL, "directory", "1", 1, "k-medoids", True, 10**6, "benchmark")],
            [SightingRecord(run, MODEL, "directory", "1", has_weights=True, location=location)],
            [NameRecord(run, MODEL, "directory", MODEL, MODEL, None, None, None, None, "name")],
        )
        plan = make_plan(store, load_settings(FLAGS))
    return [Task(each.specification.key, each) for each in plan.todo if each.refusal is None]


def cost_of(engine: Engine, experiments: list[Task[Any]]) -> Cost:
    """Run both plans on an engine."""
    with ExitStack() as stack:
        started = time.perf_counter()
        if engine.name == "ray":
            stack.enter_context(session(WORKERS))  # one start for both plans
        first, last = _times(engine, nothing, [Task(str(number), number) for number in range(TRIVIAL_TASKS)], started)
        _, done = _times(engine, perform, experiments, begun := time.perf_counter())
    return Cost(first - started, (last - first) / (TRIVIAL_TASKS - 1), done - begun)


def _times(engine: Engine, function: Any, tasks: list[Task[Any]], started: float) -> tuple[float, float]:
    """Return the moments of the first and of the last outcome."""
    moments = [started]
    for outcome in engine.run(function, tasks, workers=WORKERS, limits=LIMITS, preload=PRELOAD):
        if outcome.status != "done":
            raise SystemExit(f"{engine.name}: {outcome.key} ended as {outcome.status}: {outcome.detail}")
        moments.append(time.perf_counter())
    if len(moments) != len(tasks) + 1:
        raise SystemExit(f"{engine.name}: {len(moments) - 1} outcomes of {len(tasks)} tasks")
    return moments[1], moments[-1]


def main(names: Iterable[str]) -> None:
    """Print the table."""
    experiments = experiment_tasks()
    print(f"{WORKERS} workers, {TRIVIAL_TASKS} trivial tasks, {len(experiments)} experiments on {MODEL}")
    print(f"{'engine':8} {'first outcome':>18} {'a trivial task':>18} {'experiments':>18}")
    local: Cost | None = None
    with tempfile.TemporaryDirectory() as folder:
        jobs = SlurmEngine(cluster="local", folder=Path(folder), poll_seconds=0.05)
        for name in ("local", *(name for name in names if name != "local")):
            cost = cost_of(jobs if name == "slurm" else ENGINES[name], experiments)
            local = local or cost
            pairs = ((cost.first, local.first), (cost.each, local.each), (cost.experiments, local.experiments))
            print(f"{name:8}", *(f"{own:8.3f} s {own / base:6.1f} x" for own, base in pairs), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or ENGINES.names())
