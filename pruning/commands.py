"""What the commands that list do: the methods, and what was found in a model."""

from typing import TYPE_CHECKING

from pipeline.progress import Progress
from pipeline.settings import Settings
from pruning.methods import METHODS, Method, refusal
from pruning.models import Checkpoint, resolve
from pruning.texts import text_for

if TYPE_CHECKING:
    from pruning.adapters import Adapter, AttentionParts, ExpertParts, MlpParts, Stack


def methods_command(progress: Progress) -> None:
    """List the methods."""
    for method in METHODS:
        needs = [
            word for word, needed in (("calibration text", method.calibrated), ("a seed", method.random)) if needed
        ]
        progress.result(
            f"{method.name:<26} {method.scope:<13} {method.source:<42} needs {' and '.join(needs) or 'nothing'}",
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
    answers = {method.name: _answer(method, adapter, has_text=has_text) for method in METHODS}
    width = max(map(len, answers))
    storage = " (Conv1D, stored transposed)" if any(matrix.transposed for matrix in adapter.prunable) else ""
    lines = [
        f"{checkpoint.name}: {adapter.model_class}, reads {', '.join(adapter.inputs)}",
        *(line for stack in adapter.stacks for line in _stack_lines(stack, main=stack is adapter.main)),
        *(f"{'tied':<16} {' = '.join(names)}" for names in adapter.tied),
        f"prunable         {adapter.prunable_weights:,} weights in {len(adapter.prunable)} matrices{storage}",
        *(f"{method:<{width}} {answer}" for method, answer in answers.items()),
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
        methods=answers,
    )


def _answer(method: Method, adapter: "Adapter", *, has_text: bool) -> str:
    """Return whether a method fits, or why not; `has_text`: the reference language is in the model's vocabulary."""
    fits = "fits" if has_text or not method.calibrated else "fits, given --calibration"
    return refusal(method, adapter, has_text=True) or fits


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
