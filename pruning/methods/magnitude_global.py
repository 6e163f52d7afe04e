"""Smallest weights first, all matrices together under one threshold (Han et al. 2015, arXiv 1506.02626)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pruning.adapters.parts import Projection
from pruning.finite import check_finite
from pruning.removal.records import Method, PruningRequest, Removal
from pruning.removal.selection import find_cut, share_of
from pruning.removal.weights import change_each, set_to_zero

if TYPE_CHECKING:
    import torch


def remove_globally_smallest_weights(request: PruningRequest) -> Removal:
    """Zero exactly floor(ratio * n) weights of the n prunable ones; ties by order of matrices, then by stored index."""
    count = share_of(request.ratio, request.adapter.prunable_weights)
    if count == 0:
        return Removal(0, request.adapter.prunable_weights, physical=False)
    cut = find_cut(lambda: _weights(request), count)
    ties = cut.ties

    def change(weight: "torch.Tensor", _: Projection) -> int:
        nonlocal ties
        size = weight.abs().float()
        mask = size < cut.value
        equal = (size == cut.value).view(-1).nonzero().squeeze(1)[:ties]
        mask.view(-1)[equal] = True
        ties -= len(equal)
        set_to_zero(weight, mask)
        return int(mask.sum())

    return change_each(request, change)


def _weights(request: PruningRequest) -> Iterator["torch.Tensor"]:
    for layer in request.adapter.all_layers:
        with request.layers.reading(layer):
            for matrix in layer.matrices:
                weight = matrix.weight(request.model).detach()
                check_finite(weight, f"{matrix.name}: a score")
                yield weight


MAGNITUDE_GLOBAL = Method(
    "magnitude-global",
    1,
    "arXiv 1506.02626",
    "weight",
    calibrated=False,
    random=False,
    function=remove_globally_smallest_weights,
)
