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
from pruning.removal.records import Method, PruningRequest, Removal
from pruning.removal.selection import FOUR_OF_EIGHT, TWO_OF_FOUR, Pattern, lowest, lowest_members, share_of
from pruning.removal.weights import change_each_calibrated, rows_of, set_to_zero, with_budget, with_pattern

if TYPE_CHECKING:
    import torch

BLOCK = 128  # columns for which one mask is chosen, as in the paper
_STEP = 16  # columns that are updated one by one; the rest of a block, and of the matrix, by matrix products
_SOLVED_AT_ONCE = 128  # rows of a Hessian that are factorised without halving
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
        check_finite(columns, matrix.name)
        ratio = request.ratio_of(matrix)
        prune_columns(columns, factor, ratio, pattern)
        rows_of(weight, matrix).copy_(columns.T)
        return share_of(ratio, matrix.size)

    return change_each_calibrated(request, InverseFactor, change)


def inverse_factor(hessian: "torch.Tensor", path: str) -> Factor:
    """Return the factor of a Hessian (inputs, inputs) with 1 % of its mean diagonal added to its diagonal.

    Raises `NotFiniteError` when it is not positive definite even so.
    """
    damped = hessian.clone()
    diagonal = damped.diagonal()
    dead = diagonal == 0
    diagonal[dead] = 1
    diagonal += _DAMPING * diagonal.mean()
    return Factor(_upper_of_inverse(damped, path), dead)


def _upper_of_inverse(hessian: "torch.Tensor", path: str) -> "torch.Tensor":
    """Return U = R^-1 with H = R R^T, both upper triangular, by halves: nearly all of the work is matrix products.

    R_22 and U_22 come from H_22, R_12 = H_12 U_22^T, R_11 and U_11 from H_11 - R_12 R_12^T, U_12 = -U_11 R_12 U_22.
    """
    import torch

    size = len(hessian)
    if size <= _SOLVED_AT_ONCE:
        return _solved(hessian, path)
    half = size // 2
    upper = torch.zeros_like(hessian)
    later = upper[half:, half:]
    later.copy_(_upper_of_inverse(hessian[half:, half:], path))
    corner = hessian[:half, half:] @ later.T
    earlier = upper[:half, :half]
    earlier.copy_(_upper_of_inverse(hessian[:half, :half].addmm(corner, corner.T, alpha=-1), path))
    upper[:half, half:] = earlier @ (corner @ later).neg_()
    return upper


def _solved(hessian: "torch.Tensor", path: str) -> "torch.Tensor":
    import torch

    # Of the matrix with both orders reversed, the Cholesky factor reversed again is upper.
    lower, failed = torch.linalg.cholesky_ex(hessian.flip(0, 1))
    if failed:
        raise NotFiniteError(f"{path}: the second moment of its inputs is not positive definite; they are too large")
    identity = torch.eye(len(hessian), device=hessian.device)
    return torch.linalg.solve_triangular(lower.flip(0, 1), identity, upper=True)


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
    """Some columns of a matrix: (columns, outputs) each, a view where the name says so.

    `rates` are 1 / U_jj where a weight goes and 0 elsewhere; `errors` are w / U_jj of what went. `upper` is the factor
    of these columns, `reciprocals` (columns, 1) are 1 / U_jj and `scale` the same but 0 for inputs that are always 0.
    """

    view: "torch.Tensor"
    rates: "torch.Tensor"
    errors: "torch.Tensor"
    upper: "torch.Tensor"
    reciprocals: "torch.Tensor"
    scale: "torch.Tensor"


def _block(columns: "torch.Tensor", factor: Factor, start: int, end: int) -> _Block:
    import torch

    view, upper = columns[start:end], factor.upper[start:end, start:end]
    reciprocals = upper.diagonal().reciprocal().unsqueeze(1)
    scale = reciprocals.masked_fill(factor.dead[start:end].unsqueeze(1), 0)
    return _Block(view, torch.empty_like(view), torch.empty_like(view), upper, reciprocals, scale)


def _choose(block: _Block, count: int) -> None:
    """Choose the `count` weights of a block that cost least as they are now."""
    import torch

    costs = (block.view * block.scale).square_()
    mask = lowest(costs.view(-1), count, "a block of columns").view_as(costs)
    torch.mul(mask, block.reciprocals, out=block.rates)


def _choose_in_group(block: _Block, group: slice, pattern: Pattern) -> None:
    """Choose, output by output, the weights of a group of columns that cost least as they are now."""
    costs = (block.view[group] * block.scale[group]).square_()
    block.rates[group] = lowest_members(costs, pattern) * block.reciprocals[group]


def _prune_block(block: _Block, pattern: Pattern | None) -> None:
    """Remove what is chosen and, column by column, adjust the later columns of the block."""
    import torch

    weights, rates, errors = block.view.unbind(), block.rates.unbind(), block.errors.unbind()
    for first in range(0, len(weights), _STEP):
        last = min(first + _STEP, len(weights))
        for column in range(first, last):
            if pattern and column % pattern.group == 0:
                _choose_in_group(block, slice(column, column + pattern.group), pattern)
            torch.mul(weights[column], rates[column], out=errors[column])
            block.view[column + 1 : last].addr_(block.upper[column, column + 1 : last], errors[column], alpha=-1)
        block.view[last:].addmm_(block.upper[first:last, last:].T, block.errors[first:last], alpha=-1)
    set_to_zero(block.view, block.rates != 0)


SPARSEGPT = Method(
    "sparsegpt", 1, "arXiv 2301.00774", "weight", calibrated=True, random=False, function=remove_by_sparsegpt
)
SPARSEGPT_2_4 = with_pattern(SPARSEGPT, TWO_OF_FOUR, lambda request: remove_by_sparsegpt(request, TWO_OF_FOUR))
SPARSEGPT_4_8 = with_pattern(SPARSEGPT, FOUR_OF_EIGHT, lambda request: remove_by_sparsegpt(request, FOUR_OF_EIGHT))
SPARSEGPT_OWL = with_budget(SPARSEGPT, OWL)
