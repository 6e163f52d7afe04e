"""Removing single weights: zeros in matrices that keep their shape."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from pruning.adapters.parts import Projection
from pruning.methods.records import PruningRequest, Removal
from pruning.methods.selection import share_of

if TYPE_CHECKING:
    import torch

# (weight as stored, its matrix, how many) -> flat mask of the weights to remove
Choice = Callable[["torch.Tensor", Projection, int], "torch.Tensor"]


def remove_weights(request: PruningRequest, choose: Choice) -> Removal:
    """Set exactly floor(ratio * n) weights of every matrix to zero; one that is zero already can be among them."""
    import torch

    removed = 0
    with torch.no_grad():
        for matrix in request.adapter.prunable:
            weight = matrix.weight(request.model)
            count = share_of(request.ratio, matrix.size)
            weight.view(-1)[choose(weight, matrix, count)] = 0
            removed += count
    return Removal(removed, request.adapter.prunable_weights, physical=False)
