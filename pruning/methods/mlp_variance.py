"""Neurons whose weights vary least (optipfair's VOW, github.com/peremartra/optipfair)."""

from typing import TYPE_CHECKING

from pruning.adapters.parts import MlpParts
from pruning.removal.mlp_matrices import neuron_vectors
from pruning.removal.neurons import remove_lowest_neurons
from pruning.removal.records import Method, PruningRequest, Removal

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def remove_even_neurons(request: PruningRequest) -> Removal:
    """Remove the neurons of smallest score from every layer; ties by index."""
    return remove_lowest_neurons(request, weight_variances)


def weight_variances(model: "PreTrainedModel", mlp: MlpParts) -> "torch.Tensor":
    """Return the sum of the sample variances of a neuron's two vectors of weights: (width,)."""
    one, other = neuron_vectors(model, mlp)
    return one.var(dim=1) + other.var(dim=1)


MLP_VARIANCE = Method(
    "mlp-variance",
    1,
    "optipfair (VOW), github.com/peremartra/optipfair",
    "neuron",
    calibrated=False,
    random=False,
    function=remove_even_neurons,
)
