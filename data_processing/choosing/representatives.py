"""Which models of a family stand for it, and why.

Chosen among the members that the constraints allow (`choosing.constraints`) so that all members with a structure are
near a choice (`choosing.selection`): the first one alone is the best there is, each next one is the best to add. Each
choice is another structure as long as there is one. Models of one structure, and structures that serve equally well,
are ties: the more downloaded (unknown = 0), then the smaller (unknown last), then the first by id. A family without any
structure is ordered by this rule alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_processing.choosing.constraints import Constraint, Rules, describe_lacks, eligible, lacks
from data_processing.choosing.selection import Objective, Pick, point_weights, select, single_scores
from data_processing.corpus import ModelRow

if TYPE_CHECKING:
    import numpy

CHOICES_PER_FAMILY = 5


@dataclass(frozen=True, eq=False)
class Space:
    """How far structures are from each other.

    `distances` (rows, rows) is 1 - similarity, symmetric with a zero diagonal; `row_of` has every structure id, those
    that are one for similarity in one row.
    """

    row_of: Mapping[str, int]
    distances: "numpy.ndarray"


@dataclass(frozen=True)
class Choice:
    """A candidate of a family; rank 1 represents it.

    `mean_distance` is that of the members with a structure to their nearest choice up to this rank, weighted as in
    `selection.point_weights`; None = no member has a structure. `lacks` are the constraints that it does not meet.
    """

    rank: int
    model: ModelRow
    objective: Objective
    reason: str
    mean_distance: float | None
    lacks: tuple[Constraint, ...]


@dataclass(frozen=True)
class _Field:
    """The members of a family, those with a structure, and those that may be chosen, each by preference."""

    members: Sequence[ModelRow]
    placed: Sequence[ModelRow]
    candidates: Sequence[ModelRow]
    rules: Rules


@dataclass(frozen=True)
class _Step:
    """A chosen model, how well the choices up to it serve the family, and the candidates that serve as well as it."""

    model: ModelRow
    pick: Pick | None
    equals: Sequence[ModelRow]


def choose(members: Iterable[ModelRow], space: Space, rules: Rules) -> list[Choice]:
    """Return the first choices of a family, best first, at most `CHOICES_PER_FAMILY`; the order of `members` is moot.

    Where any member has a structure, only those with one can be chosen. Raises `KeyError` for a structure that is not
    in the space.
    """
    listed = sorted(members, key=choose_order)
    placed = [model for model in listed if model.structure_id is not None]
    field = _Field(listed, placed, eligible(placed or listed, rules), rules)
    steps = _steps_by_structure(field, space) if placed else _in_order(field.candidates, None)
    steps = steps[:CHOICES_PER_FAMILY]
    return [
        Choice(
            rank=rank,
            model=step.model,
            objective=rules.objective,
            reason=_reason(field, steps, rank),
            mean_distance=None if step.pick is None else step.pick.mean,
            lacks=lacks(step.model, rules),
        )
        for rank, step in enumerate(steps, start=1)
    ]


def choose_order(model: ModelRow) -> tuple[int, float, str, str]:
    """Sort key: most downloaded first (unknown = 0), then fewer parameters (unknown last), then the id."""
    return -(model.downloads or 0), _size(model), model.model_id, model.source


def _size(model: ModelRow) -> float:
    return float("inf") if model.n_parameters is None else model.n_parameters


def _steps_by_structure(field: _Field, space: Space) -> list[_Step]:
    """Return the chosen structures' most preferred models, then the candidates that are left by preference."""
    import numpy

    points, groups = _by_row(field.placed, space), list(_by_row(field.candidates, space).items())
    weights = point_weights(
        [len(models) for models in points.values()],
        [sum(model.downloads or 0 for model in models) for models in points.values()],
    )
    distances = space.distances[numpy.ix_([row for row, _ in groups], list(points))]
    picks = select(field.rules.objective, distances, weights, CHOICES_PER_FAMILY)
    scores = single_scores(field.rules.objective, distances, weights)
    least = min(scores)
    best = [model for (_, models), score in zip(groups, scores, strict=True) if score == least for model in models]
    steps = [_Step(groups[pick.candidate][1][0], pick, best if pick is picks[0] else ()) for pick in picks]
    chosen = {step.model for step in steps}
    return steps + _in_order([model for model in field.candidates if model not in chosen], picks[-1])


def _in_order(models: Sequence[ModelRow], pick: Pick | None) -> list[_Step]:
    """Return steps that follow preference alone; `pick` says how well the family is served already."""
    return [_Step(model, pick, models[place:]) for place, model in enumerate(models[:CHOICES_PER_FAMILY])]


def _by_row(models: Iterable[ModelRow], space: Space) -> dict[int, list[ModelRow]]:
    """Group models that have a structure by its row, in the order of the first model of each row."""
    groups: dict[int, list[ModelRow]] = defaultdict(list)
    for model in models:
        if model.structure_id is not None:
            groups[space.row_of[model.structure_id]].append(model)
    return groups


def _reason(field: _Field, steps: Sequence[_Step], rank: int) -> str:
    step = steps[rank - 1]
    before = steps[rank - 2].pick if rank > 1 else None
    parts = [_fit(field, step) if rank == 1 else _gain(field, step, before)]
    if len(step.equals) > 1:
        parts.append(_decided_by(sorted(step.equals, key=choose_order)))
    have = sum(model.has_weights for model in field.members)
    if rank == 1 and have and len(field.members) > 1:
        parts.append(f"{have:,} of {len(field.members):,} members have weights")
    return "; ".join([*parts, *describe_lacks(step.model, field.members, field.rules)])


def _fit(field: _Field, step: _Step) -> str:
    """Say how well the first choice serves the family."""
    if len(field.members) == 1:
        return "the only member"
    if step.pick is None:
        return f"none of {len(field.members):,} members has a structure"
    if step.pick.greatest == 0:
        return _same_as_all(field)
    models, among = f"{len(field.placed):,} models", _among(field)
    if field.rules.objective == "k-medoids":
        return f"mean distance {step.pick.mean:.3f} to {models}, {among}"
    return f"farthest of {models} at {step.pick.greatest:.3f}, {among}"


def _gain(field: _Field, step: _Step, before: Pick | None) -> str:
    """Say what a further choice adds."""
    if step.pick is None or before is None or step.pick.mean == before.mean:
        return "next by preference"
    if field.rules.objective == "k-medoids":
        return f"lowers the mean distance from {before.mean:.3f} to {step.pick.mean:.3f}, the most that one can add"
    if step.pick.greatest == before.greatest:
        return f"nearest to the farthest model; others are as far, {before.greatest:.3f}"
    return f"nearest to the farthest model; the farthest was at {before.greatest:.3f}, is at {step.pick.greatest:.3f}"


def _same_as_all(field: _Field) -> str:
    if len(field.placed) == 1:
        return "the only member with a structure"
    some = "" if len(field.placed) == len(field.members) else " with a structure"
    return f"same structure as all {len(field.placed):,} members{some}"


def _among(field: _Field) -> str:
    """Say among how many the choice was; candidates are eligible unless they lack something, which all of them do."""
    lacking = lacks(field.candidates[0], field.rules)
    if len(field.candidates) == 1:
        return "the only candidate" if lacking else "the only eligible one"
    return f"least of {len(field.candidates):,} {'candidates' if lacking else 'eligible'}"


def _decided_by(ordered: Sequence[ModelRow]) -> str:
    """Say what puts the first of equally good models before the second."""
    among = f"of {len(ordered):,} that serve as well"
    first, second = ordered[0], ordered[1]
    if (first.downloads or 0) != (second.downloads or 0):
        return f"most downloaded {among}"
    return f"smallest {among}" if _size(first) != _size(second) else f"first by id {among}"
