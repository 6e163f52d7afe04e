"""Pruning methods: a method is a name, a version, a source, a scope and a function. Add one line to the list."""

from math import isfinite

from pipeline.errors import UsageError
from pipeline.registry import Registry
from pruning.adapters.parts import Adapter
from pruning.methods.depth_angular import DEPTH_ANGULAR
from pruning.methods.depth_last import DEPTH_LAST
from pruning.methods.magnitude import MAGNITUDE
from pruning.methods.mlp_maxmin import MLP_MAXMIN
from pruning.methods.mlp_random import MLP_RANDOM
from pruning.methods.random import RANDOM
from pruning.methods.records import UNITS, Method, Pruned, PruningRequest, Removal, Scope

METHODS = Registry("method", [RANDOM, MAGNITUDE, DEPTH_LAST, DEPTH_ANGULAR, MLP_RANDOM, MLP_MAXMIN])


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


def refusal(method: Method, adapter: Adapter, *, has_text: bool) -> str | None:
    """Return why a method does not fit a model, or None when it does."""
    if method.calibrated and not has_text:
        return "needs calibration text in the model's vocabulary; there is none"
    if method.scope == "neuron" and adapter.mlp_width is None:
        return "looked for an MLP of one width in every layer; there is none"
    if method.scope == "layer" and len(adapter.layers) < 2:
        return "needs at least two layers"
    return None


__all__ = [
    "METHODS",
    "UNITS",
    "Method",
    "Pruned",
    "PruningRequest",
    "Removal",
    "Scope",
    "check_ratio",
    "read_ratio",
    "refusal",
]
