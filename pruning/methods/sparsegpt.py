"""Weights whose removal, with what remains adjusted, changes a layer's output least (arXiv 2301.00774).

Optimal brain surgeon, column by column: with H = X X^T and the upper triangular U of H^-1 = U^T U, removing weight w of
column j costs (w / U_jj)^2, and its error w / U_jj is passed on to the later columns k by U_jk.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruning.adapters.parts import Projection
from pruning.budgets import OWL
from pruning.calibration.statistics import SecondMoment
from pruning.errors import NotFiniteError
from pruning.finite import check_finite
from pruning.methods.records import Method, PruningRequest, Removal
from pruning.methods.selection import FOUR_OF_EIGHT, TWO_OF_FOUR, Pattern, lowest, lowest_members, share_of
from pruning.methods.weights import change_each_calibrated, rows_of, with_budget, with_pattern

if TYPE_CHECKING:
    import torch

BLOCK = 128  # columns for which one mask is chosen, as in the paper
_STEP = 32  # columns that are updated one by one; the rest of a block, and of the matrix, by matrix products
_SOLVED_AT_ONCE = 256  # rows of a triangular matrix that are inverted without halving
_DAMPING = 0.01  # of the Hessian's mean diagonal


@dataclass(frozen=True)
class Factor:
    """The upper triangular U of the inverse Hessian, (inputs, inputs) fp32, and which inputs are always 0."""

    upper: "torch.Tensor"
    dead: "torch.Tensor"


class InverseFactor:
    """The factor of the inverse Hessian of a matrix's inputs: a statistic that matrices of one input share."""

    def __init__(self, matrix: Projection, device: "torch.device") -> None:
        self._path = matrix.path
        self._moment = SecondMoment(matrix, device)

    def add(self, inputs: "torch.Tensor") -> None:
        """Take in (tokens, features)."""
        self._moment.add(inputs)

    def result(self) -> Factor:
        """Return the factor."""
        return inverse_factor(self._moment.result(), self._path)


def remove_by_sparsegpt(request: PruningRequest, pattern: Pattern | None = None) -> Removal:
    """Zero weights and adjust the others, exactly floor(ratio * n) of every matrix or those of the pattern.

    The ratio is that of the layer. Ties by column, then by output. A weight of an input that is always 0 costs nothing
    and goes first.
    """

    def change(weight: "torch.Tensor", matrix: Projection, factor: Factor) -> int:
        columns = rows_of(weight, matrix).T.float().contiguous()
        check_finite(columns, f"{matrix.path}.weight")
        ratio = request.ratio_of(matrix)
        prune_columns(columns, factor, ratio, pattern)
        rows_of(weight, matrix).copy_(columns.T)
        return share_of(ratio, matrix.size)

    return change_each_calibrated(request, InverseFactor, change)


def inverse_factor(hessian: "torch.Tensor", path: str) -> Factor:
    """Return the factor of a Hessian (inputs, inputs) with 1 % of its mean diagonal added to its diagonal.

    Raises `NotFiniteError` when it is not positive definite even so.
    """
    import torch

    damped = hessian.clone()
    diagonal = damped.diagonal()
    dead = diagonal == 0
    diagonal[dead] = 1
    diagonal += _DAMPING * diagonal.mean()
    # Of the matrix with both orders reversed, the Cholesky factor reversed again is upper: H = R R^T, so U = R^-1.
    lower, failed = torch.linalg.cholesky_ex(damped.flip(0, 1))
    if failed:
        raise NotFiniteError(f"{path}: the second moment of its inputs is not positive definite; they are too large")
    return Factor(_inverse_of_upper(lower.flip(0, 1)), dead)


def _inverse_of_upper(matrix: "torch.Tensor") -> "torch.Tensor":
    """Return the inverse of an upper triangular matrix, by halves: a third of the work of solving for the identity."""
    import torch

    size = len(matrix)
    if size <= _SOLVED_AT_ONCE:
        return torch.linalg.solve_triangular(matrix, torch.eye(size, device=matrix.device), upper=True)
    half = size // 2
    inverse = torch.zeros_like(matrix)
    inverse[:half, :half] = _inverse_of_upper(matrix[:half, :half])
    inverse[half:, half:] = _inverse_of_upper(matrix[half:, half:])
    inverse[:half, half:] = -inverse[:half, :half] @ (matrix[:half, half:] @ inverse[half:, half:])
    return inverse


def prune_columns(columns: "torch.Tensor", factor: Factor, ratio: float, pattern: Pattern | None = None) -> None:
    """Prune a matrix (inputs, outputs) of finite fp32 weights in place, in blocks of `BLOCK` inputs."""
    inputs, outputs = columns.shape
    for start in range(0, inputs, BLOCK):
        end = min(start + BLOCK, inputs)
        block = _block(columns, factor, start, end)
        if pattern is None:
            _choose(block, share_of(ratio, end * outputs) - share_of(ratio, start * outputs))
        _prune_block(block, pattern)
        columns[end:].addmm_(factor.upper[start:end, end:].T, block.errors, alpha=-1)


@dataclass(frozen=True)
class _Block:
    """Some columns of a matrix: (columns, outputs) each, views where the name says so.

    `mask` is 1 where a weight goes; `errors` are w / U_jj of what went. `upper` is the factor of these columns and
    `scale` (columns, 1) is 1 / U_jj, 0 for inputs that are always 0.
    """

    view: "torch.Tensor"
    mask: "torch.Tensor"
    errors: "torch.Tensor"
    upper: "torch.Tensor"
    scale: "torch.Tensor"


def _block(columns: "torch.Tensor", factor: Factor, start: int, end: int) -> _Block:
    import torch

    view, upper = columns[start:end], factor.upper[start:end, start:end]
    scale = upper.diagonal().reciprocal().masked_fill(factor.dead[start:end], 0).unsqueeze(1)
    return _Block(view, torch.zeros_like(view), torch.empty_like(view), upper, scale)


def _choose(block: _Block, count: int) -> None:
    """Choose the `count` weights of a block that cost least as they are now."""
    costs = (block.view * block.scale).square_()
    block.mask.copy_(lowest(costs.view(-1), count, "a block of columns").view_as(costs))


def _choose_in_group(block: _Block, group: slice, pattern: Pattern) -> None:
    """Choose, output by output, the weights of a group of columns that cost least as they are now."""
    costs = (block.view[group] * block.scale[group]).square_()
    block.mask[group] = lowest_members(costs, pattern).float()


def _prune_block(block: _Block, pattern: Pattern | None) -> None:
    """Remove what is chosen column by column and adjust the later columns of the block."""
    diagonal = block.upper.diagonal().tolist()
    for first in range(0, len(diagonal), _STEP):
        last = min(first + _STEP, len(diagonal))
        for column in range(first, last):
            if pattern and column % pattern.group == 0:
                _choose_in_group(block, slice(column, column + pattern.group), pattern)
            _remove_from_column(block, column, last, diagonal[column])
        block.view[last:].addmm_(block.upper[first:last, last:].T, block.errors[first:last], alpha=-1)


def _remove_from_column(block: _Block, column: int, last: int, diagonal: float) -> None:
    """Remove the chosen weights of a column and adjust those up to column `last`."""
    import torch

    weights, error = block.view[column], block.errors[column]
    torch.mul(weights, block.mask[column], out=error)
    weights -= error
    error /= diagonal
    block.view[column + 1 : last].addr_(block.upper[column, column + 1 : last], error, alpha=-1)


SPARSEGPT = Method(
    "sparsegpt", 1, "arXiv 2301.00774", "weight", calibrated=True, random=False, function=remove_by_sparsegpt
)
SPARSEGPT_2_4 = with_pattern(SPARSEGPT, TWO_OF_FOUR, lambda request: remove_by_sparsegpt(request, TWO_OF_FOUR))
SPARSEGPT_4_8 = with_pattern(SPARSEGPT, FOUR_OF_EIGHT, lambda request: remove_by_sparsegpt(request, FOUR_OF_EIGHT))
SPARSEGPT_OWL = with_budget(SPARSEGPT, OWL)
