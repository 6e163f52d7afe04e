"""What the commands for a single model do. All that can be checked is checked before a model is loaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.progress import Progress
from pipeline.settings import Settings
from pruning.devices import command_device
from pruning.errors import PruningError, UnsupportedModelError
from pruning.evaluation import Measurement, measure
from pruning.further import Further, check_checkpoint, check_further, extras_for, task_numbers
from pruning.methods import METHODS, Method, Pruned, check_method_ratio
from pruning.models import Checkpoint, resolve
from pruning.numbers import table, values
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
    further: Further


@dataclass(frozen=True)
class EvaluateOrder:
    """What `evaluate` was asked, beside the settings."""

    checkpoint: str
    against: str | None
    evaluation: str | None
    further: Further


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
    plan = text_plan(order.calibration, order.evaluation, settings, order.further)
    base = resolve(order.model, offline=settings.offline)
    check_checkpoint(order.further, base)
    check_output(order.output, overwrite=order.overwrite)
    way = choose_way(order.stream, base.folder, record)
    if way.stream and order.further.any:
        raise UsageError(f"{way.why}: leave out --stride, --images, --tasks and --energy, or give --stream never")
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
    before = measured(dense, None, base, texts.evaluation, settings, order.further)
    after = measured(model, dense, base, texts.evaluation, settings, order.further)
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


def evaluate_command(order: EvaluateOrder, settings: Settings, progress: Progress) -> None:
    """Measure one checkpoint, or two in turn on the same text."""
    device = command_device(settings.device)
    check_window(settings.window_tokens)
    if order.further.images is not None and order.against is None:
        raise UsageError("--images: outputs on pictures are compared with another model's; name it with --against")
    plan = text_plan(None, order.evaluation, settings, order.further)
    mine = resolve(order.checkpoint, offline=settings.offline)
    other = resolve(order.against, offline=settings.offline) if order.against else None
    for one in [mine, other] if other else [mine]:
        check_checkpoint(order.further, one)
    text = _evaluation(mine, plan, progress)
    if other and text and _evaluation(other, plan, progress) != text:
        raise UnsupportedModelError(
            f"{mine.name} and {other.name} share no text: their vocabularies or contexts differ"
        )

    from pruning.models import load_model

    columns = {}
    dense = load_model(other.folder).to(device) if other else None  # pyright: ignore[reportArgumentType]
    if other and dense:
        columns[other.name] = measured(dense, None, other, text, settings, order.further)
    column = mine.name if other is None or mine.name != other.name else f"{mine.name} ({mine.folder})"
    model = load_model(mine.folder).to(device)  # pyright: ignore[reportArgumentType]
    columns[column] = measured(model, dense, mine, text, settings, order.further)
    progress.result(table(columns), models={name: values(column) for name, column in columns.items()})


def text_plan(
    calibration: str | None, evaluation: str | None, settings: Settings, further: Further | None = None
) -> TextPlan:
    """Return the plan for the texts that the flags name. Raises `UsageError` for what cannot be one or measured."""
    further = further or Further()
    plan = TextPlan(
        read_source("--calibration", calibration),
        read_source("--evaluation", evaluation),
        settings.calibration_windows,
        settings.evaluation_windows,
        settings.window_tokens,
        settings.offline,
        evaluation_stride=further.stride,
    )
    check_further(further, plan)
    return plan


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
    further: Further | None = None,
) -> dict[str, Measurement]:
    """Return every metric of a model that came from a checkpoint, then its tasks. Raises `PruningError` naming it."""
    from pruning.evaluation.observe import observe
    from pruning.models import stored_dtype

    dtype = stored_dtype(checkpoint.folder)
    further = further or Further()
    try:
        extras = extras_for(further, model, checkpoint)
        seen = observe(model, text, dtype=dtype, repeats=settings.latency_repeats, dense=dense, extras=extras)
        return {**measure(seen), **task_numbers(further, model, checkpoint)}
    except PruningError as error:
        raise type(error)(f"{checkpoint.name}: {error}") from error
