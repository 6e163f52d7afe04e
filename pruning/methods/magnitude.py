"""Smallest weights first, each matrix for itself (Han et al. 2015, arXiv 1506.02626)."""

from pruning.methods.records import Method, PruningRequest, Removal
from pruning.methods.selection import lowest
from pruning.methods.weights import remove_weights


def remove_smallest_weights(request: PruningRequest) -> Removal:
    """Zero the weights of smallest |W| of every matrix; ties by index of the stored matrix."""
    return remove_weights(request, lambda weight, matrix, count: lowest(weight.abs().view(-1), count, matrix.name))


MAGNITUDE = Method(
    "magnitude", 1, "arXiv 1506.02626", "weight", calibrated=False, random=False, function=remove_smallest_weights
)
