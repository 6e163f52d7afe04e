"""Layers with more outliers lose less: outlier weighed layerwise sparsity (Yin et al. 2023, arXiv 2310.05175)."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pruning.adapters.parts import LayerParts
from pruning.budgets.band import ratios_in_band, weights_by_layer
from pruning.budgets.records import Budget
from pruning.calibration.layerwise import show_layer_by_layer
from pruning.calibration.statistics import SquaredNorm

if TYPE_CHECKING:
    import torch

    from pruning.removal.records import PruningRequest, Removal

# A score over so many times the mean of its layer is an outlier (the paper's M, section 4).
OUTLIER_TIMES = 5


def outlier_shares(request: "PruningRequest") -> dict[str, float]:
    """Return the layerwise outlier distribution D: by layer the share of its scores |W_ij| * ||X_j|| over M x their
    mean, both over all its matrices together, X what the dense model computes."""
    shares: dict[str, float] = {}

    def show(layer: LayerParts, squared_norms: "Mapping[str, torch.Tensor]") -> None:
        shares[layer.path] = _outlier_share(request, layer, squared_norms)

    show_layer_by_layer(request, SquaredNorm, show)
    return shares


def _outlier_share(request: "PruningRequest", layer: LayerParts, squared_norms: "Mapping[str, torch.Tensor]") -> float:
    scores = [
        matrix.weight(request.model).abs().float() * squared_norms[matrix.key].sqrt().unsqueeze(matrix.output_dimension)
        for matrix in layer.matrices
    ]
    total = sum(each.numel() for each in scores)
    mean = sum(float(each.double().sum()) for each in scores) / total
    return sum(int((each > OUTLIER_TIMES * mean).sum()) for each in scores) / total


def _ratios(_: "Callable[[PruningRequest], Removal]", request: "PruningRequest") -> dict[str, float]:
    return ratios_in_band(outlier_shares(request), weights_by_layer(request.adapter.layers), request.ratio)


OWL = Budget("owl", "arXiv 2310.05175", _ratios, whole_model=False)
