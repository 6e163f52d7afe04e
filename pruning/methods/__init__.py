"""Pruning methods: a method is a name, a version, a source, a scope and a function. Add one line to the list."""

from collections.abc import Sequence
from math import isfinite

from pipeline.errors import UsageError
from pipeline.registry import Registry
from pruning.adapters.parts import Adapter
from pruning.methods.depth_angular import DEPTH_ANGULAR
from pruning.methods.depth_last import DEPTH_LAST
from pruning.methods.magnitude import MAGNITUDE, MAGNITUDE_2_4, MAGNITUDE_4_8
from pruning.methods.magnitude_global import MAGNITUDE_GLOBAL
from pruning.methods.mlp_maxmin import MLP_MAXMIN
from pruning.methods.mlp_random import MLP_RANDOM
from pruning.methods.random import RANDOM, RANDOM_2_4, RANDOM_4_8
from pruning.methods.records import UNITS, Method, Pruned, PruningRequest, Removal, Scope
from pruning.methods.sparsegpt import SPARSEGPT, SPARSEGPT_2_4, SPARSEGPT_4_8
from pruning.methods.wanda import WANDA, WANDA_2_4, WANDA_4_8

METHODS = Registry(
    "method",
    [
        RANDOM,
        RANDOM_2_4,
        RANDOM_4_8,
        MAGNITUDE,
        MAGNITUDE_2_4,
        MAGNITUDE_4_8,
        MAGNITUDE_GLOBAL,
        WANDA,
        WANDA_2_4,
        WANDA_4_8,
        SPARSEGPT,
        SPARSEGPT_2_4,
        SPARSEGPT_4_8,
        DEPTH_LAST,
        DEPTH_ANGULAR,
        MLP_RANDOM,
        MLP_MAXMIN,
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


def refusal(method: Method, adapter: Adapter, *, has_text: bool) -> str | None:
    """Return why a method does not fit a model, or None when it does."""
    if method.calibrated and not has_text:
        return "needs calibration text in the model's vocabulary; there is none"
    if method.scope == "neuron" and adapter.mlp_width is None:
        return "looked for an MLP of one width in every layer; there is none"
    if method.scope == "layer" and len(adapter.layers) < 2:
        return "needs at least two layers"
    uneven = next((matrix for matrix in adapter.prunable if matrix.inputs % method.group), None)
    if uneven:
        return f"needs matrices whose inputs are a multiple of {method.group}; {uneven.path} has {uneven.inputs:,}"
    return None


__all__ = [
    "METHODS",
    "UNITS",
    "Method",
    "Pruned",
    "PruningRequest",
    "Removal",
    "Scope",
    "check_method_ratio",
    "check_ratio",
    "ratios_of",
    "read_ratio",
    "refusal",
]
