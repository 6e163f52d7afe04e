"""Wanda for neurons: what a neuron writes, by its weights times the norm of its activations.

The metric WIFN and the baseline Wanda-sp of An et al. 2023, arXiv 2312.11983, after Sun et al. 2023, arXiv 2306.11695.
"""

from typing import TYPE_CHECKING

from pruning.adapters.parts import MlpParts
from pruning.calibration.statistics import SquaredNorm
from pruning.removal.mlp_matrices import neuron_columns
from pruning.removal.neurons import remove_lowest_calibrated
from pruning.removal.records import Method, PruningRequest, Removal

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def remove_by_neuron_wanda(request: PruningRequest) -> Removal:
    """Remove the neurons of smallest score from every layer, layer by layer; ties by index."""
    return remove_lowest_calibrated(request, SquaredNorm, wanda_neuron_scores)


def wanda_neuron_scores(model: "PreTrainedModel", mlp: MlpParts, squared_norms: "torch.Tensor") -> "torch.Tensor":
    """Return sum_i |W_ij| * ||X_j||_2 of every neuron j, W the matrix out and X its inputs: (width,)."""
    return neuron_columns(model, mlp).abs().sum(dim=1) * squared_norms.sqrt()


MLP_WANDA = Method(
    "mlp-wanda",
    1,
    "arXiv 2306.11695 by neuron, as in arXiv 2312.11983",
    "neuron",
    calibrated=True,
    random=False,
    function=remove_by_neuron_wanda,
)
