"""Random MLP neurons: the baseline of the scope neuron."""

from pruning.removal.neurons import remove_neurons
from pruning.removal.records import Method, PruningRequest, Removal
from pruning.removal.selection import random_mask


def remove_random_neurons(request: PruningRequest) -> Removal:
    """Remove random neurons, the same number from every layer."""
    return remove_neurons(request, lambda layer, mlp, count: random_mask(mlp.width, count, request.seed, layer.path))


MLP_RANDOM = Method(
    "mlp-random", 1, "baseline", "neuron", calibrated=False, random=True, function=remove_random_neurons
)
