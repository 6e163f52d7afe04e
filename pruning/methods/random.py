"""Random weights: the baseline of the scope weight."""

from typing import TYPE_CHECKING

from pruning.adapters.parts import Projection
from pruning.removal.records import Method, PruningRequest, Removal
from pruning.removal.selection import FOUR_OF_EIGHT, TWO_OF_FOUR, Pattern, random_generator, random_mask
from pruning.removal.weights import remove_from_groups, remove_weights, with_pattern

if TYPE_CHECKING:
    import torch


def remove_random_weights(request: PruningRequest) -> Removal:
    """Zero random weights, the same share of every matrix."""

    def choose(weight: "torch.Tensor", matrix: Projection, count: int) -> "torch.Tensor":
        return random_mask(matrix.size, count, request.seed, matrix.key).to(weight.device)

    return remove_weights(request, choose)


def _remove_from_groups(request: PruningRequest, pattern: Pattern) -> Removal:
    """Zero random weights of every group of inputs."""

    def scores(weight: "torch.Tensor", matrix: Projection) -> "torch.Tensor":
        import torch

        drawn = torch.rand(weight.shape, generator=random_generator(request.seed, matrix.key))
        return drawn.to(weight.device)

    return remove_from_groups(request, pattern, scores)


RANDOM = Method("random", 1, "baseline", "weight", calibrated=False, random=True, function=remove_random_weights)
RANDOM_2_4 = with_pattern(RANDOM, TWO_OF_FOUR, lambda request: _remove_from_groups(request, TWO_OF_FOUR))
RANDOM_4_8 = with_pattern(RANDOM, FOUR_OF_EIGHT, lambda request: _remove_from_groups(request, FOUR_OF_EIGHT))
