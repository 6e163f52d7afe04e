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

    from pruning.adapters import Adapter, AttentionParts, ExpertParts, MlpParts, Stack


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
    from pruning.checkpoint import round_weights, save_checkpoint
    from pruning.models import load_model, stored_dtype

    dense = load_model(base.folder)
    model = copy.deepcopy(dense)
    pruned = prune(model, method, ratio, calibration=calibration.windows if calibration else (), seed=settings.seed)
    round_weights(model, stored_dtype(base.folder))
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
    storage = " (Conv1D, stored transposed)" if any(matrix.transposed for matrix in adapter.prunable) else ""
    lines = [
        f"{checkpoint.name}: {adapter.model_class}, reads {', '.join(adapter.inputs)}",
        *(line for stack in adapter.stacks for line in _stack_lines(stack, main=stack is adapter.main)),
        *(f"{'tied':<16} {' = '.join(names)}" for names in adapter.tied),
        f"prunable         {adapter.prunable_weights:,} weights in {len(adapter.prunable)} matrices{storage}",
        *(f"{method:<16} {'fits' if why is None else why}" for method, why in fits.items()),
    ]
    progress.result(
        "\n".join(lines),
        model=checkpoint.name,
        model_class=adapter.model_class,
        inputs=adapter.inputs,
        stack=adapter.stack,
        layers=len(adapter.layers),
        mlp_width=adapter.mlp_width,
        stacks=[_stack_values(stack) for stack in adapter.stacks],
        tied=adapter.tied,
        prunable_weights=adapter.prunable_weights,
        methods={method: why or "fits" for method, why in fits.items()},
    )


def _adapter(checkpoint: Checkpoint) -> "Adapter":
    """Return the adapter of a checkpoint, its modules built without memory for weights."""
    from pruning.adapters import find_adapter
    from pruning.models import empty_model, read_config

    return find_adapter(empty_model(read_config(checkpoint.folder)))


def _stack_lines(stack: "Stack", *, main: bool) -> list[str]:
    """Return what was found in a stack, its first layer standing for all of them."""
    first = stack.layers[0]
    shared = f", run as {stack.declared_layers}" if stack.shares_layers else ""
    facts = [", ".join(stack.positions) or "none found", *(["parallel attention and MLP"] if stack.parallel else [])]
    lines = [
        f"{stack.name + ('' if not main else ' (main)'):<16} {stack.path}, {len(stack.layers)} layers{shared}",
        f"{'  positions':<16} {', '.join(facts)}",
        *(f"{'  attention':<16} {_attention_sentence(attention)}" for attention in first.attentions),
        *([f"{'  MLP':<16} {_mlp_sentence(first.mlp)}"] if first.mlp else []),
        *(f"{'  experts':<16} {_expert_sentence(layer.experts)}" for layer in stack.layers[-1:] if layer.experts),
        f"{'  norms':<16} {len(first.norms)} in a layer, then {stack.final_norm or 'none'}",
    ]
    missing = [
        *stack.gaps[:2],
        *([f"no matrix of a known kind: {', '.join(stack.foreign[:3])}"] if stack.foreign else []),
    ]
    return [*lines, *(f"{'  not found':<16} {gap}" for gap in missing)]


def _stack_values(stack: "Stack") -> dict[str, object]:
    first = stack.layers[0]
    return {
        "name": stack.name,
        "path": stack.path,
        "layers": len(stack.layers),
        "declared_layers": stack.declared_layers,
        "positions": stack.positions,
        "parallel": stack.parallel,
        "attentions": [
            {
                "path": attention.path,
                "cross": attention.cross,
                "layout": attention.layout,
                "heads": attention.heads,
                "key_value_heads": attention.key_value_heads,
                "head_width": attention.head_width,
                "bias": attention.bias,
            }
            for attention in first.attentions
        ],
        "mlp_width": stack.mlp_width,
        "gated": first.mlp.gated if first.mlp else None,
        "experts": max((layer.experts.count for layer in stack.layers if layer.experts), default=0),
        "gaps": stack.gaps,
        "foreign": stack.foreign,
    }


def _attention_sentence(attention: "AttentionParts") -> str:
    kind = "cross" if attention.cross else "self"
    groups = f", {attention.key_value_heads} key-value heads" if attention.key_value_heads != attention.heads else ""
    biases = ", with biases" if attention.bias else ""
    heads = f"{attention.heads} heads of {attention.head_width}{groups}"
    return f"{attention.path} ({kind}, {attention.layout}): {heads}{biases}"


def _mlp_sentence(mlp: "MlpParts") -> str:
    into = " and ".join(matrix.path for matrix in mlp.into)
    fused = ", both halves in one matrix" if mlp.fused else ""
    return f"{'gated' if mlp.gated else 'not gated'}{fused}, {mlp.width:,} neurons: {into}, then {mlp.down.path}"


def _expert_sentence(experts: "ExpertParts") -> str:
    how = f"stacked in {' and '.join(experts.parameters)}" if experts.stacked else "a list of MLPs"
    shared = f", beside one of {experts.shared.width:,} for all tokens" if experts.shared else ""
    chosen = f", {experts.per_token} a token" if experts.per_token else ""
    return (
        f"{experts.path}: {experts.count} of {experts.width:,} neurons, {how}{chosen}{shared}; "
        f"router {experts.router or 'not found'}"
    )


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
