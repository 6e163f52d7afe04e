"""Weights times the norm of their input, compared within an output (Sun et al. 2023, arXiv 2306.11695, section 3)."""

from typing import TYPE_CHECKING

from pruning.adapters.parts import Projection
from pruning.budgets import OWL, SENSITIVITY
from pruning.calibration.statistics import SquaredNorm
from pruning.removal.records import Method, PruningRequest, Removal
from pruning.removal.selection import (
    FOUR_OF_EIGHT,
    TWO_OF_FOUR,
    Pattern,
    lowest_in_groups,
    lowest_in_rows,
    share_of,
)
from pruning.removal.weights import change_each_calibrated, rows_of, set_to_zero, with_budget, with_pattern

if TYPE_CHECKING:
    import torch


def remove_by_wanda(request: PruningRequest, pattern: Pattern | None = None) -> Removal:
    """Zero the weights of smallest |W_ij| * ||X_j||_2 of every output, X over all calibration tokens; ties by index.

    Exactly floor(ratio * inputs) of every output, the ratio that of the layer, or those of the pattern.
    """

    def change(weight: "torch.Tensor", matrix: Projection, squared_norm: "torch.Tensor") -> int:
        ratio = request.ratio_of(matrix)
        mask = wanda_mask(rows_of(weight, matrix), squared_norm, ratio, pattern, matrix.path)
        set_to_zero(weight, rows_of(mask, matrix))
        return matrix.outputs * share_of(ratio, matrix.inputs)

    return change_each_calibrated(request, SquaredNorm, change)


def wanda_mask(
    rows: "torch.Tensor", squared_norm: "torch.Tensor", ratio: float, pattern: Pattern | None, path: str
) -> "torch.Tensor":
    """Return the mask of (outputs, inputs) weights to remove, given the inputs' squared norms (inputs,), fp32."""
    scores = rows.abs().float() * squared_norm.sqrt()
    if pattern:
        return lowest_in_groups(scores, pattern, path)
    return lowest_in_rows(scores, share_of(ratio, rows.shape[1]), path)


WANDA = Method("wanda", 1, "arXiv 2306.11695", "weight", calibrated=True, random=False, function=remove_by_wanda)
WANDA_2_4 = with_pattern(WANDA, TWO_OF_FOUR, lambda request: remove_by_wanda(request, TWO_OF_FOUR))
WANDA_4_8 = with_pattern(WANDA, FOUR_OF_EIGHT, lambda request: remove_by_wanda(request, FOUR_OF_EIGHT))
WANDA_OWL = with_budget(WANDA, OWL)
WANDA_SENSITIVITY = with_budget(WANDA, SENSITIVITY)
