"""Removing single weights: zeros in matrices that keep their shape."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from pruning.adapters.parts import Projection
from pruning.budgets import Budget
from pruning.calibration.layerwise import MakeStatistic, change_layer_by_layer
from pruning.removal.records import Method, PruningRequest, Removal
from pruning.removal.selection import Pattern, lowest_in_groups, share_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from pruning.adapters.parts import LayerParts

# (weight as stored, its matrix, how many) -> flat mask of the weights to remove
Choice = Callable[["torch.Tensor", Projection, int], "torch.Tensor"]
# (weight as stored, its matrix) -> scores as stored, fp32
Scores = Callable[["torch.Tensor", Projection], "torch.Tensor"]
R = TypeVar("R")
# (weight as stored, its matrix, what the calibration text says of its inputs) -> how many weights it set to zero
ChangeMatrix = Callable[["torch.Tensor", Projection, R], int]
# Rows that are zeroed at a time: what is read and written stays in the cache.
_ROWS = 64


def remove_weights(request: PruningRequest, choose: Choice) -> Removal:
    """Set exactly floor(ratio * n) weights of every matrix to zero, the ratio that of its layer.

    One that is zero already can be among them.
    """

    def change(weight: "torch.Tensor", matrix: Projection) -> int:
        count = share_of(request.ratio_of(matrix), matrix.size)
        set_to_zero(weight, choose(weight, matrix, count).view_as(weight))
        return count

    return change_each(request, change)


def remove_from_groups(request: PruningRequest, pattern: Pattern, score: Scores) -> Removal:
    """Set the lowest scores of every group of consecutive inputs of an output to zero; ties by index."""

    def change(weight: "torch.Tensor", matrix: Projection) -> int:
        mask = lowest_in_groups(rows_of(score(weight, matrix), matrix), pattern, matrix.name)
        set_to_zero(weight, rows_of(mask, matrix))
        return matrix.size * pattern.zeros // pattern.group

    return change_each(request, change)


def change_each(request: PruningRequest, change: Callable[["torch.Tensor", Projection], int]) -> Removal:
    """Change every matrix, layer by layer; `change` returns how many weights it set to zero."""
    import torch

    removed = 0
    with torch.no_grad():
        for layer in request.adapter.all_layers:
            with request.layers.changing(layer):
                for matrix in layer.matrices:
                    removed += change(matrix.weight(request.model), matrix)
    return Removal(removed, request.adapter.prunable_weights, physical=False)


def change_each_calibrated(request: PruningRequest, make: MakeStatistic[R], change: ChangeMatrix[R]) -> Removal:
    """Change every matrix by a statistic of its inputs; a layer sees what the changed layers before it compute."""
    removed = 0

    def change_layer(layer: "LayerParts", results: "Mapping[str, R]") -> None:
        nonlocal removed
        for matrix in layer.matrices:
            removed += change(matrix.weight(request.model), matrix, results[matrix.key])

    change_layer_by_layer(request, make, change_layer)
    return Removal(removed, request.adapter.prunable_weights, physical=False)


def with_pattern(method: Method, pattern: Pattern, function: Callable[[PruningRequest], Removal]) -> Method:
    """Return the N:M form of a method, under a name of its own."""
    return replace(
        method,
        name=f"{method.name}-{pattern.name}",
        function=function,
        fixed_ratio=pattern.ratio,
        group=pattern.group,
    )


def with_budget(method: Method, budget: Budget) -> Method:
    """Return a method on weights whose layers lose different shares, under a name of its own."""

    def prune(request: PruningRequest) -> Removal:
        ratios = budget.function(method.function, request)
        return method.function(replace(request, layer_ratios=ratios))

    return replace(
        method,
        name=f"{method.name}-{budget.name}",
        source="; ".join(dict.fromkeys((method.source, budget.source))),
        function=prune,
        calibrated=True,
        whole_model=budget.whole_model,
    )


def rows_of(stored: "torch.Tensor", matrix: Projection) -> "torch.Tensor":
    """Return a weight, or a mask of it, as stored seen as (outputs, inputs), and the other way round."""
    return stored.T if matrix.transposed else stored


def set_to_zero(weight: "torch.Tensor", mask: "torch.Tensor") -> None:
    """Set the finite weights under a mask of the same shape to +0 in place."""
    # Multiplying is vectorised where masked_fill_ is not; adding 0 turns the -0 that it leaves into 0.
    for rows, masked in zip(weight.split(_ROWS), mask.split(_ROWS), strict=True):
        rows.mul_(~masked).add_(0)
