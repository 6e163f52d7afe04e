"""Pruning methods: a method is a name, a version, a source, a scope and a function. Add one line to the list."""

from collections.abc import Callable, Sequence
from math import isfinite

from pipeline.errors import UsageError
from pipeline.registry import Registry
from pruning.adapters.parts import Adapter
from pruning.errors import RatioTooSmallError
from pruning.methods.depth_angular import DEPTH_ANGULAR
from pruning.methods.depth_angular_healed import DEPTH_ANGULAR_HEALED
from pruning.methods.depth_blocks import DEPTH_ANGULAR_MEAN, DEPTH_LINEAR, DEPTH_MAGNITUDE
from pruning.methods.depth_greedy import DEPTH_GREEDY
from pruning.methods.depth_last import DEPTH_LAST
from pruning.methods.depth_last_but_final import DEPTH_LAST_BUT_FINAL
from pruning.methods.depth_random import DEPTH_RANDOM
from pruning.methods.depth_scattered import DEPTH_ANGULAR_SCATTERED, DEPTH_BI
from pruning.methods.experts import expert_gap
from pruning.methods.experts_random import EXPERTS_RANDOM
from pruning.methods.experts_use import EXPERTS_USE
from pruning.methods.heads import HEAD_METHODS, merge_refusal
from pruning.methods.magnitude import MAGNITUDE, MAGNITUDE_2_4, MAGNITUDE_4_8, MAGNITUDE_OWL, MAGNITUDE_SENSITIVITY
from pruning.methods.magnitude_global import MAGNITUDE_GLOBAL
from pruning.methods.mlp_flap import MLP_FLAP
from pruning.methods.mlp_l1 import MLP_L1
from pruning.methods.mlp_maxmin import MLP_MAXMIN
from pruning.methods.mlp_random import MLP_RANDOM
from pruning.methods.mlp_variance import MLP_VARIANCE
from pruning.methods.mlp_wanda import MLP_WANDA
from pruning.methods.random import RANDOM, RANDOM_2_4, RANDOM_4_8
from pruning.methods.records import UNITS, Method, Pruned, PruningRequest, Removal, Scope
from pruning.methods.sharing import SHARE_ANGULAR, SHARE_RANDOM
from pruning.methods.sparsegpt import SPARSEGPT, SPARSEGPT_2_4, SPARSEGPT_4_8, SPARSEGPT_OWL
from pruning.methods.svd import SVD
from pruning.methods.svd_activation import SVD_ACTIVATION
from pruning.methods.wanda import WANDA, WANDA_2_4, WANDA_4_8, WANDA_OWL, WANDA_SENSITIVITY

METHODS = Registry(
    "method",
    [
        RANDOM,
        RANDOM_2_4,
        RANDOM_4_8,
        MAGNITUDE,
        MAGNITUDE_2_4,
        MAGNITUDE_4_8,
        MAGNITUDE_OWL,
        MAGNITUDE_SENSITIVITY,
        MAGNITUDE_GLOBAL,
        WANDA,
        WANDA_2_4,
        WANDA_4_8,
        WANDA_OWL,
        WANDA_SENSITIVITY,
        SPARSEGPT,
        SPARSEGPT_2_4,
        SPARSEGPT_4_8,
        SPARSEGPT_OWL,
        DEPTH_LAST,
        DEPTH_LAST_BUT_FINAL,
        DEPTH_RANDOM,
        DEPTH_ANGULAR,
        DEPTH_ANGULAR_MEAN,
        DEPTH_MAGNITUDE,
        DEPTH_LINEAR,
        DEPTH_BI,
        DEPTH_ANGULAR_SCATTERED,
        DEPTH_GREEDY,
        DEPTH_ANGULAR_HEALED,
        SHARE_RANDOM,
        SHARE_ANGULAR,
        MLP_RANDOM,
        MLP_MAXMIN,
        MLP_L1,
        MLP_VARIANCE,
        MLP_WANDA,
        MLP_FLAP,
        EXPERTS_RANDOM,
        EXPERTS_USE,
        *HEAD_METHODS,
        SVD,
        SVD_ACTIVATION,
    ],
)


def check_ratio(ratio: float) -> None:
    """Raise `UsageError` when a ratio is not in (0, 1)."""
    if not isfinite(ratio) or not 0 < ratio < 1:
        raise UsageError(f"--ratio: expected a fraction in (0, 1), the share to remove, got {ratio!r}")


def read_ratio(text: str) -> float:
    """Return the ratio that a user wrote. Raises `UsageError` when it is no number in (0, 1)."""
    try:
        ratio = float(text)
    except ValueError as error:
        raise UsageError(f"--ratio: expected a fraction in (0, 1), the share to remove, got {text!r}") from error
    check_ratio(ratio)
    return ratio


def check_method_ratio(method: Method, ratio: float) -> None:
    """Raise `UsageError` when a ratio is not in (0, 1), or not the one that the method fixes."""
    check_ratio(ratio)
    if method.fixed_ratio is not None and ratio != method.fixed_ratio:
        raise UsageError(f"--ratio: {method.name} removes exactly {method.fixed_ratio:g}, got {ratio!r}")


def ratios_of(method: Method, ratios: Sequence[float]) -> tuple[float, ...]:
    """Return the ratios at which a method is tried: those asked for, or the only one that it knows."""
    return tuple(ratios) if method.fixed_ratio is None else (method.fixed_ratio,)


def carry_out(method: Method, request: PruningRequest) -> Pruned:
    """Prune a model that the method fits. Raises `RatioTooSmallError` when nothing is left to remove at the ratio."""
    removal = method.function(request)
    if removal.removed == 0:
        raise RatioTooSmallError(f"ratio {request.ratio:g} of {removal.total:,} {UNITS[method.scope]} removes none")
    seed = request.seed if method.random else 0
    return Pruned(method.name, method.version, method.scope, request.ratio, seed, removal)


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


__all__ = [
    "METHODS",
    "UNITS",
    "Method",
    "Pruned",
    "PruningRequest",
    "Removal",
    "Scope",
    "carry_out",
    "check_method_ratio",
    "check_ratio",
    "ratios_of",
    "read_ratio",
    "refusal",
]
