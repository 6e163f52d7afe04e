"""Which heads go: what is decided before anything changes.

With grouped queries a key-value head serves several query heads. It goes when all of them do, so a shape that configs
can say loses whole groups, or as many query heads from every group.
"""

from dataclasses import dataclass
from fractions import Fraction

from pruning.adapters.parts import Adapter, AttentionParts, Stack
from pruning.errors import RatioTooSmallError
from pruning.removal.records import PruningRequest

# Query heads that go or stay together: one, or those of a whole group.
Member = tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """An attention in its stack."""

    stack: Stack
    attention: AttentionParts


@dataclass(frozen=True)
class Cell:
    """Members of one attention that can stand for one another, of which `count` go; at least one stays."""

    members: tuple[Member, ...]
    count: int


@dataclass(frozen=True)
class HeadPlan:
    """What one attention loses. `twins` are (removed head, the kept head that is most like it); empty without any."""

    place: Place
    removed: tuple[int, ...]
    twins: tuple[tuple[int, int], ...] = ()

    @property
    def lost_groups(self) -> tuple[int, ...]:
        """Return the key-value heads that no kept head reads."""
        attention = self.place.attention
        kept = {head // attention.queries_per_group for head in range(attention.heads) if head not in self.removed}
        return tuple(group for group in range(attention.key_value_heads) if group not in kept)


def all_places(adapter: Adapter) -> tuple[Place, ...]:
    """Return the attentions of all stacks, those to another stack's output included."""
    return tuple(place for stack in adapter.stacks for place in places_of(stack))


def places_of(stack: Stack) -> tuple[Place, ...]:
    """Return the attentions of a stack in their order."""
    return tuple(Place(stack, attention) for layer in stack.layers for attention in layer.attentions)


def balanced_cells(request: PruningRequest, attention: AttentionParts) -> tuple[Cell, ...]:
    """Return what goes from an attention when all lose the same: the shape nearest to ratio * heads, halves up.

    Heads one by one where each has a key-value head of its own or all share one. Otherwise whole groups, or the same
    number from every group when only that comes nearer. Raises `RatioTooSmallError` when nothing comes nearer than 0.
    """
    heads, groups, each = attention.heads, attention.key_value_heads, attention.queries_per_group
    single = tuple((head,) for head in range(heads))
    if each == 1 or groups == 1:
        return (Cell(single, _nearest(request.ratio, heads, (1,))),)
    removed = _nearest(request.ratio, heads, (each, groups))
    if removed % each == 0:
        return (Cell(_split(range(heads), each), removed // each),)
    return tuple(Cell(_split(group, 1), removed // groups) for group in _split(range(heads), each))


def free_cells(attention: AttentionParts) -> tuple[tuple[Member, ...], ...]:
    """Return the heads that can stand for one another when layers may lose different numbers of them."""
    each = attention.queries_per_group
    size = attention.heads if each == 1 else each
    return tuple(_split(group, 1) for group in _split(range(attention.heads), size))


def _nearest(ratio: float, heads: int, steps: tuple[int, ...]) -> int:
    """Return the multiple of a step nearest to ratio * heads that leaves a step; the first step wins a tie."""
    asked = Fraction(repr(ratio)) * heads
    multiples = [0, *(count for step in steps for count in range(step, heads - step + 1, step))]
    nearest = min(abs(asked - count) for count in multiples)
    removed = next((count for count in multiples[1:] if abs(asked - count) == nearest), 0)
    if removed == 0:
        raise RatioTooSmallError(
            f"ratio {ratio:g} of {heads} heads removes none; expected at least {min(steps) / 2 / heads:.3g}"
            if heads > 1
            else "an attention has one head; expected at least two"
        )
    return removed


def _split(heads: range | Member, size: int) -> tuple[Member, ...]:
    return tuple(tuple(heads[first : first + size]) for first in range(0, len(heads), size))
