"""Healing a cut in closed form, so that what remains is a normal checkpoint.

A linear map of the residual stream has no place in a checkpoint. But the last matrix before the cut adds W a to that
stream: the delta that minimises |(h_{s+n} - h_s) - delta a|^2 over calibration tokens goes into W (and its bias). With
delta = 0 allowed, the error on these tokens is never greater than without.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pruning.adapters.find import find_adapter
from pruning.adapters.parts import Adapter, LayerParts, Projection
from pruning.batches import Batch, batches
from pruning.errors import UnsupportedModelError
from pruning.finite import check_finite
from pruning.redundancy.states import all_tokens, layer_states
from pruning.removal.layers import remove_layers
from pruning.removal.records import Removal
from pruning.removal.weights import rows_of

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# Shares of the mean square of the matrix's inputs that the ridge may add. Which one fits depends on how much text there
# is (two windows a width: 0.1; twenty: 1e-6), so the text itself says: the one with the least error on windows that the
# fit has not seen, by two halves. A single window cannot say.
RIDGES = tuple(10.0**power for power in range(-6, 1))
_RIDGE_OF_ONE_WINDOW = 0.1
# What rounding may add to a state, in units of the dtype's precision, and what a correction may miss, relative.
_ROUNDING, _MISS = 20, 1e-3


@dataclass(frozen=True)
class Correction:
    """What is to be added to a matrix, `delta` (outputs, inputs), and to its bias, (outputs) or None; fp64.

    `ridge` is the share of the inputs' mean square that was added, one of `RIDGES` when there are two windows or more.
    `error_before` and `error_after` are |h_{s+n} - what enters instead| / |h_{s+n}| over the calibration tokens.
    """

    matrix: Projection
    delta: "torch.Tensor"
    bias: "torch.Tensor | None"
    ridge: float
    error_before: float
    error_after: float


def remove_block_healed(
    model: "PreTrainedModel", adapter: Adapter, start: int, layers: int, windows: Sequence[Sequence[int]]
) -> Removal:
    """Remove `layers` layers from `start` on in place and heal the cut; the note says how well, or why not at all.

    Raises `UnsupportedModelError` and `NotFiniteError`, the model unchanged.
    """
    correction = fit_correction(model, adapter, start, layers, windows) if start else None
    removal = remove_layers(model, adapter, range(start, start + layers))
    if correction is None:
        return replace(removal, note="not healed: no layer stands before the cut")
    return replace(removal, note=fold_correction(model, correction, start, next(batches(windows))))


def fit_correction(
    model: "PreTrainedModel", adapter: Adapter, start: int, layers: int, windows: Sequence[Sequence[int]]
) -> Correction:
    """Return the ridge regression of h_{start+layers} - h_start on the inputs of the last matrix before `start` > 0.

    The model is left alone. Raises `UnsupportedModelError` without text and `NotFiniteError`.
    """
    if not windows:
        raise UnsupportedModelError("healing needs calibration text in the model's vocabulary; there is none")
    matrix = last_matrix(adapter.layers[start - 1])
    # Every second window: neighbours may be of one document, and each half shall have the whole of the text.
    halves = [
        _sums(model, adapter, matrix, half, (start, start + layers)) for half in (windows[::2], windows[1::2]) if half
    ]
    ridge = _ridge_for(*halves) if len(halves) == 2 else _RIDGE_OF_ONE_WINDOW
    sums = sum(halves[1:], halves[0])
    solution = sums.solution(ridge)
    biased = len(solution) > matrix.inputs
    delta, bias = (solution[:-1].T, solution[-1]) if biased else (solution.T, None)
    before, after = ((squares / sums.power) ** 0.5 for squares in (sums.missed, sums.left_by(solution)))
    return Correction(matrix, delta, bias, ridge, before, after)


def fold_correction(model: "PreTrainedModel", correction: Correction, start: int, batch: Batch) -> str:
    """Add a correction to its matrix in place and return what it did, in words, measured on a batch.

    Where what enters layer `start` does not become h + delta a, as where a norm follows the matrix, it is taken back.
    """
    import torch

    matrix, adapter = correction.matrix, find_adapter(model)
    inputs, before = _run(model, adapter, matrix, batch, (start,))
    weight, bias = rows_of(matrix.weight(model), matrix), getattr(model.get_submodule(matrix.path), "bias", None)
    parts = [(weight, correction.delta), *([(bias, correction.bias)] if correction.bias is not None else [])]
    kept = [part.detach().clone() for part, _ in parts]
    with torch.no_grad():
        for part, change in parts:
            part.copy_(part.double() + change)
        added = [(part.double() - old.double()) for (part, _), old in zip(parts, kept, strict=True)]
        expected = inputs @ added[0].T + (added[1] if len(added) > 1 else 0)
        _, after = _run(model, adapter, matrix, batch, (start,))
        if not _close(after[0] - before[0], expected, before[0], model.dtype):
            for (part, _), old in zip(parts, kept, strict=True):
                part.copy_(old)
            return f"not healed: what {matrix.path} adds to the states is not linear"
    return (
        f"healed in {matrix.path}: error of the states after the cut on the calibration text "
        f"{correction.error_before:.3f} without, {correction.error_after:.3f} with it"
    )


def last_matrix(layer: LayerParts) -> Projection:
    """Return the matrix that writes a layer's MLP into the residual stream, or its attention where there is no MLP."""
    if layer.mlp:
        return layer.mlp.down
    if not layer.attentions:
        raise UnsupportedModelError(f"{layer.path}: looked for an MLP or an attention before the cut; there is none")
    return layer.attentions[-1].output


@dataclass(frozen=True)
class _Sums:
    """What a regression of y on x needs of some tokens, fp64: the sums of x x^T, of x y^T, of |y|^2, and of the squares
    of the states that are to be met."""

    moments: "torch.Tensor"
    cross: "torch.Tensor"
    missed: float
    power: float

    def __add__(self, other: "_Sums") -> "_Sums":
        return _Sums(
            self.moments + other.moments, self.cross + other.cross, self.missed + other.missed, self.power + other.power
        )

    def solution(self, ridge: float) -> "torch.Tensor":
        """Return the map (inputs, outputs) that these tokens ask for."""
        import torch

        power = float(self.moments.diagonal().mean())
        added = ridge * max(power, torch.finfo(self.moments.dtype).tiny)
        return torch.linalg.solve(self.moments + added * torch.eye(len(self.moments)).to(self.moments), self.cross)

    def left_by(self, solution: "torch.Tensor") -> float:
        """Return the sum of squares that a map leaves of |y|^2 on these tokens."""
        explained = 2 * float((solution * self.cross).sum()) - float((solution * (self.moments @ solution)).sum())
        return max(self.missed - explained, 0.0)


def _ridge_for(one: _Sums, other: _Sums) -> float:
    """Return the ridge with which each half explains the other best; ties to the smaller."""
    return min(RIDGES, key=lambda ridge: other.left_by(one.solution(ridge)) + one.left_by(other.solution(ridge)))


def _sums(
    model: "PreTrainedModel",
    adapter: Adapter,
    matrix: Projection,
    windows: Sequence[Sequence[int]],
    boundaries: tuple[int, int],
) -> _Sums:
    """Return the sums over windows. Raises `NotFiniteError`."""
    import torch

    biased = getattr(model.get_submodule(matrix.path), "bias", None) is not None
    moments, cross, missed, power = 0.0, 0.0, 0.0, 0.0
    for inputs, states in _runs(model, adapter, matrix, windows, boundaries):
        rows = _with_one(inputs) if biased else inputs
        wanted = states[1] - states[0]
        moments, cross = moments + rows.T @ rows, cross + rows.T @ wanted
        missed, power = missed + float(wanted.square().sum()), power + float(states[1].square().sum())
    for found in (moments, cross):
        check_finite(torch.as_tensor(found), f"{matrix.path}: a moment over the calibration text")
    return _Sums(torch.as_tensor(moments), torch.as_tensor(cross), missed, power)


def _close(found: "torch.Tensor", expected: "torch.Tensor", states: "torch.Tensor", dtype: "torch.dtype") -> bool:
    """Return whether states changed as expected but for rounding."""
    import torch

    rounding = _ROUNDING * torch.finfo(dtype).eps * float(states.norm())
    return float((found - expected).norm()) <= _MISS * float(expected.norm()) + rounding


def _runs(
    model: "PreTrainedModel",
    adapter: Adapter,
    matrix: Projection,
    windows: Sequence[Sequence[int]],
    boundaries: tuple[int, ...],
) -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
    for batch in batches(windows):
        yield _run(model, adapter, matrix, batch, boundaries)


def _run(
    model: "PreTrainedModel", adapter: Adapter, matrix: Projection, batch: Batch, boundaries: tuple[int, ...]
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Return the matrix's inputs (tokens, features) and the states at boundaries (boundaries, tokens, width), fp64."""
    seen: list[torch.Tensor] = []
    module = model.get_submodule(matrix.path)
    handle = module.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    try:
        states = layer_states(model, adapter, batch, all_tokens, boundaries)
    finally:
        handle.remove()
    mask = batch.attention_mask.bool().view(-1)
    rows = seen[0].reshape(-1, matrix.inputs)
    if len(rows) != len(mask):
        raise UnsupportedModelError(f"{matrix.path}: looked for inputs of {len(mask)} tokens, got {len(rows)}")
    return rows[mask.to(rows.device)].double(), states.double()


def _with_one(rows: "torch.Tensor") -> "torch.Tensor":
    import torch

    return torch.cat([rows, rows.new_ones(len(rows), 1)], dim=1)
