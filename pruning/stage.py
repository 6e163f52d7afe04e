"""The impure shell of stage 3: representatives in, experiments, metrics, samples and redundancy out."""

from collections import Counter

from pipeline.progress import Progress
from pipeline.settings import Settings
from pipeline.stages import StagePlan, StageReport
from pipeline.text import count_of
from pruning.experiments.plan import Plan, check_settings, make_plan
from pruning.experiments.run import run_plan
from pruning.reference import REFERENCE_MODELS
from store import Store
from store.provenance import content_hash

# Measured on two cores with the reference models; a guess for anything else.
_SECONDS_EACH = 1.0


def check(settings: Settings) -> None:
    """Raise `UsageError` for an unknown method, a ratio, a device or a window that cannot be used."""
    check_settings(settings)


def run(store: Store, settings: Settings, progress: Progress) -> StageReport:
    """Do the experiments that are not done yet. Raises `StageError`, and `UsageError` before the run begins."""
    plan = make_plan(store, settings)
    with store.run("prune", settings.model_dump()) as handle:
        counts = run_plan(store, handle, plan, settings, progress) if plan.todo else {}
        store.record_input(handle, _input_hash(store))
    return StageReport(
        "prune",
        {
            "models": plan.models,
            "experiments done": counts.get("done", 0),
            "experiments refused": counts.get("refused", 0),
            "experiments failed": counts.get("failed", 0),
            "experiments from earlier runs": plan.finished,
        },
        _notes(plan, settings),
    )


def plan(store: Store, settings: Settings) -> StagePlan:
    """Say what `run` would do now."""
    made = make_plan(store, settings)
    if not made.models:
        each = 1 + len(settings.methods) * len(settings.ratios) * settings.seeds
        step = f"at most {each} experiments on each representative with weights that the stages before will have chosen"
        return StagePlan("prune", (step,), 0, _SECONDS_EACH * each * len(REFERENCE_MODELS) / settings.worker_count)
    possible = [experiment for experiment in made.todo if experiment.refusal is None]
    models = count_of(made.models, "model")
    step = f"{count_of(len(possible), 'experiment')} to run on {models}, {made.finished:,} done before"
    return StagePlan("prune", (step, *_notes(made, settings)), 0, _SECONDS_EACH * len(possible) / settings.worker_count)


def _notes(plan: Plan, settings: Settings) -> tuple[str, ...]:
    notes = []
    if plan.too_large:
        left_out = count_of(len(plan.too_large), "representative")
        notes.append(f"{left_out} with more than {settings.max_params:,} parameters left out")
    if not plan.models:
        notes.append("no representative with weights: nothing to prune")
    refusals = Counter(experiment.refusal for experiment in plan.todo if experiment.refusal is not None)
    notes += [f"{count_of(number, 'experiment')} refused: {why}" for why, number in sorted(refusals.items())]
    return tuple(notes)


def _input_hash(store: Store) -> str:
    """Return the hash of the state of all experiments."""
    rows = store.rows("SELECT experiment_key, status FROM current_experiments ORDER BY experiment_key")
    return content_hash(rows)
