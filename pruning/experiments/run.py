"""Running a plan: one child task an experiment, one transaction a result."""

import time
from collections import Counter
from collections.abc import Iterable
from itertools import takewhile

from pipeline.engines import Limits, Outcome, Task, engine_for
from pipeline.progress import Progress
from pipeline.settings import Settings
from pruning.devices import gpus_of, pruning_workers
from pruning.experiments.plan import Plan
from pruning.experiments.specification import Experiment
from pruning.experiments.work import Result, perform
from store.database import RunHandle, Store
from store.provenance import git_commit
from store.records import (
    CheckRecord,
    ExperimentReason,
    ExperimentRecord,
    MetricRecord,
    SampleRecord,
    WindowLossRecord,
)

# Imported once by the warm server: a child then starts in milliseconds.
PRELOAD = (
    "torch",
    "transformers.models.auto.modeling_auto",
    "transformers.modeling_utils",
    "transformers.generation.utils",
    "pruning.experiments.work",
)
ENGINE_REASONS: dict[str, ExperimentReason] = {
    "timeout": "timeout",
    "out_of_memory": "out_of_memory",
    "crashed": "crashed",
    "error": "error",
}


def run_plan(
    store: Store,
    handle: RunHandle,
    plan: Plan,
    settings: Settings,
    progress: Progress,
    deadline: float | None = None,
) -> Counter[str]:
    """Do the experiments of the plan in its order and return how many ended in each status.

    None begins after `deadline`, a moment of `time.monotonic`; None = no limit.
    """
    by_key = {experiment.specification.key: experiment for experiment in plan.todo}
    counts: Counter[str] = Counter()
    with progress.track("experiments", len(by_key)) as track:
        for outcome in _outcomes(by_key.values(), settings, deadline):
            experiment = by_key[outcome.key]
            result = _result(outcome)
            _store_result(store, handle, experiment, result, outcome.seconds)
            counts[result.status] += 1
            track.advance(_title(experiment))
            if progress.verbose and result.status != "done":
                progress.note(f"{_title(experiment)}: {result.status}, {result.reason}: {result.detail}")
    return counts


def _outcomes(
    experiments: Iterable[Experiment], settings: Settings, deadline: float | None
) -> Iterable[Outcome[Result]]:
    """Yield the outcomes of all experiments; what is refused by the plan costs no child."""
    possible = []
    for experiment in experiments:
        if experiment.refusal is None:
            possible.append(Task(experiment.specification.key, experiment))
        else:
            refused = Result("refused", "unsupported", experiment.refusal)
            yield Outcome(experiment.specification.key, "done", refused, "", 0.0)
    limits = Limits(settings.experiment_memory, settings.experiment_seconds, gpus=gpus_of(settings))
    engine, workers = engine_for(settings), pruning_workers(settings)
    in_time = takewhile(lambda _: deadline is None or time.monotonic() < deadline, possible)
    yield from engine.run(perform, in_time, workers=workers, limits=limits, preload=PRELOAD)


def _result(outcome: Outcome[Result]) -> Result:
    if outcome.value is not None:
        return outcome.value
    return Result("failed", ENGINE_REASONS[outcome.status], outcome.detail)


def _store_result(store: Store, handle: RunHandle, experiment: Experiment, result: Result, seconds: float) -> None:
    """Write everything that belongs to one experiment in one transaction."""
    specification, key = experiment.specification, experiment.specification.key
    record = ExperimentRecord(
        run_id=handle.run_id,
        experiment_key=key,
        model_id=specification.model_id,
        source=specification.source,
        revision=specification.revision,
        method=specification.method,
        method_version=specification.method_version,
        scope=specification.scope,
        ratio=specification.ratio,
        seed=specification.seed,
        calibration=specification.calibration,
        evaluation=specification.evaluation,
        device=specification.device,
        status=result.status,
        reason=result.reason,
        detail=result.detail,
        seconds=seconds,
        git_commit=git_commit(),
        removed_share=result.removed_share,
        removed_as=result.removed_as,
    )
    store.insert(
        [record],
        [
            MetricRecord(handle.run_id, key, name, number.value, number.unit, number.n, number.ci_low, number.ci_high)
            for name, number in result.metrics
        ],
        [SampleRecord(handle.run_id, key, prompt, text) for prompt, text in result.samples],
        [WindowLossRecord(handle.run_id, key, place, *loss) for place, loss in enumerate(result.losses)],
        [
            CheckRecord(
                handle.run_id,
                key,
                specification.source,
                specification.model_id,
                check.name,
                check.outcome,
                check.detail,
            )
            for check in result.checks
        ],
    )


def _title(experiment: Experiment) -> str:
    specification = experiment.specification
    ratio = f" {specification.ratio:g}" if specification.ratio else ""
    return f"{specification.model_id} {specification.method}{ratio}"
