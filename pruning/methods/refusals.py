"""Why a method does not fit a model: told from its parts alone, before anything is changed."""

from collections.abc import Callable

from pruning.adapters.parts import Adapter
from pruning.methods.heads import merge_refusal
from pruning.removal.experts import expert_gap
from pruning.removal.records import Method, Scope


def refusal(method: Method, adapter: Adapter, *, has_text: bool) -> str | None:
    """Return why a method does not fit a model, or None when it does."""
    if method.calibrated and not has_text:
        return "needs calibration text in the model's vocabulary; there is none"
    if method.calibrated and _unreadable(adapter):
        return _unreadable(adapter)
    return _SCOPE_REFUSALS[method.scope](method, adapter)


def _unreadable(adapter: Adapter) -> str | None:
    """Return why calibration text cannot run through a model, or None."""
    if adapter.inputs == ("input_ids",) and not adapter.main.crossed:
        return None
    stacks = " and ".join(stack.name for stack in adapter.stacks)
    return (
        f"calibrates with text for one stack of layers; this model reads {', '.join(adapter.inputs)} with its {stacks}"
    )


def _weight_refusal(method: Method, adapter: Adapter) -> str | None:
    foreign = [name for stack in adapter.stacks for name in stack.foreign]
    if foreign:
        return f"looked for layers whose matrices are Linear, Conv1D or experts; found {', '.join(foreign[:3])} besides"
    uneven = next((matrix for matrix in adapter.prunable if matrix.inputs % method.group), None)
    if uneven:
        return f"needs matrices whose inputs are a multiple of {method.group}; {uneven.path} has {uneven.inputs:,}"
    return None


def _neuron_refusal(_: Method, adapter: Adapter) -> str | None:
    for stack in adapter.stacks:
        experts = next((layer.experts for layer in stack.layers if layer.experts), None)
        if experts:
            return (
                f"looked for an MLP of one width in every layer; {experts.path} is a mixture of {experts.count} experts"
            )
        if stack.mlp_width is None:
            found = next((gap for gap in stack.gaps if "MLP" in gap), f"{stack.path}: the widths differ")
            return f"looked for an MLP of one width in every layer; there is none: {found}"
    return None


def _head_refusal(method: Method, adapter: Adapter) -> str | None:
    # Methods that look at text change the stack that reads it.
    for stack in (adapter.main,) if method.calibrated else adapter.stacks:
        gap = next((gap for gap in stack.gaps if "MLP" not in gap), None)
        unknown = [
            attention for layer in stack.layers for attention in layer.attentions if attention.layout == "unknown"
        ]
        if gap or unknown:
            return gap or f"the order of queries, keys and values in {unknown[0].inputs[0].path} is not declared"
    return merge_refusal(method, adapter)


def _layer_refusal(method: Method, adapter: Adapter) -> str | None:
    if adapter.main.shares_layers:
        return (
            f"the {adapter.main.declared_layers} layers of {adapter.stack} share the weights of {len(adapter.layers)}"
        )
    if method.next_token and adapter.main.kind != "decoder":
        return f"measures how the next token is predicted; {adapter.model_class} does not predict it"
    return "needs at least two layers" if len(adapter.layers) < 2 else None


def _expert_refusal(_: Method, adapter: Adapter) -> str | None:
    return expert_gap(adapter)


_SCOPE_REFUSALS: dict[Scope, Callable[[Method, Adapter], str | None]] = {
    "weight": _weight_refusal,
    "neuron": _neuron_refusal,
    "head": _head_refusal,
    "layer": _layer_refusal,
    "expert": _expert_refusal,
    "factorisation": _weight_refusal,
}
