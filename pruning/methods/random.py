"""Random weights: the baseline of the scope weight."""

from pruning.methods.records import Method, PruningRequest, Removal
from pruning.methods.selection import random_mask
from pruning.methods.weights import remove_weights


def remove_random_weights(request: PruningRequest) -> Removal:
    """Zero random weights, the same share of every matrix."""
    return remove_weights(request, lambda _, matrix, count: random_mask(matrix.size, count, request.seed, matrix.key))


RANDOM = Method("random", 1, "baseline", "weight", calibrated=False, random=True, function=remove_random_weights)
