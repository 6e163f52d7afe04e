"""Neurons whose activations fluctuate least, and their mean kept as a bias (FLAP: An et al. 2023, arXiv 2312.11983).

The paper's metric WIFV and its bias compensation; every layer loses the same share (its structure UL).
"""

from typing import TYPE_CHECKING

from pruning.adapters.parts import MlpParts
from pruning.calibration.statistics import MeanVariance, Moments
from pruning.removal.mlp_matrices import neuron_columns
from pruning.removal.neurons import remove_lowest_calibrated
from pruning.removal.records import Method, PruningRequest, Removal

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def remove_by_fluctuation(request: PruningRequest) -> Removal:
    """Remove the neurons of smallest score from every layer, layer by layer; ties by index.

    Neurons that are constant on the calibration text go without a trace there: their constant moves to the bias.
    """
    return remove_lowest_calibrated(request, MeanVariance, fluctuations, lambda moments: moments.mean)


def fluctuations(model: "PreTrainedModel", mlp: MlpParts, moments: Moments) -> "torch.Tensor":
    """Return Var(X_j) * ||W_:j||_2^2 of every neuron j, W the matrix out and X its inputs: (width,)."""
    return moments.variance * neuron_columns(model, mlp).square().sum(dim=1)


MLP_FLAP = Method(
    "mlp-flap", 1, "arXiv 2312.11983", "neuron", calibrated=True, random=False, function=remove_by_fluctuation
)
