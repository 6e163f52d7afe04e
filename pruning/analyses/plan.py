"""Which analyses stage 3 has to do: representatives x the steps of the configurations, less what is done."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.settings import Settings
from pruning.analyses.configurations import Step, load_configuration
from pruning.analyses.records import Reads
from pruning.analyses.specification import ModelIdentity, Order, lacks_calibration, order_for
from pruning.analyses.storing import check_one_device, is_over, last_endings
from pruning.devices import device_name, device_type
from pruning.experiments.candidates import CandidateRow, candidates, folder_of, no_weights
from pruning.experiments.specification import TextSizes
from pruning.texts import NO_TEXT, Text, text_for
from store import Store

NONE = "none"


@dataclass(frozen=True)
class PlannedAnalysis:
    """An order and where its model lies. `refusal` says why it cannot be done at all; None = it can be tried.

    `device` is where it is computed: cpu, cuda or cuda:i.
    """

    order: Order
    folder: Path | None
    sizes: TextSizes
    refusal: str | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class AnalysisPlan:
    """`todo` in the order of models, so that a worker keeps a model loaded; `finished` are left alone."""

    todo: tuple[PlannedAnalysis, ...] = field(default=())
    finished: int = 0


def configured_steps(settings: Settings) -> tuple[Step, ...]:
    """Return the steps of all configurations of the settings, each once. Raises `UsageError`."""
    names = [name for name in settings.analyses if name != NONE]
    return tuple(dict.fromkeys(step for name in names for step in load_configuration(name).steps))


def make_analysis_plan(store: Store, settings: Settings) -> AnalysisPlan:
    """Return what is to do. Raises `UsageError` for what the settings name and nobody knows, and for another device."""
    steps = configured_steps(settings)
    if steps:
        check_one_device(store, device_type(settings.device))
    planned = [each for row in candidates(store, settings).models for each in _planned(row, steps, settings)]
    endings = last_endings(store)
    todo = tuple(each for each in planned if not is_over(endings.get((each.order.key, each.order.options))))
    return AnalysisPlan(todo, len(planned) - len(todo))


def texts_for(folder: Path, sizes: TextSizes, seed: int) -> dict[Reads, Text | None]:
    """Return the texts that analyses of a model read; None = there is none."""
    return {
        "calibration": text_for(folder, "calibration", sizes.calibration_windows, sizes.window_tokens, seed),
        "evaluation": text_for(folder, "evaluation", sizes.evaluation_windows, sizes.window_tokens),
    }


def _planned(row: CandidateRow, steps: Sequence[Step], settings: Settings) -> Iterator[PlannedAnalysis]:
    folder, device = folder_of(row), device_name(settings.device)
    sizes = TextSizes(settings.damage_windows, settings.calibration_windows, settings.window_tokens)
    texts = texts_for(folder, sizes, settings.seed) if folder else {}
    model = ModelIdentity(row.model_id, row.source, row.revision)
    for step in steps:
        order = order_for(model, step, texts, seed=settings.seed, device=device_type(settings.device))
        yield PlannedAnalysis(order, folder, sizes, _refusal(row, folder, order), device)


def _refusal(row: CandidateRow, folder: Path | None, order: Order) -> str | None:
    if folder is None:
        return no_weights(row)
    return NO_TEXT if lacks_calibration(order) else None
