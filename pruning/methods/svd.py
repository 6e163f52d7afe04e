"""Every matrix by the nearest one of low rank: truncated SVD (Eckart and Young 1936, Psychometrika 1)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pruning.adapters.parts import Projection
from pruning.removal.factors import factorise, set_to_low_rank
from pruning.removal.records import Method, PruningRequest, Removal
from pruning.removal.weights import change_each

if TYPE_CHECKING:
    import torch


def truncate(request: PruningRequest) -> Removal:
    """Keep the k leading singular values of every matrix; k so that two factors are smaller by the ratio or more."""

    def change_by(ranks: Mapping[str, int]) -> Removal:
        def change(weight: "torch.Tensor", matrix: Projection) -> int:
            rank = ranks.get(matrix.name)
            return set_to_low_rank(weight, matrix, rank) if rank else 0

        return change_each(request, change)

    return factorise(request, change_by)


SVD = Method("svd", 1, "Eckart and Young 1936", "factorisation", calibrated=False, random=False, function=truncate)
