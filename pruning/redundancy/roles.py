"""What the matrices of a layer are for, and each of them as (outputs, inputs) whatever way it is stored.

Roles: `query`, `key`, `value`, `output`, `gate`, `up`, `down`; `fused` for query, key and value in one matrix of an
order that is not declared; `gate_up` for stacked experts whose gate and up are one matrix; for others the last part of
the path in lower case. A fused matrix of a known order is three matrices, a fused gate and up are two.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pruning.adapters.matrices import last_name
from pruning.adapters.mlp import find_mlp
from pruning.adapters.parts import AttentionParts, ExpertParts, LayerParts, MlpParts, Projection, Slice
from pruning.errors import UnsupportedModelError
from pruning.removal.weights import rows_of

if TYPE_CHECKING:
    import torch
    from torch import nn

# Whether what is taken of a matrix is counted along its outputs or its inputs.
Side = Literal["outputs", "inputs"]
_SEVERAL = {("query", "key", "value"): "fused", ("gate", "up"): "gate_up"}


@dataclass(frozen=True)
class LogicalMatrix:
    """A matrix of a layer with one role, or the part of one that is a head's.

    `place` is its name below the layer, the same in every layer that has one like it. `pieces` are what it is of the
    stored matrix, start <= index < stop along `side`, one after another; none = all of it. `head` is a query head,
    whose key and value are those it reads.
    """

    role: str
    layer: int
    place: str
    matrix: Projection
    pieces: tuple[tuple[int, int], ...] = ()
    side: Side = "outputs"
    head: int | None = None

    @property
    def name(self) -> str:
        """Return its name in the model: the stored matrix, the role where that holds several, the head."""
        return self.matrix.key + self._part

    @property
    def place_name(self) -> str:
        """Return its name below a layer, the same in all layers."""
        return self.place + self._part

    @property
    def shape(self) -> tuple[int, int]:
        """Return (outputs, inputs)."""
        taken = sum(stop - start for start, stop in self.pieces)
        if not self.pieces:
            return self.matrix.outputs, self.matrix.inputs
        return (taken, self.matrix.inputs) if self.side == "outputs" else (self.matrix.outputs, taken)

    def weight(self, model: "nn.Module") -> "torch.Tensor":
        """Return the weight as (outputs, inputs), detached: a view where it is stored in one piece, else a copy."""
        import torch

        whole = rows_of(self.matrix.weight(model).detach(), self.matrix)
        if not self.pieces:
            return whole
        dimension = 0 if self.side == "outputs" else 1
        taken = [whole.narrow(dimension, start, stop - start) for start, stop in self.pieces]
        return taken[0] if len(taken) == 1 else torch.cat(taken, dimension)

    @property
    def _part(self) -> str:
        role = f" {self.role}" if self.pieces else ""
        return role if self.head is None else f"{role} head {self.head}"


def logical_matrices(layer: LayerParts, index: int) -> list[LogicalMatrix]:
    """Return all prunable matrices of the layer with this index, the router of experts left out, as logical ones."""
    known: dict[Projection, list[LogicalMatrix]] = {}
    for found in _roles(layer, index):
        known.setdefault(found.matrix, []).append(found)
    return [
        each
        for matrix in layer.matrices
        for each in known.get(matrix, [_whole(last_name(matrix.path), layer, index, matrix)])
    ]


def stored_roles(layer: LayerParts, index: int) -> dict[Projection, str]:
    """Return what every prunable matrix of the layer with this index is for, as it is stored, in their order.

    One that holds query, key and value is `fused`, one that holds gate and up is `gate_up`.
    """
    held: dict[Projection, list[str]] = {}
    for each in logical_matrices(layer, index):
        held.setdefault(each.matrix, []).append(each.role)
    return {matrix: _SEVERAL.get(tuple(roles), roles[0]) for matrix, roles in held.items()}


def own_attention(layer: LayerParts) -> AttentionParts:
    """Return the attention of a layer to its own stack. Raises `UnsupportedModelError` unless there is one."""
    own = [attention for attention in layer.attentions if not attention.cross]
    if len(own) != 1:
        raise UnsupportedModelError(f"{layer.path}: looked for one self-attention; found {len(own)}")
    return own[0]


def head_matrices(layer: LayerParts, index: int, attention: AttentionParts) -> Iterator[LogicalMatrix]:
    """Yield query, key, value (outputs) and output (inputs) of every query head of an attention of a layer.

    Raises `UnsupportedModelError` for fused matrices of an unknown order.
    """
    for head in range(attention.heads):
        group = head // attention.queries_per_group
        yield _sliced("query", layer, index, [attention.query(head)], head)
        yield _sliced("key", layer, index, [attention.key(group)], head)
        yield _sliced("value", layer, index, [attention.value(group)], head)
        yield _sliced("output", layer, index, [attention.mixed(head)], head, "inputs")


def _roles(layer: LayerParts, index: int) -> Iterator[LogicalMatrix]:
    for attention in layer.attentions:
        yield from _of_attention(layer, index, attention)
    if layer.mlp is not None:
        yield from _of_mlp(layer, index, layer.mlp)
    if layer.experts is not None:
        yield from _of_experts(layer, index, layer.experts)


def _of_attention(layer: LayerParts, index: int, attention: AttentionParts) -> Iterator[LogicalMatrix]:
    if attention.layout in ("split", "unknown"):
        for role, matrix in zip(attention.roles, attention.inputs, strict=True):
            yield _whole(role, layer, index, matrix)
    else:
        groups = range(attention.key_value_heads)
        yield _sliced("query", layer, index, [attention.query(head) for head in range(attention.heads)])
        yield _sliced("key", layer, index, [attention.key(group) for group in groups])
        yield _sliced("value", layer, index, [attention.value(group) for group in groups])
    yield _whole("output", layer, index, attention.output)


def _of_mlp(layer: LayerParts, index: int, mlp: MlpParts) -> Iterator[LogicalMatrix]:
    if mlp.fused:
        yield _sliced("gate", layer, index, [Slice(mlp.up, 0, mlp.width)])
        yield _sliced("up", layer, index, [Slice(mlp.up, mlp.width, 2 * mlp.width)])
    else:
        if mlp.gate is not None:
            yield _whole("gate", layer, index, mlp.gate)
        yield _whole("up", layer, index, mlp.up)
    yield _whole("down", layer, index, mlp.down)


def _of_experts(layer: LayerParts, index: int, experts: ExpertParts) -> Iterator[LogicalMatrix]:
    for own in experts.one_by_one:
        mlp = None if experts.stacked else find_mlp(own)
        if mlp is not None:
            yield from _of_mlp(layer, index, mlp)
        else:
            roles = _stacked_roles(experts, own)
            yield from (_whole(role, layer, index, matrix) for role, matrix in zip(roles, own, strict=True))
    if experts.shared is not None:
        yield from _of_mlp(layer, index, experts.shared)


def _stacked_roles(experts: ExpertParts, own: Sequence[Projection]) -> tuple[str, ...]:
    """Return the roles of the matrices of one of the stacked experts: the last one leads back to the state."""
    if len(own) == 2:
        return ("gate_up" if experts.gated else "up", "down")
    return ("gate", "up", "down")


def _whole(role: str, layer: LayerParts, index: int, matrix: Projection) -> LogicalMatrix:
    return LogicalMatrix(role, index, matrix.key.removeprefix(f"{layer.path}."), matrix)


def _sliced(
    role: str,
    layer: LayerParts,
    index: int,
    slices: Sequence[Slice],
    head: int | None = None,
    side: Side = "outputs",
) -> LogicalMatrix:
    matrix = slices[0].matrix
    pieces = _joined([(each.start, each.stop) for each in slices])
    return LogicalMatrix(role, index, matrix.key.removeprefix(f"{layer.path}."), matrix, pieces, side, head)


def _joined(pieces: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the pieces in their order, neighbours as one."""
    joined: list[tuple[int, int]] = []
    for start, stop in pieces:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return tuple(joined)
