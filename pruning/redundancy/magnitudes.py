"""How large the weights of layers, attentions, MLPs and heads are; biases, norms and routers do not count."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from math import sqrt
from typing import TYPE_CHECKING

from pruning.adapters.parts import LayerParts, Projection
from pruning.finite import check_finite
from pruning.redundancy.roles import LogicalMatrix

if TYPE_CHECKING:
    import torch
    from torch import nn

# Rows that are made fp64 at a time.
_ROWS = 1024


@dataclass(frozen=True)
class Magnitude:
    """Of some weights: the sums of their absolute values and of their squares in fp64, and how many they are."""

    absolute: float = 0.0
    squares: float = 0.0
    count: int = 0

    def __add__(self, other: "Magnitude") -> "Magnitude":
        """Return the magnitude of the weights of both."""
        return Magnitude(self.absolute + other.absolute, self.squares + other.squares, self.count + other.count)

    @property
    def mean_absolute(self) -> float:
        """Return mean |W|."""
        return self.absolute / self.count

    @property
    def norm(self) -> float:
        """Return the Frobenius norm."""
        return sqrt(self.squares)


def magnitude_of(model: "nn.Module", matrices: Iterable[Projection | LogicalMatrix]) -> Magnitude:
    """Return the magnitude of some matrices together, read one at a time. Raises `NotFiniteError`."""
    found = (_magnitude(matrix.weight(model).detach(), matrix.name) for matrix in matrices)
    return reduce(Magnitude.__add__, found, Magnitude())


def attention_matrices(layer: LayerParts) -> list[Projection]:
    """Return the matrices of all attentions of a layer."""
    return [matrix for attention in layer.attentions for matrix in (*attention.inputs, attention.output)]


def mlp_matrices(layer: LayerParts) -> Sequence[Projection]:
    """Return the matrices of the MLP of a layer; of all experts and the MLP beside them where it has experts."""
    if layer.experts is not None:
        shared = layer.experts.shared
        return (*layer.experts.matrices, *((*shared.into, shared.down) if shared else ()))
    return () if layer.mlp is None else (*layer.mlp.into, layer.mlp.down)


def _magnitude(weight: "torch.Tensor", name: str) -> Magnitude:
    import torch

    check_finite(weight, f"{name}: a weight")
    sums = torch.zeros(2, dtype=torch.float64)
    for rows in weight.split(_ROWS):
        values = rows.double().abs()
        sums += torch.stack([values.sum(), values.square().sum()]).cpu()
    absolute, squares = sums.tolist()
    return Magnitude(absolute, squares, weight.numel())
