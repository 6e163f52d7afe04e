"""What the commands for a single model do. All that can be checked is checked before a model is loaded."""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.progress import Progress
from pipeline.settings import Settings
from pruning.errors import PruningError, UnsupportedModelError
from pruning.evaluation import METRICS, Measurement, measure
from pruning.evaluation.records import shown
from pruning.experiments.plan import check_device
from pruning.methods import METHODS, check_method_ratio, refusal
from pruning.models import Checkpoint, resolve
from pruning.texts import NO_TEXT, Text, check_window, text_for

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from pruning.adapters import Adapter


def prune_command(
    name: str, method: str, ratio: float, output: Path, overwrite: bool, settings: Settings, progress: Progress
) -> None:
    """Prune one model, save it, and say what went and what it cost."""
    from pruning.checkpoint import check_output

    record = METHODS[method]
    check_method_ratio(record, ratio)
    check_device(settings.device)
    check_window(settings.window_tokens)
    base = resolve(name, offline=settings.offline)
    check_output(output, overwrite=overwrite)
    calibration = _calibration(base, settings) if record.calibrated else None
    evaluation = _evaluation(base, settings, progress)

    import copy

    from pruning import prune
    from pruning.card import base_license, model_card
    from pruning.checkpoint import save_checkpoint
    from pruning.models import load_model, stored_dtype

    dense = load_model(base.folder)
    model = copy.deepcopy(dense)
    pruned = prune(model, method, ratio, calibration=calibration.windows if calibration else (), seed=settings.seed)
    before = _measure(dense, None, base, evaluation, settings)
    after = _measure(model, dense, base, evaluation, settings)
    card = model_card(base.name, base_license(base.folder), pruned, before, after)
    save_checkpoint(model, base.folder, output, dtype=stored_dtype(base.folder), card=card, overwrite=overwrite)
    progress.result(
        f"{pruned.sentence()}\n{_table({'base': before, 'pruned': after})}\nsaved to {output}",
        method=method,
        scope=pruned.scope,
        asked_ratio=ratio,
        achieved_ratio=pruned.achieved_ratio,
        physical=pruned.removal.physical,
        layers=pruned.removal.layers,
        before=_values(before),
        after=_values(after),
        output=str(output),
    )


def evaluate_command(name: str, against: str | None, settings: Settings, progress: Progress) -> None:
    """Measure one checkpoint, or two in turn on the same text."""
    check_device(settings.device)
    check_window(settings.window_tokens)
    mine = resolve(name, offline=settings.offline)
    other = resolve(against, offline=settings.offline) if against else None
    text = _evaluation(mine, settings, progress)
    if other and text and _evaluation(other, settings, progress) != text:
        raise UnsupportedModelError(
            f"{mine.name} and {other.name} share no text: their vocabularies or contexts differ"
        )

    from pruning.models import load_model

    columns = {}
    dense = load_model(other.folder) if other else None
    if other and dense:
        columns[other.name] = _measure(dense, None, other, text, settings)
    column = mine.name if other is None or mine.name != other.name else f"{mine.name} ({mine.folder})"
    columns[column] = _measure(load_model(mine.folder), dense, mine, text, settings)
    progress.result(_table(columns), **{name: _values(column) for name, column in columns.items()})


def methods_command(progress: Progress) -> None:
    """List the methods."""
    for method in METHODS:
        needs = [
            word for word, needed in (("calibration text", method.calibrated), ("a seed", method.random)) if needed
        ]
        progress.result(
            f"{method.name:<17} {method.scope:<7} {method.source:<42} needs {' and '.join(needs) or 'nothing'}",
            name=method.name,
            version=method.version,
            scope=method.scope,
            source=method.source,
            calibrated=method.calibrated,
            random=method.random,
        )


def inspect_command(name: str, settings: Settings, progress: Progress) -> None:
    """Say what the adapter finds in a model, from its config alone, and which methods fit."""
    checkpoint = resolve(name, offline=settings.offline)
    has_text = text_for(checkpoint.folder, "calibration", 1, settings.window_tokens) is not None
    adapter = _adapter(checkpoint)
    fits = {method.name: refusal(method, adapter, has_text=has_text) for method in METHODS}
    first = adapter.layers[0]
    attention = ", ".join(f"{part.path} ({part.layout})" for part in first.attentions)
    storage = " (Conv1D, stored transposed)" if any(matrix.transposed for matrix in adapter.prunable) else ""
    lines = [
        f"{checkpoint.name}: {adapter.model_class}",
        f"layer stack       {adapter.stack}, {len(adapter.layers)} layers",
        f"first attention   {attention}",
        f"first MLP         {_mlp_sentence(adapter)}",
        f"prunable          {adapter.prunable_weights:,} weights in {len(adapter.prunable)} matrices{storage}",
        *(f"{method:<17} {'fits' if why is None else why}" for method, why in fits.items()),
    ]
    progress.result(
        "\n".join(lines),
        model=checkpoint.name,
        model_class=adapter.model_class,
        stack=adapter.stack,
        layers=len(adapter.layers),
        mlp_width=adapter.mlp_width,
        prunable_weights=adapter.prunable_weights,
        methods={method: why or "fits" for method, why in fits.items()},
    )


def _adapter(checkpoint: Checkpoint) -> "Adapter":
    """Return the adapter of a checkpoint, its modules built without memory for weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from pruning.adapters import find_adapter

    config = AutoConfig.from_pretrained(checkpoint.folder, trust_remote_code=False, local_files_only=True)
    with torch.device("meta"):
        return find_adapter(AutoModelForCausalLM.from_config(config, trust_remote_code=False))


def _mlp_sentence(adapter: "Adapter") -> str:
    mlp = adapter.layers[0].mlp
    if mlp is None:
        return "none found: looked for one or two matrices into the same width and one out of it"
    into = " and ".join(matrix.path for matrix in mlp.into)
    return f"{'gated' if mlp.gate else 'not gated'}, {mlp.width:,} neurons: {into}, then {mlp.down.path}"


def _calibration(base: Checkpoint, settings: Settings) -> Text:
    text = text_for(base.folder, "calibration", settings.calibration_windows, settings.window_tokens)
    if text is None:
        raise UnsupportedModelError(f"calibration for {base.name}: {NO_TEXT}")
    return text


def _evaluation(checkpoint: Checkpoint, settings: Settings, progress: Progress) -> Text | None:
    text = text_for(checkpoint.folder, "evaluation", settings.evaluation_windows, settings.window_tokens)
    if text is None:
        progress.note(f"perplexity of {checkpoint.name} is not measured: {NO_TEXT}")
    return text


def _measure(
    model: "PreTrainedModel",
    dense: "PreTrainedModel | None",
    checkpoint: Checkpoint,
    text: Text | None,
    settings: Settings,
) -> dict[str, Measurement]:
    from pruning.evaluation.observe import observe
    from pruning.models import stored_dtype

    dtype = stored_dtype(checkpoint.folder)
    try:
        return measure(observe(model, text, dtype=dtype, repeats=settings.latency_repeats, dense=dense))
    except PruningError as error:
        raise type(error)(f"{checkpoint.name}: {error}") from error


def _values(numbers: dict[str, Measurement]) -> dict[str, float]:
    return {name: number.value for name, number in numbers.items()}


def _table(columns: dict[str, dict[str, Measurement]]) -> str:
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
