"""What becomes of the heads that a plan removes: zero, copies of kept ones, merged into them, or gone."""

from collections.abc import Iterable, Sequence

from pruning.adapters.parts import Stack
from pruning.removal.heads.parameters import (
    add_to,
    copy_over,
    extra_parts,
    input_parts,
    norms_across_heads,
    output_part,
    set_to_zero,
)
from pruning.removal.heads.physical import remove_physically, why_not_physical
from pruning.removal.heads.plan import HeadPlan, all_places
from pruning.removal.records import COPIES, ZEROS, PruningRequest, Removal

# Positions that differ by head and are no parameter of it: a head at another index, or a copy, computes another thing.
POSITIONS_BY_HEAD = ("alibi", "relative")


def positions_by_head(stacks: Iterable[Stack]) -> str:
    """Return the kinds of positions that differ by head, in words; "" without any."""
    positions = {position for stack in stacks for position in stack.positions}
    return " and ".join(position for position in POSITIONS_BY_HEAD if position in positions)


def zero(request: PruningRequest, plans: Sequence[HeadPlan]) -> Removal:
    """Set the removed heads to zero in matrices of the old shape."""
    _zero(request, plans)
    return _removal(request, plans)


def duplicate(request: PruningRequest, plans: Sequence[HeadPlan]) -> Removal:
    """Copy query, key and value of a kept head, biases too, over those of every head that it stands for.

    The shapes stay. A copy in a model with ALiBi or relative positions by head has the positions of its place.
    """
    _check_extras(request, plans)
    _duplicate(request, plans)
    positions = positions_by_head(plan.place.stack for plan in plans)
    note = f"copies keep the {positions} positions of their own index, so they are no exact twins" if positions else ""
    return _removal(request, plans, left=COPIES, note=note)


def merge(request: PruningRequest, plans: Sequence[HeadPlan]) -> Removal:
    """Copy as `duplicate` does, then sum the output columns of equal heads and remove the copies: the same logits.

    Not for models whose positions differ by head (`positions_by_head`): copies are not equal there.
    """
    _check_extras(request, plans)
    why_not = _why_not_physical(request, plans)
    _duplicate(request, plans)
    for plan in plans:
        attention = plan.place.attention
        removed, kept = ([twins[side] for twins in plan.twins] for side in (0, 1))
        if removed:
            add_to(request.model, output_part(attention, removed), output_part(attention, kept))
    return _finish(request, plans, why_not)


def remove(request: PruningRequest, plans: Sequence[HeadPlan]) -> Removal:
    """Remove heads physically, or set them to zero where the config cannot say fewer; `physical` and `note` say so."""
    return _finish(request, plans, _why_not_physical(request, plans))


def _finish(request: PruningRequest, plans: Sequence[HeadPlan], why_not: str | None) -> Removal:
    if why_not is None:
        remove_physically(request.model, plans)
        return _removal(request, plans, physical=True)
    _zero(request, plans)
    return _removal(request, plans, note=f"the heads are zero in matrices of the old shape: {why_not}")


def _why_not_physical(request: PruningRequest, plans: Sequence[HeadPlan]) -> str | None:
    positions = positions_by_head(plan.place.stack for plan in plans)
    if positions:
        return f"{positions} positions go by the head's index, which would change"
    if any(norms_across_heads(request.model, plan.place.attention) for plan in plans):
        return "queries and keys of all heads are normed together"
    return why_not_physical(request.model, plans)


def _zero(request: PruningRequest, plans: Sequence[HeadPlan]) -> None:
    for plan in plans:
        attention = plan.place.attention
        # Where heads are normed together a query or key of zero would scale those of the others.
        roles = ("value",) if norms_across_heads(request.model, attention) else ("query", "key", "value")
        for part in input_parts(request.model, attention, plan.removed, plan.lost_groups, roles):
            set_to_zero(request.model, part)
        set_to_zero(request.model, output_part(attention, plan.removed))


def _duplicate(request: PruningRequest, plans: Sequence[HeadPlan]) -> None:
    model = request.model
    for plan in plans:
        attention = plan.place.attention
        for heads in plan.twins:
            groups = [head // attention.queries_per_group for head in heads]
            # Within a group both read one key-value head.
            copied = [[group] if groups[0] != groups[1] else [] for group in groups]
            target, source = (
                [*input_parts(model, attention, [head], group), *extra_parts(model, attention, [head], group)]
                for head, group in zip(heads, copied, strict=True)
            )
            for one, other in zip(source, target, strict=True):
                copy_over(model, one, other)


def _check_extras(request: PruningRequest, plans: Sequence[HeadPlan]) -> None:
    """Raise what is to be raised for parameters that no copy can take along, before anything changes."""
    for plan in plans:
        list(extra_parts(request.model, plan.place.attention, plan.removed, plan.lost_groups))


def _removal(
    request: PruningRequest,
    plans: Sequence[HeadPlan],
    *,
    physical: bool = False,
    left: str = ZEROS,
    note: str = "",
) -> Removal:
    heads = tuple(plan.removed for plan in plans)
    total = sum(place.attention.heads for place in all_places(request.adapter))
    return Removal(sum(map(len, heads)), total, physical=physical, heads=heads, left=left, note=note)
