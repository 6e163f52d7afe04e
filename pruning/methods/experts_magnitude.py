"""Experts with the smallest weights: the baseline of the scope expert that looks at no text."""

from typing import TYPE_CHECKING

from pruning.adapters.parts import ExpertParts
from pruning.finite import check_finite
from pruning.removal.experts import remove_experts
from pruning.removal.records import Method, PruningRequest, Removal

if TYPE_CHECKING:
    import torch


def remove_light_experts(request: PruningRequest) -> Removal:
    """Remove the experts whose weights have the smallest norm, the same number from every layer; ties by index."""
    import torch

    def score(experts: ExpertParts) -> "torch.Tensor":
        squares = torch.zeros(experts.count, dtype=torch.float64)
        for place, matrix in enumerate(experts.matrices):
            expert = place * experts.count // len(experts.matrices)
            squares[expert] += matrix.weight(request.model).double().square().sum().cpu()
        check_finite(squares, f"{experts.path}: the norm of an expert's weights")
        return squares

    return remove_experts(request, score)


EXPERTS_MAGNITUDE = Method(
    "experts-magnitude", 1, "baseline", "expert", calibrated=False, random=False, function=remove_light_experts
)
