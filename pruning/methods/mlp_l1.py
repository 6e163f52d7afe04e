"""Neurons whose weights have the smallest product of L1 norms (optipfair's PON, github.com/peremartra/optipfair)."""

from typing import TYPE_CHECKING

from pruning.adapters.parts import MlpParts
from pruning.removal.mlp_matrices import neuron_vectors
from pruning.removal.neurons import remove_lowest_neurons
from pruning.removal.records import Method, PruningRequest, Removal

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def remove_light_neurons(request: PruningRequest) -> Removal:
    """Remove the neurons of smallest score from every layer; ties by index."""
    return remove_lowest_neurons(request, l1_products)


def l1_products(model: "PreTrainedModel", mlp: MlpParts) -> "torch.Tensor":
    """Return the product of the L1 norms of a neuron's two vectors of weights: (width,)."""
    one, other = neuron_vectors(model, mlp)
    return one.abs().sum(dim=1) * other.abs().sum(dim=1)


MLP_L1 = Method(
    "mlp-l1",
    1,
    "optipfair (PON), github.com/peremartra/optipfair",
    "neuron",
    calibrated=False,
    random=False,
    function=remove_light_neurons,
)
