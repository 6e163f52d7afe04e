"""The prunability leaderboard: every measured result beside its baselines, and the best of each family and scope."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from analysis.baselines import BASELINES, Comparison, Verdict, comparisons_of
from analysis.budgets import budget_of
from analysis.comparison import DamageRow, best_methods, damage_rows, headline_ratio
from analysis.grouped import grouped
from analysis.losses import Place
from analysis.section import Answers
from analysis.subjects import families_of

BudgetKind = Literal["weights", "copies", "low_rank"]
# (place, baseline)
_Compared = Mapping[tuple[Place, str], Comparison]


@dataclass(frozen=True)
class LeaderboardRow:
    """A method at an asked ratio on one model. Damage, baselines' damage and `*_left` are relative to the dense model.

    `budget` is the share that comparisons go by, in the sense of `budget_kind` (`budgets.budget_of`), fraction.
    Baselines have a damage where they removed as much; their verdicts are on the paired ratio of perplexities. Nothing
    is compared with itself, and the random baseline with none. None = not measured, or nothing to compare with.
    """

    family_id: str | None
    model_id: str
    source: str
    scope: str
    method: str
    ratio: float
    perplexity: float
    perplexity_low: float | None
    perplexity_high: float | None
    damage: float
    damage_low: float | None
    damage_high: float | None
    random_damage: float | None
    random_verdict: Verdict | None
    trivial_damage: float | None
    trivial_verdict: Verdict | None
    budget_kind: BudgetKind
    budget: float | None
    removed_fraction: float | None
    parameters_left: float | None
    bytes_left: float | None
    latency_left: float | None
    flops_left: float | None
    n_windows: int
    n_seeds: int
    best_of_scope: bool


@dataclass(frozen=True)
class FamilyStanding:
    """The best method of a scope in a family at one asked ratio.

    Damages are medians over the family's models. The interval is the paired one where there is one model, else it runs
    from the least low end to the greatest high end. `n_random_clear` and `n_trivial_clear` count the models on which
    the method is clearly better than the baseline.
    """

    family_id: str
    scope: str
    method: str
    ratio: float
    n_models: int
    damage: float
    damage_low: float | None
    damage_high: float | None
    random_damage: float | None
    n_random_clear: int
    trivial_damage: float | None
    n_trivial_clear: int
    budget: float | None
    parameters_left: float | None
    n_methods: int
    n_windows: int


def leaderboard_rows(answers: Answers) -> list[LeaderboardRow]:
    """Return every result: by family, model and scope, then by ratio, the least damage first."""
    rows = answers.derive(damage_rows)
    families, best = answers.derive(families_of), best_methods(rows)
    compared = {(item.row.place, item.baseline): item for item in answers.derive(comparisons_of)}
    found = [
        _row(row, families.get((row.source, row.model_id)), compared, best_of_scope=row.place in best) for row in rows
    ]
    return sorted(found, key=_order)


def standings(answers: Answers) -> list[FamilyStanding]:
    """Return the best method of each family and scope, scope by scope, the least damage first.

    Best is the least median at the measured ratio nearest to one half among methods measured on as many models as any.
    A model of no family stands for itself.
    """
    groups = grouped(answers.derive(leaderboard_rows), _scope_and_family)
    found = [_standing(key[-1], group) for key, group in groups.items()]
    return sorted(found, key=lambda item: (item.scope, item.damage, item.family_id))


def _row(row: DamageRow, family: str | None, compared: _Compared, *, best_of_scope: bool) -> LeaderboardRow:
    baselines = BASELINES.get(row.scope)
    chance = compared.get((row.place, baselines.random)) if baselines else None
    trivial = compared.get((row.place, baselines.trivial)) if baselines else None
    return LeaderboardRow(
        family_id=family,
        model_id=row.model_id,
        source=row.source,
        scope=row.scope,
        method=row.method,
        ratio=row.ratio,
        perplexity=row.perplexity,
        perplexity_low=row.perplexity_low,
        perplexity_high=row.perplexity_high,
        damage=row.damage,
        damage_low=row.damage_low,
        damage_high=row.damage_high,
        random_damage=_damage_of(chance),
        random_verdict=chance.verdict if chance else None,
        trivial_damage=_damage_of(trivial),
        trivial_verdict=trivial.verdict if trivial else None,
        budget_kind=_kind(row),
        budget=budget_of(row),
        removed_fraction=row.removed_fraction,
        parameters_left=row.parameters_left,
        bytes_left=row.bytes_left,
        latency_left=row.latency_left,
        flops_left=row.flops_left,
        n_windows=row.n_windows,
        n_seeds=row.n_seeds,
        best_of_scope=best_of_scope,
    )


def _kind(row: DamageRow) -> BudgetKind:
    match row.removed_as:
        case "copies" | "low_rank":
            return row.removed_as
        case _:
            return "weights"


def _damage_of(comparison: Comparison | None) -> float | None:
    return comparison.baseline_row.damage if comparison and comparison.baseline_row else None


def _order(row: LeaderboardRow) -> tuple[str, str, str, str, float, float, str]:
    return row.family_id or row.model_id, row.model_id, row.source, row.scope, row.ratio, row.damage, row.method


def _scope_and_family(row: LeaderboardRow) -> tuple[str, ...]:
    return (row.scope, row.family_id) if row.family_id else (row.scope, row.source, row.model_id)


def _standing(family: str, group: Sequence[LeaderboardRow]) -> FamilyStanding:
    """Return the best of the rows of one family and scope."""
    ratio = headline_ratio(group)
    methods = grouped((row for row in group if row.ratio == ratio), lambda row: row.method)
    most = max(map(len, methods.values()))
    candidates = [rows for rows in methods.values() if len(rows) == most]
    rows = min(candidates, key=lambda rows: (median(row.damage for row in rows), rows[0].method))
    return FamilyStanding(
        family_id=family,
        scope=rows[0].scope,
        method=rows[0].method,
        ratio=ratio,
        n_models=len(rows),
        damage=median(row.damage for row in rows),
        damage_low=min((row.damage_low for row in rows if row.damage_low is not None), default=None),
        damage_high=max((row.damage_high for row in rows if row.damage_high is not None), default=None),
        random_damage=_median(row.random_damage for row in rows),
        n_random_clear=sum(row.random_verdict == "clearly better" for row in rows),
        trivial_damage=_median(row.trivial_damage for row in rows),
        n_trivial_clear=sum(row.trivial_verdict == "clearly better" for row in rows),
        budget=_median(row.budget for row in rows),
        parameters_left=_median(row.parameters_left for row in rows),
        n_methods=len(methods),
        n_windows=min(row.n_windows for row in rows),
    )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
