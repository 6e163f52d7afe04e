"""What pruning does to a model, relative to the dense one: the rows, and comparisons between them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from statistics import median
from typing import Literal

from analysis.numbers import percent
from analysis.section import QUERIES
from store import Query

# What a method has to beat to be worth its trouble, by scope.
BASELINES = {
    "weight": "random",
    "neuron": "mlp-random",
    "head": "heads-random-remove",
    "layer": "depth-last",
    "factorisation": "svd",
    "expert": "experts-random",
}
# The damage that "how much can it lose" allows: perplexity at most a tenth above dense.
DAMAGE_BOUND = 1.1
# The ratio at which methods are set side by side, when it was measured.
HEADLINE_RATIO = 0.5

Verdict = Literal["clearly better", "better, intervals overlap", "equal", "worse, intervals overlap", "clearly worse"]


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


DAMAGE: Query[DamageRow] = Query(QUERIES / "damage.sql", DamageRow)


@dataclass(frozen=True)
class Comparison:
    """A method against the baseline of its scope on one model at one ratio; damages are perplexity over dense."""

    model_id: str
    method: str
    baseline: str
    ratio: float
    damage: float
    baseline_damage: float
    verdict: Verdict

    @property
    def better(self) -> bool:
        return self.damage < self.baseline_damage

    @property
    def worse(self) -> bool:
        return self.damage > self.baseline_damage


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


def compare_with_baselines(rows: Sequence[DamageRow]) -> list[Comparison]:
    """Return every method that has a baseline against it, in the order of the rows."""
    at = {(row.source, row.model_id, row.ratio, row.method): row for row in rows}
    comparisons = []
    for row in rows:
        name = BASELINES.get(row.scope)
        baseline = at.get((row.source, row.model_id, row.ratio, name or ""))
        if baseline is None or baseline is row:
            continue
        comparisons.append(
            Comparison(
                row.model_id, row.method, baseline.method, row.ratio, row.damage, baseline.damage, judge(row, baseline)
            )
        )
    return comparisons


def judge(row: DamageRow, baseline: DamageRow) -> Verdict:
    """Compare two rows by their intervals; without intervals nothing is clear."""
    if row.damage == baseline.damage:
        return "equal"
    if row.damage < baseline.damage:
        return "clearly better" if _below(row, baseline) else "better, intervals overlap"
    return "clearly worse" if _below(baseline, row) else "worse, intervals overlap"


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


def best_methods(rows: Iterable[DamageRow]) -> set[tuple[str, str, float, str]]:
    """Return (source, model, ratio, method) of the least damage for each model, ratio and scope; ties all count.

    Scopes are apart because the same ratio removes unequal shares of the prunable weights.
    """
    least: dict[tuple[str, str, float, str], float] = {}
    rows = [*rows]
    for row in rows:
        key = (row.source, row.model_id, row.ratio, row.scope)
        least[key] = min(row.damage, least.get(key, row.damage))
    return {
        (row.source, row.model_id, row.ratio, row.method)
        for row in rows
        if row.damage == least[row.source, row.model_id, row.ratio, row.scope]
    }


def pareto_front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Say for each (cost, damage) whether no other point is at most as great in both and less in one."""
    return [
        not any(
            other[0] <= point[0] and other[1] <= point[1] and (other[0] < point[0] or other[1] < point[1])
            for other in points
        )
        for point in points
    ]


def headline_ratio(rows: list[DamageRow]) -> float:
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
    """Return "layer 0.55 x (60 % of the parameters left)" for each scope whose latency was measured."""
    parts = []
    for scope in sorted({row.scope for row in rows}):
        latency = mean_latency(rows, scope, ratio)
        left = [
            row.parameters_left for row in rows if row.scope == scope and row.ratio == ratio and row.parameters_left
        ]
        if latency is not None:
            budget = f" ({percent(sum(left) / len(left))} of the parameters left)" if left else ""
            parts.append(f"{scope} {latency:.2f} x{budget}")
    return parts


def _below(lower: DamageRow, upper: DamageRow) -> bool:
    return lower.damage_high is not None and upper.damage_low is not None and lower.damage_high < upper.damage_low


def _model_and_method(row: DamageRow) -> tuple[str, str, str, str]:
    return row.model_id, row.source, row.scope, row.method
