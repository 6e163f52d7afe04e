"""The matrix of low rank whose outputs on the text differ least: SVD-LLM (arXiv 2403.07378, section 3.1).

The paper truncates the SVD of W S with S S^T = X X^T and multiplies by S^-1; ASVD (arXiv 2312.05821) does so with a
diagonal S.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pruning.adapters.parts import Projection
from pruning.removal.factors import factorise, set_to_low_rank
from pruning.removal.moments import MomentRoot
from pruning.removal.records import Method, PruningRequest, Removal
from pruning.removal.weights import change_each_calibrated

if TYPE_CHECKING:
    import torch


def truncate_by_outputs(request: PruningRequest) -> Removal:
    """Give every matrix the rank that `svd` gives it, with the smallest error on the inputs that it sees."""

    def change_by(ranks: Mapping[str, int]) -> Removal:
        def change(weight: "torch.Tensor", matrix: Projection, root: "torch.Tensor") -> int:
            rank = ranks.get(matrix.name)
            return set_to_low_rank(weight, matrix, rank, root) if rank else 0

        return change_each_calibrated(request, MomentRoot, change)

    return factorise(request, change_by)


SVD_ACTIVATION = Method(
    "svd-activation",
    1,
    "arXiv 2403.07378",
    "factorisation",
    calibrated=True,
    random=False,
    function=truncate_by_outputs,
)
