"""What is accumulated over the inputs of a matrix, in fp32 whatever the dtype of the activations.

A statistic is made for a matrix, takes its inputs in any number of pieces (tokens x features), and has a result, which
raises `NotFiniteError` when an input was NaN or infinite.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from pruning.adapters.parts import Projection
from pruning.finite import check_finite

if TYPE_CHECKING:
    import torch

Result = TypeVar("Result", covariant=True)


class Statistic(Protocol[Result]):
    """A running summary of the inputs of one or more matrices that read the same tensor."""

    def add(self, inputs: "torch.Tensor") -> None:
        """Take in (tokens, features) of any floating dtype."""
        ...

    def result(self) -> Result:
        """Return the summary of all tokens. Raises `NotFiniteError`."""
        ...


class SquaredNorm:
    """Sum of x^2 over tokens: (features,), fp32."""

    def __init__(self, matrix: Projection, device: "torch.device") -> None:
        import torch

        self._path = matrix.path
        self._sum = torch.zeros(matrix.inputs, device=device)

    def add(self, inputs: "torch.Tensor") -> None:
        """Take in (tokens, features)."""
        self._sum += inputs.float().square().sum(0)

    def result(self) -> "torch.Tensor":
        """Return the squared norm of every feature."""
        check_finite(self._sum, f"{self._path}: an input's norm over the calibration text")
        return self._sum


class SecondMoment:
    """Sum of x x^T over tokens: (features, features), fp32: the Hessian of a layer's error but for a factor."""

    def __init__(self, matrix: Projection, device: "torch.device") -> None:
        import torch

        self._path = matrix.path
        self._sum = torch.zeros(matrix.inputs, matrix.inputs, device=device)

    def add(self, inputs: "torch.Tensor") -> None:
        """Take in (tokens, features)."""
        rows = inputs.float()
        self._sum.addmm_(rows.T, rows)

    def result(self) -> "torch.Tensor":
        """Return the sum of outer products."""
        check_finite(self._sum, f"{self._path}: the second moment of its inputs over the calibration text")
        return self._sum


@dataclass(frozen=True)
class Moments:
    """Mean and variance (of the population) of every feature over tokens: (features,) each, fp32."""

    mean: "torch.Tensor"
    variance: "torch.Tensor"


class MeanVariance:
    """Mean and variance over tokens; pieces joined by Chan, Golub and LeVeque's update (1979)."""

    def __init__(self, matrix: Projection, device: "torch.device") -> None:
        import torch

        self._path = matrix.path
        self._count = 0
        self._mean = torch.zeros(matrix.inputs, device=device)
        self._squares = torch.zeros(matrix.inputs, device=device)

    def add(self, inputs: "torch.Tensor") -> None:
        """Take in (tokens, features)."""
        rows = inputs.float()
        total = self._count + len(rows)
        mean = rows.mean(0)
        shift = mean - self._mean
        self._squares += (rows - mean).square().sum(0) + shift.square() * (self._count * len(rows) / total)
        self._mean += shift * (len(rows) / total)
        self._count = total

    def result(self) -> Moments:
        """Return the moments."""
        check_finite(self._squares, f"{self._path}: an input's variance over the calibration text")
        return Moments(self._mean, self._squares / self._count)
