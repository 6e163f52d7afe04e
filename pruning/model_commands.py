"""What the commands for a single model do. All that can be checked is checked before a model is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.progress import Progress
from pipeline.settings import Settings
from pruning.devices import command_device
from pruning.errors import PruningError, UnsupportedModelError
from pruning.evaluation import METRICS, Measurement, measure
from pruning.evaluation.records import shown
from pruning.methods import METHODS, Method, Pruned, check_method_ratio
from pruning.models import Checkpoint, resolve
from pruning.streaming.choose import choose_way
from pruning.texts import NO_TEXT, Text, check_window
from pruning.texts.choose import TextPlan, calibration_text, check_apart, evaluation_text, read_source

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_HINT = "name another with {option} (a text file or a dataset)"


@dataclass(frozen=True)
class PruneOrder:
    """What `prune` was asked, beside the settings."""

    model: str
    method: str
    ratio: float
    output: Path
    overwrite: bool
    stream: str
    calibration: str | None
    evaluation: str | None


@dataclass(frozen=True)
class Texts:
    """The texts of a command; None = none."""

    calibration: Text | None
    evaluation: Text | None

    def named(self) -> dict[str, Text]:
        """Return those that there are, by their role."""
        both = {"calibration": self.calibration, "evaluation": self.evaluation}
        return {role: text for role, text in both.items() if text is not None}

    def hashes(self) -> dict[str, str]:
        """Return their hashes by role."""
        return {role: text.text_hash for role, text in self.named().items()}


def prune_command(order: PruneOrder, settings: Settings, progress: Progress) -> None:
    """Prune one model, save it, and say what went and what it cost."""
    from pruning.checkpoint import check_output

    record = METHODS[order.method]
    check_method_ratio(record, order.ratio)
    device = command_device(settings.device)
    check_window(settings.window_tokens)
    plan = text_plan(order.calibration, order.evaluation, settings)
    base = resolve(order.model, offline=settings.offline)
    check_output(order.output, overwrite=order.overwrite)
    way = choose_way(order.stream, base.folder, record)
    progress.note(f"{base.name}: {way.why}")
    if way.stream:
        _stream(_Job(order, record, base, plan, device), settings, progress)
    else:
        _prune_in_memory(_Job(order, record, base, plan, device), settings, progress)


@dataclass(frozen=True)
class _Job:
    """An order when all of it is known to be possible."""

    order: PruneOrder
    method: Method
    base: Checkpoint
    plan: TextPlan
    device: str


def _stream(job: _Job, settings: Settings, progress: Progress) -> None:
    order, base = job.order, job.base
    texts = Texts(choose_calibration(base, job.plan, progress) if job.method.calibrated else None, None)

    from pruning.streaming import Streaming, prune_checkpoint

    pruned = prune_checkpoint(
        base.folder,
        order.output,
        order.method,
        order.ratio,
        calibration=texts.calibration.windows if texts.calibration else (),
        seed=settings.seed,
        streaming=Streaming(device=job.device),
        overwrite=order.overwrite,
        name=base.name,
        texts=texts.named(),
    )
    _say_pruned(
        order,
        pruned,
        f"nothing was measured: `python -m pruning evaluate {order.output}` does, where the model fits in memory",
        progress,
        streamed=True,
        texts=texts.hashes(),
    )


def _prune_in_memory(job: _Job, settings: Settings, progress: Progress) -> None:
    order, base = job.order, job.base
    texts = choose_texts(base, job.plan, progress, calibrated=job.method.calibrated)

    import copy

    from pruning import prune
    from pruning.card import base_license, model_card
    from pruning.checkpoint import round_weights, save_checkpoint
    from pruning.models import load_model, stored_dtype

    dense = load_model(base.folder).to(job.device)  # pyright: ignore[reportArgumentType]  # its stub knows no str
    model = copy.deepcopy(dense)
    windows = texts.calibration.windows if texts.calibration else ()
    pruned = prune(model, order.method, order.ratio, calibration=windows, seed=settings.seed)
    dtype = stored_dtype(base.folder)
    round_weights(model, dtype)  # what is measured is what will be stored
    before = measured(dense, None, base, texts.evaluation, settings)
    after = measured(model, dense, base, texts.evaluation, settings)
    card = model_card(
        base.name, base_license(base.folder), pruned, before, after, texts=texts.named(), device=job.device
    )
    save_checkpoint(model.cpu(), base.folder, order.output, dtype=dtype, card=card, overwrite=order.overwrite)
    _say_pruned(
        order,
        pruned,
        table({"base": before, "pruned": after}),
        progress,
        streamed=False,
        texts=texts.hashes(),
        before=values(before),
        after=values(after),
    )


def _say_pruned(order: PruneOrder, pruned: Pruned, numbers: str, progress: Progress, **fields: object) -> None:
    progress.result(
        f"{pruned.sentence()}\n{numbers}\nsaved to {order.output}",
        method=order.method,
        scope=pruned.scope,
        asked_ratio=order.ratio,
        achieved_ratio=pruned.achieved_ratio,
        physical=pruned.removal.physical,
        layers=pruned.removal.layers,
        output=str(order.output),
        **fields,
    )


def evaluate_command(
    name: str, against: str | None, evaluation: str | None, settings: Settings, progress: Progress
) -> None:
    """Measure one checkpoint, or two in turn on the same text."""
    device = command_device(settings.device)
    check_window(settings.window_tokens)
    plan = text_plan(None, evaluation, settings)
    mine = resolve(name, offline=settings.offline)
    other = resolve(against, offline=settings.offline) if against else None
    text = _evaluation(mine, plan, progress)
    if other and text and _evaluation(other, plan, progress) != text:
        raise UnsupportedModelError(
            f"{mine.name} and {other.name} share no text: their vocabularies or contexts differ"
        )

    from pruning.models import load_model

    columns = {}
    dense = load_model(other.folder).to(device) if other else None  # pyright: ignore[reportArgumentType]
    if other and dense:
        columns[other.name] = measured(dense, None, other, text, settings)
    column = mine.name if other is None or mine.name != other.name else f"{mine.name} ({mine.folder})"
    model = load_model(mine.folder).to(device)  # pyright: ignore[reportArgumentType]
    columns[column] = measured(model, dense, mine, text, settings)
    progress.result(table(columns), models={name: values(column) for name, column in columns.items()})


def text_plan(calibration: str | None, evaluation: str | None, settings: Settings) -> TextPlan:
    """Return the plan for the texts that the flags name. Raises `UsageError` for what cannot be one."""
    return TextPlan(
        read_source("--calibration", calibration),
        read_source("--evaluation", evaluation),
        settings.calibration_windows,
        settings.evaluation_windows,
        settings.window_tokens,
        settings.offline,
    )


def choose_texts(base: Checkpoint, plan: TextPlan, progress: Progress, *, calibrated: bool) -> Texts:
    """Return the texts for a model, calibration where it is needed. Raises `UsageError` when they overlap."""
    calibration = choose_calibration(base, plan, progress) if calibrated else None
    texts = Texts(calibration, _evaluation(base, plan, progress))
    check_apart(texts.calibration, texts.evaluation)
    return texts


def choose_calibration(base: Checkpoint, plan: TextPlan, progress: Progress) -> Text:
    """Return the calibration text for a model. Raises `UsageError` and `UnsupportedModelError` for none."""
    if plan.shared and plan.calibration:
        count = plan.evaluation_windows
        progress.note(f"{plan.calibration.name}: evaluation reads the first {count} windows, calibration what follows")
    text = calibration_text(base.folder, plan)
    if text is None:
        raise UnsupportedModelError(f"calibration for {base.name}: {NO_TEXT}; {_HINT.format(option='--calibration')}")
    return text


def _evaluation(checkpoint: Checkpoint, plan: TextPlan, progress: Progress) -> Text | None:
    text = evaluation_text(checkpoint.folder, plan)
    if text is None:
        hint = _HINT.format(option="--evaluation")
        progress.note(f"perplexity of {checkpoint.name} is not measured: {NO_TEXT}; {hint}")
    return text


def measured(
    model: "PreTrainedModel",
    dense: "PreTrainedModel | None",
    checkpoint: Checkpoint,
    text: Text | None,
    settings: Settings,
) -> dict[str, Measurement]:
    """Return every metric of a model that came from a checkpoint. Raises `PruningError` naming it."""
    from pruning.evaluation.observe import observe
    from pruning.models import stored_dtype

    dtype = stored_dtype(checkpoint.folder)
    try:
        return measure(observe(model, text, dtype=dtype, repeats=settings.latency_repeats, dense=dense))
    except PruningError as error:
        raise type(error)(f"{checkpoint.name}: {error}") from error


def values(numbers: Mapping[str, Measurement]) -> dict[str, float]:
    """Return the bare values by metric."""
    return {name: number.value for name, number in numbers.items()}


def table(columns: Mapping[str, Mapping[str, Measurement]]) -> str:
    """Return metrics by checkpoints as aligned text."""
    heads = ["metric", "unit", *columns]
    rows = [heads]
    for metric in METRICS:
        cells = [shown(numbers[metric.name]) if metric.name in numbers else "-" for numbers in columns.values()]
        if any(cell != "-" for cell in cells):
            rows.append([metric.name, metric.unit, *cells])
    widths = [max(len(row[place]) for row in rows) for place in range(len(heads))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
