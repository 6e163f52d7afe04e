"""Neurons whose weights reach least far to either side: max + |min| (optipfair, github.com/peremartra/optipfair)."""

from typing import TYPE_CHECKING

from pruning.adapters.parts import MlpParts
from pruning.removal.mlp_matrices import neuron_vectors
from pruning.removal.neurons import remove_lowest_neurons
from pruning.removal.records import Method, PruningRequest, Removal

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def remove_low_reach_neurons(request: PruningRequest) -> Removal:
    """Remove the neurons of smallest score from every layer; ties by index."""
    return remove_lowest_neurons(request, neuron_scores)


def neuron_scores(model: "PreTrainedModel", mlp: MlpParts) -> "torch.Tensor":
    """Return (max + |min|) of one vector of a neuron's weights plus that of the other: (width,)."""
    one, other = neuron_vectors(model, mlp)
    return _reach(one) + _reach(other)


def _reach(vectors: "torch.Tensor") -> "torch.Tensor":
    return vectors.amax(dim=1) + vectors.amin(dim=1).abs()


MLP_MAXMIN = Method(
    "mlp-maxmin",
    1,
    "optipfair, github.com/peremartra/optipfair",
    "neuron",
    calibrated=False,
    random=False,
    function=remove_low_reach_neurons,
)
