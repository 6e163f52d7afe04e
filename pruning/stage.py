"""The impure shell of stage 3: representatives in, experiments, metrics, samples and redundancy out."""

from collections import Counter

from pipeline.progress import Progress
from pipeline.settings import Settings
from pipeline.stages import StagePlan, StageReport, deadline_of, left_over
from pipeline.text import count_of
from pruning.analyses.plan import AnalysisPlan, configured_steps, make_analysis_plan
from pruning.analyses.proxies import update_proxies
from pruning.analyses.slices import run_slices
from pruning.devices import check_machine, pruning_workers
from pruning.experiments.cost import DEFAULT_SECONDS
from pruning.experiments.describe import describe_methods
from pruning.experiments.plan import Plan, check_settings, make_plan
from pruning.experiments.run import PRELOAD, run_plan
from pruning.experiments.specification import Experiment
from pruning.reference import REFERENCE_MODELS
from pruning.sanity.dense import check_dense
from store import Store
from store.provenance import content_hash

# Measured on two cores with the reference models; a guess for anything else.
_SECONDS_AN_ANALYSIS = 5.0


def check(settings: Settings) -> None:
    """Raise `UsageError` for an unknown method or analysis, a ratio, a device or a window that cannot be used.

    Whether this machine has the device is `check_machine`'s: a plan is made anywhere.
    """
    check_settings(settings)
    configured_steps(settings)


def run(store: Store, settings: Settings, progress: Progress) -> StageReport:
    """Do the experiments, then the analyses, that are not done yet.

    Raises `StageError`, and `UsageError` before the run begins.
    """
    check_machine(settings)
    plan, analyses, deadline = make_plan(store, settings), _analyses(store, settings), deadline_of(settings)
    with store.run("prune", settings.model_dump()) as handle:
        counts = run_plan(store, handle, plan, settings, progress, deadline) if plan.todo else Counter[str]()
        check_dense(store, handle, settings, PRELOAD, deadline)
        ended = run_slices(store, handle, analyses, settings, progress, deadline) if analyses.todo else Counter[str]()
        update_proxies(store, handle.run_id)
        describe_methods(store, handle.run_id)
        store.record_input(handle, _input_hash(store))
    return StageReport(
        "prune",
        {
            "models": plan.models,
            "experiments done": counts["done"],
            "experiments refused": counts["refused"],
            "experiments failed": counts["failed"],
            "experiments left by the time limit": len(plan.todo) - counts.total(),
            "experiments from earlier runs": plan.finished,
            "analyses done": ended["done"],
            "analyses stopped by their time limit": ended["partial"],
            "analyses refused": ended["refused"],
            "analyses failed": ended["failed"],
            "analyses from earlier runs": analyses.finished,
        },
        (
            *_failed_checks(store),
            *left_over(len(plan.todo) - counts.total(), "experiment", settings),
            *_notes(plan, settings),
            *_analysis_notes(analyses),
        ),
    )


def _analyses(store: Store, settings: Settings) -> AnalysisPlan:
    """Return the analyses to do: none beside experiments that were asked for by key."""
    return AnalysisPlan() if settings.only else make_analysis_plan(store, settings)


def plan(store: Store, settings: Settings) -> StagePlan:
    """Say what `run` would do now."""
    made, analyses = make_plan(store, settings), _analyses(store, settings)
    if not made.models and not made.too_large:
        return _plan_without_models(settings)
    possible = [experiment for experiment in made.todo if experiment.refusal is None]
    measurable = [planned for planned in analyses.todo if planned.refusal is None]
    models = count_of(made.models, "model")
    work = f"{made.finished:,} ended before, about {made.seconds:.0f} s of work"
    steps = (
        f"{count_of(len(possible), 'experiment')} to run on {models}, {work}",
        f"{len(measurable):,} analyses to run on {models}, {analyses.finished:,} ended before",
    )
    seconds = (made.seconds + _SECONDS_AN_ANALYSIS * len(measurable)) / pruning_workers(settings)
    notes = (*_notes(made, settings), *_analysis_notes(analyses))
    return StagePlan("prune", (*steps, *notes), 0, seconds, tuple(map(_item, possible)))


def _item(experiment: Experiment) -> dict[str, str | int | float]:
    """Return what a dry run lists of an experiment."""
    found = experiment.specification
    return {
        "seconds": round(experiment.seconds, 1),
        "model": found.model_id,
        "method": found.method,
        "ratio": found.ratio,
        "seed": found.seed,
        "key": found.key,
    }


def _plan_without_models(settings: Settings) -> StagePlan:
    """Return the most that there can be to do on each representative that the stages before will choose."""
    experiments = 1 + len(settings.methods) * len(settings.ratios) * settings.seeds
    analyses = len(configured_steps(settings))
    step = (
        f"at most {experiments} experiments and {analyses} analyses on each representative with weights that the "
        "stages before will have chosen"
    )
    each = DEFAULT_SECONDS * experiments + _SECONDS_AN_ANALYSIS * analyses
    return StagePlan("prune", (step,), 0, each * len(REFERENCE_MODELS) / pruning_workers(settings))


def _notes(plan: Plan, settings: Settings) -> tuple[str, ...]:
    notes = []
    if plan.failed:
        notes.append(f"{count_of(plan.failed, 'experiment')} failed before: --retry-failed tries again")
    if plan.too_large:
        left_out = count_of(len(plan.too_large), "representative")
        notes.append(f"{left_out} with more than {settings.max_params:,} parameters left out")
    if not plan.models:
        notes.append("no representative with weights: nothing to prune")
    refusals = Counter(experiment.refusal for experiment in plan.todo if experiment.refusal is not None)
    notes += [f"{count_of(number, 'experiment')} refused: {why}" for why, number in sorted(refusals.items())]
    return tuple(notes)


def _failed_checks(store: Store) -> tuple[str, ...]:
    """Say which sanity checks fail: they come first, since no number stands that they contradict."""
    failed = store.rows(
        "SELECT model_id, check_name, any_value(detail ORDER BY detail), count(*) FROM current_checks "
        "WHERE outcome = 'failed' GROUP BY ALL ORDER BY ALL"
    )
    return tuple(
        f"SANITY CHECK FAILED: {check} of {model} ({count_of(number, 'experiment')}): {detail}"
        for model, check, detail, number in failed
    )


def _analysis_notes(plan: AnalysisPlan) -> tuple[str, ...]:
    refusals = Counter(planned.refusal for planned in plan.todo if planned.refusal is not None)
    return tuple(f"{number:,} analyses refused: {why}" for why, number in sorted(refusals.items()))


def _input_hash(store: Store) -> str:
    """Return the hash of the state of all experiments and analyses."""
    experiments = store.rows("SELECT experiment_key, status FROM current_experiments ORDER BY experiment_key")
    analyses = store.rows("SELECT analysis_key, options, status FROM analyses ORDER BY run_id, analysis_key, options")
    return content_hash([experiments, analyses])
