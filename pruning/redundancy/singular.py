"""Singular values: all of them, or the leading ones with what they leave out.

Full: square roots of the eigenvalues of the Gram matrix of the smaller side, in fp64. Squaring costs half of the
digits, so values below about 1e-7 of the largest are noise: that is where rounding a weight to fp32 puts them anyway,
and the SVD in fp32 has more of it (7e-7 against 5e-8 at 512 x 700, rank 50). The leading values are exact to 1e-12 and
it takes a third to nine tenths of that SVD's time (benchmarks/bench_ranks.py). Gram matrices add up over layers, so
that a concatenation is never put together.

Randomised: Halko, Martinsson and Tropp 2011 (arXiv 0909.4061), algorithm 4.4, in growing blocks (Martinsson and Voronin
2016, arXiv 1503.07157). W is Q B + E with orthonormal Q, so |W|^2 = |B|^2 + |E|^2: |W| is exact, what B lacks is
measured, and s_i(B)^2 <= s_i(W)^2 <= s_i(B)^2 + |E|^2 for every i. At 2048 x 2048 it is 8 to 12 times as fast as numpy
where few values matter, and has a fifth of numpy's speed where the sketch grows to all of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Method = Literal["auto", "full", "randomised"]
METHODS: tuple[Method, ...] = ("auto", "full", "randomised")
# Smaller sides up to here are cheap in full.
SMALL = 2048
# Share of the smaller side that a sketch may have before all values are cheaper.
WIDEST = 0.125
# Columns of the first sketch; it doubles until it explains enough. Beyond the rank asked for they are oversampling.
FIRST = 64
POWER_ITERATIONS = 2
# Rows that are made fp64 at a time.
_ROWS = 4096


@dataclass(frozen=True)
class Spectrum:
    """The singular values of an (outputs, inputs) matrix, largest first, fp64 on the CPU.

    `energy` is the sum of the squares of all; `residual` is the share of it, in [0, 1], that `values` lack. No value is
    more than sqrt(residual * energy) too small, and no unseen one is larger than that.
    """

    outputs: int
    inputs: int
    values: "torch.Tensor"
    energy: float
    residual: float = 0.0

    @property
    def smaller(self) -> int:
        """Return how many singular values there are."""
        return min(self.outputs, self.inputs)

    @property
    def complete(self) -> bool:
        """Return whether all of them are known."""
        return len(self.values) == self.smaller


@dataclass(frozen=True)
class Accuracy:
    """How far a sketch goes: unseen values hold at most a share `residual` of the energy, each is at most `value`."""

    residual: float
    value: float = inf


def full_spectrum(matrix: "torch.Tensor") -> Spectrum:
    """Return all singular values of a finite matrix of two dimensions."""
    outputs, inputs = matrix.shape
    return concatenated_spectrum([matrix if inputs <= outputs else matrix.T], outputs, inputs)


def concatenated_spectrum(parts: Iterable["torch.Tensor"], outputs: int, inputs: int) -> Spectrum:
    """Return the singular values of a matrix from its parts, finite (rows, columns) of the same columns each.

    The parts under one another are the (outputs, inputs) matrix or its transpose. One at a time is read.
    """
    import torch

    gram: torch.Tensor | float = 0.0
    for part in parts:
        for rows in part.split(_ROWS):
            wide = rows.double()
            gram = gram + wide.T @ wide
    return _of_gram(torch.as_tensor(gram), outputs, inputs)


def spectrum(
    matrix: "torch.Tensor", method: Method, accuracy: Accuracy, generator: "torch.Generator | None" = None
) -> Spectrum:
    """Return the singular values of a finite matrix.

    `auto`: all of them when the smaller side is at most `SMALL` or a sketch of `WIDEST` of it is not accurate enough.
    """
    smaller = min(matrix.shape)
    if method == "randomised":
        return randomised_spectrum(matrix, accuracy, smaller, generator)
    if method == "auto" and smaller > SMALL:
        found = randomised_spectrum(matrix, accuracy, int(WIDEST * smaller), generator)
        if found.residual <= _target(accuracy, found.energy):
            return found
    return full_spectrum(matrix)


def randomised_spectrum(
    matrix: "torch.Tensor", accuracy: Accuracy, widest: int, generator: "torch.Generator | None" = None
) -> Spectrum:
    """Return the leading singular values from a sketch that grows until it is accurate enough or `widest` columns wide.

    The generator is one of the CPU, whatever the matrix's device.
    """
    outputs, inputs = matrix.shape
    weights = matrix.double()
    energy = float(weights.square().sum())
    if energy == 0:
        return Spectrum(outputs, inputs, weights.new_zeros(min(outputs, inputs)).cpu(), energy)
    basis, sketch = weights[:, :0], weights[:0]
    residual = inf
    while residual > _target(accuracy, energy) and len(sketch) < widest:
        added = _range(weights, basis, sketch, min(max(FIRST, len(sketch)), widest - len(sketch)), generator)
        basis, sketch = _beside(basis, added), _under(sketch, added.T @ weights)
        residual = max(0.0, 1 - float(sketch.square().sum()) / energy)
    return Spectrum(outputs, inputs, full_spectrum(sketch).values, energy, residual)


def _target(accuracy: Accuracy, energy: float) -> float:
    return min(accuracy.residual, accuracy.value**2 / energy) if energy else 0.0


def _of_gram(gram: "torch.Tensor", outputs: int, inputs: int) -> Spectrum:
    """Return the singular values from the Gram matrix of either side."""
    import torch

    squares = torch.linalg.eigvalsh(gram).clamp(min=0).flip(0)[: min(outputs, inputs)]
    return Spectrum(outputs, inputs, squares.sqrt().cpu(), float(gram.trace()))


def _range(
    weights: "torch.Tensor",
    basis: "torch.Tensor",
    sketch: "torch.Tensor",
    width: int,
    generator: "torch.Generator | None",
) -> "torch.Tensor":
    """Return `width` orthonormal columns, orthogonal to the basis, for the leading range of W - Q B."""
    import torch

    directions = torch.randn(weights.shape[1], width, generator=generator, dtype=torch.float64).to(weights.device)
    found = _orthonormal(weights @ directions - basis @ (sketch @ directions))
    for _ in range(POWER_ITERATIONS):
        directions = _orthonormal(weights.T @ found - sketch.T @ (basis.T @ found))
        found = _orthonormal(weights @ directions - basis @ (sketch @ directions))
    # Rounding leaves a little of the basis in it.
    return _orthonormal(found - basis @ (basis.T @ found))


def _orthonormal(columns: "torch.Tensor") -> "torch.Tensor":
    import torch

    return torch.linalg.qr(columns).Q


def _beside(left: "torch.Tensor", right: "torch.Tensor") -> "torch.Tensor":
    import torch

    return torch.cat([left, right], dim=1)


def _under(upper: "torch.Tensor", lower: "torch.Tensor") -> "torch.Tensor":
    import torch

    return torch.cat([upper, lower])
