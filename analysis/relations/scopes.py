"""The best method of each scope, by model and over models, beside chance and the trivial choice."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean, median

from analysis.baselines import BASELINES, Comparison, comparisons_of
from analysis.budgets import budget_of
from analysis.comparison import (
    DAMAGE,
    DAMAGE_BOUND,
    DamageRow,
    best_methods,
    damage_rows,
    headline_ratio,
    median_damage,
)
from analysis.grouped import grouped
from analysis.losses import LOSSES
from analysis.relations.derived import Derived
from analysis.section import QUERIES, Answers
from store import Query


@dataclass(frozen=True)
class MeasuredFamilyRow:
    """A row of `measured_families.sql`."""

    source: str
    model_id: str
    family_id: str


@dataclass(frozen=True)
class BestRow:
    """The best method of a scope on one model at the headline ratio; damage is perplexity over dense.

    A baseline is None where the method is that itself, or no ratio of it is comparable.
    """

    scope: str
    source: str
    model_id: str
    family_id: str | None
    method: str
    ratio: float
    damage: float
    damage_low: float | None
    damage_high: float | None
    trivial: str | None
    trivial_damage: float | None
    random: str | None
    random_damage: float | None
    n_windows: int
    n_seeds: int
    budget: float | None
    removed_as: str | None
    parameters_left: float | None
    latency_left: float | None


@dataclass(frozen=True)
class ScopeRow:
    """The method with the least median damage of a scope at the headline ratio, of those measured on most models.

    Baselines are medians over the models where they are comparable; `n_clear` of `n_compared` comparisons with
    `compared_with`, the trivial baseline or else the random one, are clearly better. `parameters_left` and
    `latency_left` are means over models; `n_smaller` of them have fewer parameters, the others zeros or low rank.
    """

    scope: str
    method: str
    ratio: float
    n_models: int
    damage: float
    least_damage: float
    greatest_damage: float
    trivial: str | None
    trivial_damage: float | None
    random: str | None
    random_damage: float | None
    compared_with: str | None
    n_compared: int
    n_clear: int
    parameters_left: float | None
    n_smaller: int
    latency_left: float | None


@dataclass(frozen=True)
class HeadroomRow:
    """The greatest measured ratio of a scope within the damage bound on one model; None = not even the least."""

    source: str
    model_id: str
    scope: str
    method: str | None
    ratio: float | None
    damage: float | None
    removed_fraction: float | None


MEASURED_FAMILIES: Query[MeasuredFamilyRow] = Query(QUERIES / "measured_families.sql", MeasuredFamilyRow)
Baseline = tuple[str | None, float | None]


def best_rows(answers: Answers) -> list[BestRow]:
    """Return the best of each scope and model, the least damage of a scope first."""
    rows = answers.derive(damage_rows)
    if not rows:
        return []
    families = {(row.source, row.model_id): row.family_id for row in answers[MEASURED_FAMILIES]}
    compared = grouped(answers.derive(comparisons_of), lambda item: item.row.place)
    found = [_best(row, families, compared[row.place]) for row in _winners(rows, headline_ratio(rows))]
    # Nine digits: the last ones of a float differ between machines, and equals stand by name.
    return sorted(found, key=lambda row: (row.scope, float(f"{row.damage:.9g}"), row.model_id, row.source))


def scope_rows(answers: Answers) -> list[ScopeRow]:
    """Return one row a scope, by name."""
    rows = answers.derive(damage_rows)
    if not rows:
        return []
    ratio = headline_ratio(rows)
    compared = answers.derive(comparisons_of)
    scopes = sorted({row.scope for row in rows if row.ratio == ratio})
    return [
        _scope(scope, [row for row in rows if (row.scope, row.ratio) == (scope, ratio)], compared) for scope in scopes
    ]


def headroom_rows(answers: Answers) -> list[HeadroomRow]:
    """Return one row a model and scope."""
    rows = sorted(answers.derive(damage_rows), key=_model_and_scope)
    return [_headroom(key, [*group]) for key, group in groupby(rows, key=_model_and_scope)]


def _winners(rows: Sequence[DamageRow], ratio: float) -> list[DamageRow]:
    """Return the first by name of the best of each model and scope at a ratio, none where nothing is comparable."""
    asked = [row for row in rows if row.ratio == ratio]
    best = best_methods(asked)
    found: dict[tuple[str, str, str], DamageRow] = {}
    for row in sorted(asked, key=lambda row: (row.damage, row.method)):
        if row.place in best:
            found.setdefault(_model_and_scope(row), row)
    return [*found.values()]


def _best(row: DamageRow, families: dict[tuple[str, str], str], compared: Iterable[Comparison]) -> BestRow:
    damages = {item.baseline: item.baseline_row.damage for item in compared if item.baseline_row}
    trivial, random = _baselines(row, damages)
    family = families.get((row.source, row.model_id))
    return BestRow(
        row.scope, row.source, row.model_id, family, row.method, row.ratio, row.damage, row.damage_low, row.damage_high,
        *trivial, *random, row.n_windows, row.n_seeds, budget_of(row), row.removed_as, row.parameters_left,
        row.latency_left,
    )  # fmt: skip


def _scope(scope: str, rows: list[DamageRow], compared: Iterable[Comparison]) -> ScopeRow:
    method = next(iter(median_damage(_most_measured(rows), rows[0].ratio)))
    mine = [row for row in rows if row.method == method]
    places = {row.place for row in mine}
    pairs = [item for item in compared if item.row.place in places and item.baseline_row]
    damages: dict[str, list[float]] = defaultdict(list)
    for item in pairs:
        damages[item.baseline].append(item.baseline_row.damage if item.baseline_row else 0.0)
    trivial, random = _baselines(mine[0], {name: median(values) for name, values in damages.items()})
    against = trivial[0] or random[0]
    verdicts = [item.verdict for item in pairs if item.baseline == against]
    values = [row.damage for row in mine]
    return ScopeRow(
        scope, method, rows[0].ratio, len(mine), median(values), min(values), max(values), *trivial, *random,
        against, len(verdicts), verdicts.count("clearly better"),
        _mean(row.parameters_left for row in mine),
        sum(row.parameters_left is not None and row.parameters_left < 1 for row in mine),
        _mean(row.latency_left for row in mine),
    )  # fmt: skip


def _most_measured(rows: list[DamageRow]) -> list[DamageRow]:
    """Return the rows of the methods that were measured on the most models: a median over fewer says less."""
    models = Counter(row.method for row in rows)
    return [row for row in rows if models[row.method] == max(models.values())]


def _baselines(row: DamageRow, damages: dict[str, float]) -> tuple[Baseline, Baseline]:
    """Return the trivial baseline and the random one with their damage, where they are known."""
    of_scope = BASELINES.get(row.scope)
    if of_scope is None:
        return (None, None), (None, None)
    trivial, random = (
        (name if name in damages else None, damages.get(name)) for name in (of_scope.trivial, of_scope.random)
    )
    return trivial, random


def _headroom(key: tuple[str, str, str], rows: list[DamageRow]) -> HeadroomRow:
    within = [row for row in rows if row.damage <= DAMAGE_BOUND]
    best = min(within, key=lambda row: (-row.ratio, row.damage, row.method), default=None)
    if best is None:
        return HeadroomRow(*key, None, None, None, None)
    return HeadroomRow(*key, best.method, best.ratio, best.damage, best.removed_fraction)


def _model_and_scope(row: DamageRow) -> tuple[str, str, str]:
    return row.source, row.model_id, row.scope


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


_INPUTS = (DAMAGE, LOSSES)
BEST_BY_SCOPE = Derived(
    "best_by_scope", "The best method of each scope on each model", (*_INPUTS, MEASURED_FAMILIES), best_rows
)
SCOPES = Derived("scopes", "The best method of each scope over models", _INPUTS, scope_rows)
HEADROOM_BY_SCOPE = Derived("headroom_by_scope", "What each model can lose within the bound", _INPUTS, headroom_rows)
