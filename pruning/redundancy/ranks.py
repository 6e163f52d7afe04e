"""Ranks of a matrix from its singular values s_1 >= s_2 >= ...

A value of at most `ZERO` of the Frobenius norm is zero: rounding the weights of a matrix of low rank to fp32 moves it
by at most 2^-24 of its norm, and the rest is room for the product that made it and for the eigenvalues. (numpy's
max(m, n) * eps * s_1 bounds an SVD in the weights' dtype; for all layers' matrices in one it would be 2 % of s_1.) So a
matrix of rank 3 has rank 3 at tau = 1; one that was rounded to bf16 has not, its roundings are weights like others. A
matrix of zeros has rank, effective rank and stable rank 0.
"""

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from pruning.redundancy.singular import Spectrum

if TYPE_CHECKING:
    import torch

ZERO = 1e-6
# Explained variance this near to tau, as a share of tau, has reached it: 9 of 10 equal values reach 0.9.
_TIE = 1e-12


@dataclass(frozen=True)
class RankRange:
    """Between which ranks a matrix's rank lies: equal when all singular values are known."""

    fewest: int
    most: int


def explained_variance(spectrum: Spectrum) -> "torch.Tensor":
    """Return ev_k, the share of the energy in the first k values, k = 1 ...: (values), fp64; zeros for a zero matrix.

    What a sketch says is too small by at most `spectrum.residual`.
    """
    import torch

    if spectrum.energy == 0:
        return torch.zeros_like(spectrum.values)
    return spectrum.values.square().cumsum(0) / spectrum.energy


def rank_range(spectrum: Spectrum, tau: float | None = None, theta: float | None = None) -> RankRange:
    """Return the smaller of the smallest k with ev_k >= tau, in (0, 1], and the number of s >= theta.

    Neither counts values that are zero; without both they all count. For a sketch: the range that is left open.
    """
    ranges = [_counted(spectrum, 0.0)]
    if tau is not None:
        ranges.append(_explained(spectrum, tau))
    if theta is not None:
        ranges.append(_counted(spectrum, theta))
    return RankRange(min(each.fewest for each in ranges), min(each.most for each in ranges))


def effective_rank(spectrum: Spectrum) -> float | None:
    """Return exp of the entropy of s / sum s (Roy and Vetterli 2007, section 2), in [1, min(m, n)].

    None for a sketch: it depends on how the unseen values are spread.
    """
    if not spectrum.complete:
        return None
    values = spectrum.values[spectrum.values > _zero(spectrum)]
    if not len(values):
        return 0.0
    shares = values / values.sum()
    return float((-(shares * shares.log()).sum()).exp())


def stable_rank(spectrum: Spectrum) -> float:
    """Return |W|_F^2 / s_1^2, in [1, min(m, n)] (Rudelson and Vershynin 2007)."""
    return 0.0 if spectrum.energy == 0 else spectrum.energy / float(spectrum.values[0]) ** 2


def relative_rank(rank: float, spectrum: Spectrum) -> float:
    """Return rank / min(m, n), in [0, 1]."""
    return rank / spectrum.smaller


def relative_rank_geometric(rank: float, spectrum: Spectrum) -> float:
    """Return rank / sqrt(m n), in [0, 1]."""
    return rank / sqrt(spectrum.outputs * spectrum.inputs)


def factor_parameters(rank: int, spectrum: Spectrum) -> int:
    """Return how many numbers two factors of a rank hold."""
    return rank * (spectrum.outputs + spectrum.inputs)


def _zero(spectrum: Spectrum) -> float:
    return ZERO * sqrt(spectrum.energy)


def _explained(spectrum: Spectrum, tau: float) -> RankRange:
    if tau >= 1:
        return _counted(spectrum, 0.0)
    least = tau * (1 - _TIE)
    explained = explained_variance(spectrum)
    fewest, most = (int((found < least).sum()) + 1 for found in (explained + spectrum.residual, explained))
    return RankRange(fewest, most if most <= len(explained) else spectrum.smaller)


def _counted(spectrum: Spectrum, theta: float) -> RankRange:
    """Return how many values are at least theta and not zero."""
    values, zero = spectrum.values, _zero(spectrum)
    largest = (values.square() + spectrum.residual * spectrum.energy).sqrt()
    fewest = int(((values >= theta) & (values > zero)).sum())
    most = int(((largest >= theta) & (largest > zero)).sum())
    unseen = sqrt(spectrum.residual * spectrum.energy)
    return RankRange(fewest, spectrum.smaller if unseen > max(theta, zero) else most)
