"""Matrices of low rank: what two factors of k * (outputs + inputs) numbers can say in place of outputs * inputs.

The best matrix of rank k for inputs X, the one with the smallest ||(W - W') X||_F, is P W with P the projection onto
the k leading left singular vectors of W X, which are those of W F for any F with F F^T = X X^T; for plain SVD F is the
identity (Eckart and Young 1936). So F is never inverted, and a singular second moment is no special case.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from pruning.adapters.parts import Projection
from pruning.errors import RatioTooSmallError
from pruning.finite import check_finite
from pruning.removal.records import LOW_RANK, PruningRequest, Removal
from pruning.removal.weights import rows_of

if TYPE_CHECKING:
    import torch

NOTE = "stored as dense matrices of low rank: transformers has no field for factors"


def factor_rank(matrix: Projection, ratio: float) -> int | None:
    """Return k = floor((1 - ratio) * m * n / (m + n)), at least 1; None when factors of rank 1 save nothing."""
    rank = max(1, int((1 - Fraction(repr(ratio))) * matrix.size / (matrix.inputs + matrix.outputs)))
    return rank if _saved(matrix, rank) > 0 else None


def factorise(request: PruningRequest, change: Callable[[Mapping[str, int]], Removal]) -> Removal:
    """Let `change` work with the rank of every matrix by its name; matrices too small for factors are left out of it.

    Raises `RatioTooSmallError` before anything changes when all of them are.
    """
    ranks = {matrix.name: factor_rank(matrix, request.ratio) for matrix in request.adapter.prunable}
    found = {name: rank for name, rank in ranks.items() if rank is not None}
    if not found:
        raise RatioTooSmallError(
            f"{request.adapter.model_class}: ratio {request.ratio:g} saves nothing; expected a matrix of m x n weights "
            f"with m + n < m * n, the size of its factors of rank 1; the largest of {len(ranks)} has "
            f"{max((matrix.size for matrix in request.adapter.prunable), default=0):,} weights"
        )
    removal = change(found)
    return Removal(removal.removed, removal.total, physical=False, note=NOTE, left=LOW_RANK)


def set_to_low_rank(
    weight: "torch.Tensor", matrix: Projection, rank: int, moment_root: "torch.Tensor | None" = None
) -> int:
    """Replace a weight as stored by the nearest matrix of a rank; return how many numbers its factors save.

    Rounded to the weight's dtype. Raises `NotFiniteError` when a weight is NaN or infinite.
    """
    check_finite(weight, f"{matrix.name}: a weight")
    return set_to_projection(weight, matrix, leading_outputs(rows_of(weight, matrix), rank, moment_root))


def set_to_projection(weight: "torch.Tensor", matrix: Projection, outputs: "torch.Tensor") -> int:
    """Keep of a weight as stored what lies in the span of `outputs`, (outputs, rank), orthonormal, fp64.

    Rounded to the weight's dtype. Return how many numbers its factors save.
    """
    rows = rows_of(weight, matrix)
    rows.copy_(projected(rows, outputs))
    return _saved(matrix, outputs.shape[1])


def projected(rows: "torch.Tensor", outputs: "torch.Tensor") -> "torch.Tensor":
    """Return what of (outputs, inputs) lies in the span of orthonormal directions of its outputs, fp64."""
    return outputs @ (outputs.T @ rows.double())


def leading_outputs(rows: "torch.Tensor", rank: int, moment_root: "torch.Tensor | None" = None) -> "torch.Tensor":
    """Return the leading left singular vectors of W F: (outputs, rank), orthonormal, fp64; F None = the identity.

    Singular vectors are eigenvectors of the Gram matrix of the smaller side: with fp64, which squaring the condition
    asks for, still faster than the SVD in fp32. Of singular values equal at the cut the library chooses.
    """
    import torch

    seen = rows.double() if moment_root is None else rows.double() @ moment_root
    outputs, inputs = seen.shape
    if outputs <= inputs:
        return torch.linalg.eigh(seen @ seen.T).eigenvectors[:, -rank:]
    return torch.linalg.qr(seen @ torch.linalg.eigh(seen.T @ seen).eigenvectors[:, -rank:]).Q


def _saved(matrix: Projection, rank: int) -> int:
    return matrix.size - rank * (matrix.inputs + matrix.outputs)
