"""Random experts: the baseline of the scope expert."""

from typing import TYPE_CHECKING

from pruning.adapters.parts import ExpertParts
from pruning.removal.experts import remove_experts
from pruning.removal.records import Method, PruningRequest, Removal
from pruning.removal.selection import random_generator

if TYPE_CHECKING:
    import torch


def remove_random_experts(request: PruningRequest) -> Removal:
    """Remove random experts, the same number from every layer."""
    import torch

    def score(experts: ExpertParts) -> "torch.Tensor":
        return torch.randperm(experts.count, generator=random_generator(request.seed, experts.path)).double()

    return remove_experts(request, score)


EXPERTS_RANDOM = Method(
    "experts-random", 1, "baseline", "expert", calibrated=False, random=True, function=remove_random_experts
)
