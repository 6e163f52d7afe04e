"""Which experiments there are to do: representatives x methods x ratios x seeds, less what is done."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.engines import engine_for
from pipeline.errors import UsageError
from pipeline.settings import Settings
from pruning.evaluation import METRICS
from pruning.experiments.candidates import CandidateRow, candidates, folder_of, no_weights
from pruning.experiments.specification import NO_TEXT_HASH, Experiment, Specification, TextSizes
from pruning.methods import METHODS, Method, check_ratio, ratios_of
from pruning.texts import NO_TEXT, Text, check_window, text_for
from store.database import Query, Store
from store.records import ExperimentReason, ExperimentStatus

DENSE = "dense"
# What may end otherwise on another day; every other end stands until the specification changes.
_WORTH_RETRYING: tuple[ExperimentReason, ...] = ("timeout", "crashed")
_QUERIES = Path(__file__).resolve().parent / "queries"


@dataclass(frozen=True)
class OutcomeRow:
    """How an experiment ended last."""

    experiment_key: str
    status: ExperimentStatus
    reason: ExperimentReason | None


OUTCOMES = Query(_QUERIES / "outcomes.sql", OutcomeRow)


@dataclass(frozen=True)
class Plan:
    """`todo` in the order of models, so that a worker keeps a model loaded; `finished` are left alone.

    `too_large` are the ids of representatives over the limit of parameters or of unknown size.
    """

    todo: tuple[Experiment, ...]
    finished: int
    models: int
    too_large: tuple[str, ...]


def make_plan(store: Store, settings: Settings) -> Plan:
    """Return what is to do. Raises `UsageError` for an unknown method, short windows or a device other than the CPU."""
    check_settings(settings)
    methods = [METHODS[name] for name in dict.fromkeys(settings.methods)]
    device = check_device(settings.device)
    found = candidates(store, settings)
    experiments = [experiment for row in found.models for experiment in _experiments_of(row, methods, settings, device)]
    outcomes = {row.experiment_key: row for row in store.fetch(OUTCOMES)}
    todo = tuple(experiment for experiment in experiments if _is_open(outcomes.get(experiment.specification.key)))
    return Plan(
        todo,
        finished=len(experiments) - len(todo),
        models=len(found.models),
        too_large=found.too_large,
    )


def _is_open(outcome: OutcomeRow | None) -> bool:
    return outcome is None or (outcome.status == "failed" and outcome.reason in _WORTH_RETRYING)


def check_settings(settings: Settings) -> None:
    """Raise `UsageError` for settings that no plan can use: what can be known before the store is opened."""
    for name in settings.methods:
        METHODS[name]
    for ratio in settings.ratios:
        check_ratio(ratio)
    check_device(settings.device)
    engine_for(settings).check()
    check_window(settings.window_tokens)


def check_device(wanted: str) -> str:
    """Return the device that is computed on. Raises `UsageError` for another one than the CPU."""
    if wanted not in ("auto", "cpu"):
        raise UsageError(f"--device: expected auto or cpu, got {wanted!r}; this version prunes and measures on the CPU")
    return "cpu"


def _experiments_of(row: CandidateRow, methods: list[Method], settings: Settings, device: str) -> Iterator[Experiment]:
    folder = folder_of(row)
    sizes = TextSizes(settings.evaluation_windows, settings.calibration_windows, settings.window_tokens)
    evaluation = text_for(folder, "evaluation", sizes.evaluation_windows, sizes.window_tokens) if folder else None
    dense = Experiment(_dense(row, evaluation, settings, device), folder, sizes, _refusal(row, folder, evaluation))
    yield dense
    for method in methods:
        for ratio in ratios_of(method, settings.ratios):
            for seed in _seeds(method, settings):
                specification = replace(
                    dense.specification,
                    method=method.name,
                    method_version=method.version,
                    scope=method.scope,
                    ratio=ratio,
                    seed=seed,
                    calibration=_calibration_hash(folder, sizes, seed) if method.calibrated else None,
                )
                yield replace(dense, specification=specification)


def _calibration_hash(folder: Path | None, sizes: TextSizes, seed: int) -> str:
    """Return the hash of the calibration text that a seed draws."""
    if folder is None:
        return NO_TEXT_HASH
    return _hash(text_for(folder, "calibration", sizes.calibration_windows, sizes.window_tokens, seed))


def _dense(row: CandidateRow, evaluation: Text | None, settings: Settings, device: str) -> Specification:
    return Specification(
        model_id=row.model_id,
        source=row.source,
        revision=row.revision,
        method=DENSE,
        method_version=1,
        scope="none",
        ratio=0.0,
        seed=0,
        calibration=None,
        evaluation=_hash(evaluation),
        latency_repeats=settings.latency_repeats,
        device=device,
        metrics=METRICS.names(),
    )


def _seeds(method: Method, settings: Settings) -> range:
    """Return the seeds of a method, which draw what is random and the calibration text: one, 0, where neither is."""
    drawn = method.random or method.calibrated
    return range(settings.seed, settings.seed + settings.seeds) if drawn else range(1)


def _hash(text: Text | None) -> str:
    return text.text_hash if text else NO_TEXT_HASH


def _refusal(row: CandidateRow, folder: Path | None, evaluation: Text | None) -> str | None:
    if folder is None:
        return f"{no_weights(row)}, and there is {NO_TEXT}"
    return None if evaluation else NO_TEXT
