"""The matrix of low rank whose outputs on the text differ least: SVD-LLM (arXiv 2403.07378, section 3.1).

The paper truncates the SVD of W S with S S^T = X X^T and multiplies by S^-1; ASVD (arXiv 2312.05821) does so with a
diagonal S.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pruning.adapters.parts import Projection
from pruning.calibration.statistics import SecondMoment
from pruning.removal.factors import factorise, set_to_low_rank
from pruning.removal.records import Method, PruningRequest, Removal
from pruning.removal.weights import change_each_calibrated

if TYPE_CHECKING:
    import torch

# Of the mean eigenvalue. What the text never reaches costs so much: of matrices equal on the text the nearest is taken.
_RIDGE = 1e-6


class MomentRoot:
    """F with F F^T = X X^T of the inputs of a matrix: a statistic that matrices of one input share."""

    def __init__(self, matrix: Projection, device: "torch.device") -> None:
        self._moment = SecondMoment(matrix, device)

    def add(self, inputs: "torch.Tensor") -> None:
        """Take in (tokens, features)."""
        self._moment.add(inputs)

    def result(self) -> "torch.Tensor":
        """Return F: (features, features), fp64."""
        return moment_root(self._moment.result())


def moment_root(moment: "torch.Tensor") -> "torch.Tensor":
    """Return F, fp64, with F F^T = the moment but for eigenvalues under `_RIDGE` of their mean, which are lifted to it.

    Of inputs that are always 0 together it is the identity.
    """
    import torch

    values, vectors = torch.linalg.eigh(moment.double())
    floor = _RIDGE * float(values.mean())
    return vectors * values.clamp(min=floor if floor > 0 else 1.0).sqrt()


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
