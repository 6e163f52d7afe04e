"""Smallest weights first, each matrix for itself (Han et al. 2015, arXiv 1506.02626)."""

from pruning.budgets import OWL, SENSITIVITY
from pruning.removal.records import Method, PruningRequest, Removal
from pruning.removal.selection import FOUR_OF_EIGHT, TWO_OF_FOUR, Pattern, lowest
from pruning.removal.weights import remove_from_groups, remove_weights, with_budget, with_pattern


def remove_smallest_weights(request: PruningRequest) -> Removal:
    """Zero the weights of smallest |W| of every matrix; ties by index of the stored matrix."""
    return remove_weights(request, lambda weight, matrix, count: lowest(weight.abs().view(-1), count, matrix.name))


def _remove_from_groups(request: PruningRequest, pattern: Pattern) -> Removal:
    """Zero the smallest |W| of every group of inputs."""
    return remove_from_groups(request, pattern, lambda weight, _: weight.abs())


MAGNITUDE = Method(
    "magnitude", 1, "arXiv 1506.02626", "weight", calibrated=False, random=False, function=remove_smallest_weights
)
MAGNITUDE_2_4 = with_pattern(MAGNITUDE, TWO_OF_FOUR, lambda request: _remove_from_groups(request, TWO_OF_FOUR))
MAGNITUDE_4_8 = with_pattern(MAGNITUDE, FOUR_OF_EIGHT, lambda request: _remove_from_groups(request, FOUR_OF_EIGHT))
MAGNITUDE_OWL = with_budget(MAGNITUDE, OWL)
MAGNITUDE_SENSITIVITY = with_budget(MAGNITUDE, SENSITIVITY)
