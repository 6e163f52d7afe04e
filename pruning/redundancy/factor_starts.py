"""Where the training of low-rank factors begins: W ~ A B with A (outputs, rank) and B (rank, inputs)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruning.removal.factors import leading_outputs
from pruning.removal.selection import random_generator

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Target:
    """A matrix to factorise: `rows` (outputs, inputs), fp64, and F (inputs, inputs), fp64, F F^T the second moment of
    its inputs."""

    name: str
    rows: "torch.Tensor"
    root: "torch.Tensor"


@dataclass(frozen=True)
class Factors:
    """A (outputs, rank) and B (rank, inputs), fp64."""

    outputs: "torch.Tensor"
    inputs: "torch.Tensor"


# (matrix, rank, seed) -> factors
Start = Callable[[Target, int, int], Factors]


def svd_start(target: Target, rank: int, _: int) -> Factors:
    """Return the best factors of the tensor: |W - A B|_F is the tail of the singular values (Eckart and Young 1936)."""
    return _projected(target, leading_outputs(target.rows, rank))


def whitened_start(target: Target, rank: int, _: int) -> Factors:
    """Return the best factors for the inputs: |(W - A B) F|_F is the tail of the singular values of W F."""
    return _projected(target, leading_outputs(target.rows, rank, target.root))


def random_start(target: Target, rank: int, seed: int) -> Factors:
    """Return factors of independent normal numbers whose product has W's mean square; A's and B's are equal.

    The tensor loss is about 2: the product is as large as W and knows nothing of it.
    """
    import torch

    generator = random_generator(seed, f"factors/{target.name}")
    outputs, inputs = target.rows.shape
    deviation = float((target.rows.square().mean() / rank) ** 0.25)
    numbers = torch.randn(rank * (outputs + inputs), generator=generator, dtype=torch.float64)
    first, second = (deviation * numbers).to(target.rows.device).split([outputs * rank, rank * inputs])
    return Factors(first.view(outputs, rank), second.view(rank, inputs))


def _projected(target: Target, leading: "torch.Tensor") -> Factors:
    """Return P P^T W as two factors that share its singular values equally, P orthonormal columns."""
    import torch

    left, values, right = torch.linalg.svd(leading.T @ target.rows, full_matrices=False)
    return Factors(leading @ (left * values.sqrt()), values.sqrt().unsqueeze(1) * right)


STARTS: dict[str, Start] = {"svd": svd_start, "random": random_start, "whitened": whitened_start}
