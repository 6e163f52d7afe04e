"""What pruning does to a model, relative to the dense one: the rows, and what can be read from them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from statistics import median
from typing import Protocol

from analysis.budgets import comparable
from analysis.grouped import grouped
from analysis.losses import LOSSES, Losses, Place, Relative
from analysis.section import QUERIES, Answers
from store import Query

# The damage that "how much can it lose" allows: perplexity at most a tenth above dense.
DAMAGE_BOUND = 1.1
# The ratio at which methods are set side by side, when it was measured.
HEADLINE_RATIO = 0.5


class Asked(Protocol):
    """A result at a ratio that was asked for."""

    @property
    def ratio(self) -> float: ...


@dataclass(frozen=True)
class DamageRow:
    """A row of `damage.sql`. Columns named *_left and `damage*` are relative to the dense model.

    `ratio` is what was asked of the method's scope; `removed_fraction` is what it was of all prunable weights.
    """

    source: str
    model_id: str
    method: str
    scope: str
    ratio: float
    n_seeds: int
    n_windows: int
    perplexity: float
    perplexity_low: float | None
    perplexity_high: float | None
    dense_perplexity: float
    damage: float
    damage_low: float | None
    damage_high: float | None
    parameters_left: float | None
    removed_fraction: float | None
    bytes_left: float | None
    latency_left: float | None
    n_latency: int | None
    removed_share: float | None = None
    removed_as: str | None = None
    flops_left: float | None = None
    energy_estimate_left: float | None = None

    @property
    def place(self) -> Place:
        return self.source, self.model_id, self.method, self.ratio


DAMAGE: Query[DamageRow] = Query(QUERIES / "damage.sql", DamageRow)


@dataclass(frozen=True)
class Headroom:
    """The greatest measured ratio at which a method stays within the bound; None = not even the least one."""

    model_id: str
    method: str
    scope: str
    ratio: float | None
    damage: float | None
    parameters_left: float | None
    removed_fraction: float | None


def damage_rows(answers: Answers) -> list[DamageRow]:
    """Return the rows of `damage.sql` with paired intervals: see `with_paired_intervals`."""
    return with_paired_intervals(answers[DAMAGE], answers.derive(losses_of))


def losses_of(answers: Answers) -> Losses:
    """Return the losses by window of all results."""
    return Losses(answers[LOSSES])


def with_paired_intervals(rows: Sequence[DamageRow], losses: Losses) -> list[DamageRow]:
    """Return the rows with damage against dense on the same windows, the geometric mean over seeds.

    Rows without losses by window keep the interval of their own perplexity, the dense value taken as exact.
    """
    return [_with_interval(row, losses.over_dense(row.place)) for row in rows]


def _with_interval(row: DamageRow, found: Relative | None) -> DamageRow:
    if found is None:
        return row
    return replace(row, damage=found.value, damage_low=found.low, damage_high=found.high)


def headroom(rows: Iterable[DamageRow], bound: float = DAMAGE_BOUND) -> list[Headroom]:
    """Return, for each model and method, the greatest ratio whose damage is at most `bound`."""
    found = []
    for _, group in groupby(sorted(rows, key=_model_and_method), key=_model_and_method):
        measured = [*group]
        within = [row for row in measured if row.damage <= bound]
        best = max(within, key=attrgetter("ratio"), default=None)
        first = measured[0]
        found.append(
            Headroom(
                first.model_id,
                first.method,
                first.scope,
                best.ratio if best else None,
                best.damage if best else None,
                best.parameters_left if best else None,
                best.removed_fraction if best else None,
            )
        )
    return found


def best_methods(rows: Iterable[DamageRow]) -> set[Place]:
    """Return the (source, model, method, ratio) that no comparable result of another method is below; ties all count.

    Comparable are results on the same model in the same scope that removed as much. What has rivals at its asked ratio
    and is comparable with no other method is not the best of anything.
    """
    groups = grouped(rows, lambda row: (row.source, row.model_id, row.scope))
    return {row.place for group in groups.values() for row in group if _is_best(row, group)}


def _is_best(row: DamageRow, group: Iterable[DamageRow]) -> bool:
    others = [other for other in group if other.method != row.method]
    compared = [other for other in others if comparable(row, other)]
    if not compared:
        return all(other.ratio != row.ratio for other in others)
    return all(row.damage <= other.damage for other in compared)


def pareto_front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Say for each (cost, damage) whether no other point is at most as great in both and less in one."""
    return [
        not any(
            other[0] <= point[0] and other[1] <= point[1] and (other[0] < point[0] or other[1] < point[1])
            for other in points
        )
        for point in points
    ]


def headline_ratio(rows: Iterable[Asked]) -> float:
    """Return the measured ratio nearest to the one at which methods are compared; the greater of two as near."""
    return min({row.ratio for row in rows}, key=lambda ratio: (abs(ratio - HEADLINE_RATIO), -ratio))


def median_damage(rows: list[DamageRow], ratio: float) -> dict[str, float]:
    """Return the median damage over models by method at a ratio, least first."""
    methods = {row.method for row in rows if row.ratio == ratio}
    found = {name: median(row.damage for row in rows if (row.method, row.ratio) == (name, ratio)) for name in methods}
    return dict(sorted(found.items(), key=lambda item: (item[1], item[0])))


def mean_latency(rows: list[DamageRow], scope: str, ratio: float) -> float | None:
    """Return the mean latency over dense of a scope at a ratio, or None when it was not measured."""
    values = [row.latency_left for row in rows if row.scope == scope and row.ratio == ratio and row.latency_left]
    return sum(values) / len(values) if values else None


def latency_by_scope(rows: list[DamageRow], ratio: float) -> list[str]:
    """Return "layer 0.55 x (0.60 x)", latency and parameters over dense, for each scope whose latency was measured."""
    parts = []
    for scope in sorted({row.scope for row in rows}):
        latency = mean_latency(rows, scope, ratio)
        left = [
            row.parameters_left for row in rows if row.scope == scope and row.ratio == ratio and row.parameters_left
        ]
        if latency is not None:
            budget = f" ({sum(left) / len(left):.2f} x)" if left else ""
            parts.append(f"{scope} {latency:.2f} x{budget}")
    return parts


def _model_and_method(row: DamageRow) -> tuple[str, str, str, str]:
    return row.model_id, row.source, row.scope, row.method
