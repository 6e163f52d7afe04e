"""Every matrix on a random subspace of its outputs: the random baseline of the scope factorisation."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pruning.adapters.parts import Projection
from pruning.finite import check_finite
from pruning.removal.factors import factorise, set_to_projection
from pruning.removal.records import Method, PruningRequest, Removal
from pruning.removal.selection import random_generator
from pruning.removal.weights import change_each

if TYPE_CHECKING:
    import torch


def project_at_random(request: PruningRequest) -> Removal:
    """Keep of every matrix what lies in k random directions of its outputs, drawn evenly; k as for `svd`."""

    def change_by(ranks: Mapping[str, int]) -> Removal:
        def change(weight: "torch.Tensor", matrix: Projection) -> int:
            rank = ranks.get(matrix.name)
            return _project(weight, matrix, rank, request.seed) if rank else 0

        return change_each(request, change)

    return factorise(request, change_by)


def _project(weight: "torch.Tensor", matrix: Projection, rank: int, seed: int) -> int:
    import torch

    check_finite(weight, f"{matrix.name}: a weight")
    drawn = torch.randn(matrix.outputs, rank, generator=random_generator(seed, matrix.key), dtype=torch.float64)
    return set_to_projection(weight, matrix, torch.linalg.qr(drawn).Q.to(weight.device))


LOW_RANK_RANDOM = Method(
    "low-rank-random", 1, "baseline", "factorisation", calibrated=False, random=True, function=project_at_random
)
