"""Which matrices are asked for their rank: each of its own, those of all layers in one, differences between layers.

Matrices of one place (`LogicalMatrix.place_name`) in the layers of a stack are compared; a layer without that place is
left out. All are (outputs, inputs). `rows`: under one another; `columns`: side by side; `consecutive`: a layer minus
the one before it; `mean`: a layer minus the mean over layers; `pairs`: a layer minus each one before it; `heads`: what
every query head has of its attention's matrices.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from pruning.adapters.parts import LayerParts
from pruning.errors import UnsupportedModelError
from pruning.finite import check_finite
from pruning.redundancy.roles import LogicalMatrix, head_matrices, logical_matrices

if TYPE_CHECKING:
    import torch
    from torch import nn

Read = Callable[[], "torch.Tensor"]


@dataclass(frozen=True)
class Combination:
    """A matrix to measure: of `shape` (outputs, inputs), or why there is none.

    `parts` read it when they are called: the matrix; or several of the same columns which under one another are the
    matrix or its transpose. They raise `NotFiniteError`.
    """

    variant: str
    what: str
    role: str | None
    shape: tuple[int, int] = (0, 0)
    parts: tuple[Read, ...] = ()
    layer: int | None = None
    other_layer: int | None = None
    head: int | None = None
    refusal: str | None = None

    @property
    def component(self) -> str:
        """Return its name in the store."""
        return f"{self.variant} {self.what}"


def originals(model: "nn.Module", layers: Sequence[LayerParts], roles: Collection[str]) -> Iterator[Combination]:
    """Yield every matrix."""
    for matrix in _matrices(layers, roles):
        yield _single("original", model, matrix)


def heads(model: "nn.Module", layers: Sequence[LayerParts], roles: Collection[str]) -> Iterator[Combination]:
    """Yield query, key, value and output of every head; a refusal for an attention whose order is not declared."""
    if not any(layer.attentions for layer in layers):
        yield Combination("heads", "of all layers", None, refusal="looked for attentions with heads; there is none")
    for index, layer in enumerate(layers):
        for attention in layer.attentions:
            try:
                found = [*head_matrices(layer, index, attention)]
            except UnsupportedModelError as error:
                yield Combination("heads", attention.path, None, layer=index, refusal=str(error))
                continue
            yield from (_single("heads", model, matrix) for matrix in found if not roles or matrix.role in roles)


def rows(model: "nn.Module", layers: Sequence[LayerParts], roles: Collection[str]) -> Iterator[Combination]:
    """Yield the matrices of every place under one another: (sum of outputs, inputs)."""
    for group in _groups(layers, roles):
        shape = (sum(matrix.shape[0] for matrix in group), group[0].shape[1])
        parts = tuple(partial(_read, model, matrix) for matrix in group)
        yield _joined("rows", group, shape, parts, _unequal(group, [matrix.shape[1] for matrix in group]))


def columns(model: "nn.Module", layers: Sequence[LayerParts], roles: Collection[str]) -> Iterator[Combination]:
    """Yield the matrices of every place side by side: (outputs, sum of inputs)."""
    for group in _groups(layers, roles):
        shape = (group[0].shape[0], sum(matrix.shape[1] for matrix in group))
        parts = tuple(partial(_read_transposed, model, matrix) for matrix in group)
        yield _joined("columns", group, shape, parts, _unequal(group, [matrix.shape[0] for matrix in group]))


def consecutive(model: "nn.Module", layers: Sequence[LayerParts], roles: Collection[str]) -> Iterator[Combination]:
    """Yield the differences between layers that follow one another."""
    for group in _groups(layers, roles):
        for first, second in pairwise(group):
            if second.layer == first.layer + 1:
                yield _difference("consecutive", model, first, second)


def pairs(model: "nn.Module", layers: Sequence[LayerParts], roles: Collection[str]) -> Iterator[Combination]:
    """Yield the differences between all pairs of layers."""
    for group in _groups(layers, roles):
        for first, second in combinations(group, 2):
            yield _difference("pairs", model, first, second)


def to_mean(model: "nn.Module", layers: Sequence[LayerParts], roles: Collection[str]) -> Iterator[Combination]:
    """Yield the differences of each layer to the mean over layers."""
    for group in _groups(layers, roles):
        refusal = _unequal(group, [matrix.shape for matrix in group])
        if refusal:
            yield Combination("mean", group[0].place_name, group[0].role, refusal=refusal)
            continue
        mean = _Mean(model, group)
        for matrix in group:
            what = f"{matrix.place_name} of layer {matrix.layer}"
            parts = (partial(mean.distance_of, matrix),)
            yield Combination("mean", what, matrix.role, matrix.shape, parts, matrix.layer)


Variant = Callable[["nn.Module", Sequence[LayerParts], Collection[str]], Iterator[Combination]]
VARIANTS: Mapping[str, Variant] = {
    "original": originals,
    "rows": rows,
    "columns": columns,
    "consecutive": consecutive,
    "mean": to_mean,
    "pairs": pairs,
    "heads": heads,
}


@dataclass(frozen=True)
class _Mean:
    """The mean of matrices of one shape, fp64, read one at a time when it is first asked for."""

    model: "nn.Module"
    group: Sequence[LogicalMatrix]

    def distance_of(self, matrix: LogicalMatrix) -> "torch.Tensor":
        """Return a matrix minus the mean."""
        return _read(self.model, matrix).double() - self._mean

    @cached_property
    def _mean(self) -> "torch.Tensor":
        total = _read(self.model, self.group[0]).double()
        for matrix in self.group[1:]:
            total = total + _read(self.model, matrix)
        return total / len(self.group)


def _matrices(layers: Sequence[LayerParts], roles: Collection[str]) -> Iterator[LogicalMatrix]:
    """Yield the matrices of some roles, none = of all, layer by layer."""
    for index, layer in enumerate(layers):
        yield from (matrix for matrix in logical_matrices(layer, index) if not roles or matrix.role in roles)


def _groups(layers: Sequence[LayerParts], roles: Collection[str]) -> list[list[LogicalMatrix]]:
    """Return the matrices of every place that two layers or more have."""
    groups: dict[tuple[str, str], list[LogicalMatrix]] = {}
    for matrix in _matrices(layers, roles):
        groups.setdefault((matrix.role, matrix.place_name), []).append(matrix)
    return [group for group in groups.values() if len(group) > 1]


def _single(variant: str, model: "nn.Module", matrix: LogicalMatrix) -> Combination:
    parts = (partial(_read, model, matrix),)
    return Combination(variant, matrix.name, matrix.role, matrix.shape, parts, matrix.layer, head=matrix.head)


def _joined(
    variant: str, group: Sequence[LogicalMatrix], shape: tuple[int, int], parts: tuple[Read, ...], refusal: str | None
) -> Combination:
    return Combination(variant, group[0].place_name, group[0].role, shape, parts, refusal=refusal)


def _difference(variant: str, model: "nn.Module", first: LogicalMatrix, second: LogicalMatrix) -> Combination:
    return Combination(
        variant,
        f"{first.place_name} of layers {first.layer} and {second.layer}",
        first.role,
        first.shape,
        (partial(_minus, model, second, first),),
        first.layer,
        second.layer,
        refusal=_unequal([first, second], [first.shape, second.shape]),
    )


def _unequal(group: Sequence[LogicalMatrix], sizes: Sequence[object]) -> str | None:
    """Return why matrices do not go together; None when what must be equal is."""
    if len(set(sizes)) == 1:
        return None
    shapes = ", ".join(f"{matrix.shape[0]} x {matrix.shape[1]} in layer {matrix.layer}" for matrix in group)
    return f"expected matrices that fit one another at {group[0].place_name}, found outputs x inputs {shapes}"


def _read(model: "nn.Module", matrix: LogicalMatrix) -> "torch.Tensor":
    weight = matrix.weight(model)
    check_finite(weight, f"{matrix.name}: a weight")
    return weight


def _read_transposed(model: "nn.Module", matrix: LogicalMatrix) -> "torch.Tensor":
    return _read(model, matrix).T


def _minus(model: "nn.Module", first: LogicalMatrix, second: LogicalMatrix) -> "torch.Tensor":
    return _read(model, first).double() - _read(model, second)
