"""What the inputs of a matrix weigh in an error: a root of their second moment."""

from typing import TYPE_CHECKING

from pruning.adapters.parts import Projection
from pruning.calibration.statistics import SecondMoment

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
