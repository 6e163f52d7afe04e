"""Which experiments there are to do: representatives x methods x ratios x seeds, less what is done."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.engines import engine_for
from pipeline.errors import UsageError
from pipeline.settings import Settings
from pruning.devices import check_numbering, device_name, device_type
from pruning.evaluation import METRICS
from pruning.experiments.candidates import CandidateRow, candidates, folder_of, no_weights
from pruning.experiments.cost import Costs, known_costs
from pruning.experiments.order import by_information
from pruning.experiments.specification import DENSE, NO_TEXT_HASH, NOISE_HASH, Experiment, Specification, TextSizes
from pruning.methods import METHODS, Method, check_ratio, ratios_of
from pruning.texts import NO_TEXT, Text, check_window, text_for
from store.database import Query, Store
from store.records import ExperimentReason, ExperimentStatus

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
    """`todo` in the order of `pruning.experiments.order`, in which what is done has its place, too.

    `finished` are left alone: done, refused, or failed without `--retry-failed`; `failed` of them failed. `too_large`
    are the ids of representatives over the limit of parameters or of unknown size.
    """

    todo: tuple[Experiment, ...]
    finished: int
    models: int
    too_large: tuple[str, ...]
    failed: int = 0

    @property
    def seconds(self) -> float:
        """Return the estimated time of one worker."""
        return sum(experiment.seconds for experiment in self.todo)


def make_plan(store: Store, settings: Settings) -> Plan:
    """Return what is to do: of what `--only` names, or of everything.

    What failed stands, whatever the reason, until `--retry-failed` or another specification: an endless loop would
    otherwise cost its whole time limit in every run. A killed run leaves no row of what it was working on, so that this
    is simply done next time. The plan for a device can be made where there is none. Raises `UsageError` for an unknown
    method or key and for short windows.
    """
    check_settings(settings)
    methods = [METHODS[name] for name in dict.fromkeys(settings.methods)]
    found = candidates(store, settings)
    costs = known_costs(store, device_type(settings.device))
    everything = [
        _with_seconds(experiment, row, costs, settings)
        for row in found.models
        for experiment in _experiments_of(row, methods, settings)
    ]
    # Ordered before any is left out: a second seed whose first one is done is a second seed still.
    experiments = _chosen(by_information(everything), settings.only)
    statuses: dict[str, ExperimentStatus] = {row.experiment_key: row.status for row in store.fetch(OUTCOMES)}
    open_ones = [each for each in experiments if _is_open(statuses.get(each.specification.key), settings)]
    return Plan(
        tuple(open_ones),
        finished=len(experiments) - len(open_ones),
        models=len(found.models),
        too_large=found.too_large,
        failed=0 if settings.retry_failed else _failed(experiments, statuses),
    )


def _chosen(experiments: Sequence[Experiment], only: Sequence[str]) -> list[Experiment]:
    """Return the experiments with these keys, all without any. Raises `UsageError` for a key that none has."""
    unknown = sorted({*only} - {experiment.specification.key for experiment in experiments})
    if unknown:
        raise UsageError(
            f"--only: no experiment of this plan has the key {unknown[0]} ({len(unknown)} of {len({*only})} keys are "
            "unknown). A key belongs to the store, the settings and the version of the project that it was listed "
            "with: `python -m pruning run --plan-json FILE` lists those of now"
        )
    return [experiment for experiment in experiments if not only or experiment.specification.key in only]


def _is_open(status: ExperimentStatus | None, settings: Settings) -> bool:
    return status is None or (status == "failed" and settings.retry_failed)


def _failed(experiments: Sequence[Experiment], statuses: Mapping[str, ExperimentStatus]) -> int:
    return sum(statuses.get(experiment.specification.key) == "failed" for experiment in experiments)


def _with_seconds(experiment: Experiment, row: CandidateRow, costs: Costs, settings: Settings) -> Experiment:
    """Return an experiment with its estimate: nothing for a refusal, no more than its time limit."""
    if experiment.refusal is not None:
        return experiment
    specification = experiment.specification
    seconds = costs.seconds(specification.method, row.source, row.model_id, row.n_parameters or 1)
    return replace(experiment, seconds=min(seconds, settings.experiment_seconds))


def check_settings(settings: Settings) -> None:
    """Raise `UsageError` for settings that no plan can use: what can be known before the store is opened."""
    for name in settings.methods:
        METHODS[name]
    for ratio in settings.ratios:
        check_ratio(ratio)
    check_numbering(settings)
    engine_for(settings).check()
    check_window(settings.window_tokens)


def _experiments_of(row: CandidateRow, methods: list[Method], settings: Settings) -> Iterator[Experiment]:
    folder = folder_of(row)
    sizes = TextSizes(settings.evaluation_windows, settings.calibration_windows, settings.window_tokens)
    evaluation = text_for(folder, "evaluation", sizes.evaluation_windows, sizes.window_tokens) if folder else None
    specification, device = _dense(row, folder, evaluation, settings), device_name(settings.device)
    dense = Experiment(specification, folder, sizes, _refusal(row, folder), device=device)
    yield dense
    for method in methods:
        for ratio in ratios_of(method, settings.ratios):
            for seed in _seeds(method, settings):
                yield _pruned(dense, method, ratio, seed)


def _pruned(dense: Experiment, method: Method, ratio: float, seed: int) -> Experiment:
    """Return what a method makes of a dense model's experiment: refused when it needs a text that is not there."""
    text = _calibration(dense, seed) if method.calibrated else None
    specification = replace(
        dense.specification,
        method=method.name,
        method_version=method.version,
        scope=method.scope,
        ratio=ratio,
        seed=seed,
        calibration=_hash(text) if method.calibrated else None,
    )
    lacking = NO_TEXT if method.calibrated and text is None else None
    return replace(dense, specification=specification, refusal=dense.refusal or lacking)


def _calibration(dense: Experiment, seed: int) -> Text | None:
    """Return the calibration text that a seed draws."""
    if dense.folder is None:
        return None
    return text_for(dense.folder, "calibration", dense.sizes.calibration_windows, dense.sizes.window_tokens, seed)


def _dense(row: CandidateRow, folder: Path | None, evaluation: Text | None, settings: Settings) -> Specification:
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
        evaluation=NOISE_HASH if folder and evaluation is None else _hash(evaluation),
        latency_repeats=settings.latency_repeats,
        device=device_type(settings.device),
        metrics=METRICS.names(),
    )


def _seeds(method: Method, settings: Settings) -> range:
    """Return the seeds of a method, which draw what is random and the calibration text: one, 0, where neither is."""
    drawn = method.random or method.calibrated
    return range(settings.seed, settings.seed + settings.seeds) if drawn else range(1)


def _hash(text: Text | None) -> str:
    return text.text_hash if text else NO_TEXT_HASH


def _refusal(row: CandidateRow, folder: Path | None) -> str | None:
    return no_weights(row) if folder is None else None
