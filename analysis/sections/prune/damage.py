"""How much each model can lose, by method."""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from statistics import median

from analysis.baselines import BASELINES
from analysis.budgets import TOLERANCE, budget_note, budget_of
from analysis.capped import capped, first_models
from analysis.comparison import (
    DAMAGE,
    DamageRow,
    best_methods,
    damage_rows,
    headline_ratio,
    median_damage,
)
from analysis.document import Block, Column, Inline, Link, Picture, Strong, Table, paragraph
from analysis.figures.pruning import WORST_DAMAGE, draw_damage, draw_prunability, draw_scopes
from analysis.losses import LOSSES
from analysis.numbers import count_of, many, percent, range_of, share_of, times, times_with_interval, with_interval
from analysis.section import Answers, Section
from analysis.sections.prune.dense import DENSE, MISSING, DenseRow

IN_FULL = "Every result of a model stands on its own page."
LEADERBOARD_FILE = "exports/leaderboard.csv"
SCOPES = (
    (
        "What is removed differs: weight methods set weights to zero and factorisation lowers the rank, in the old "
        "shape; the others take parts out where the config can say it (see parameters left)."
    ),
    "A ratio is a share of what its scope may remove.",
)
BUDGETS = (
    (
        f"Budget: share of the model's prunable weights that are gone or zero. Only rows whose budgets differ by at "
        f"most {TOLERANCE:g} are compared; copies and low rank leave as many weights: theirs is the share of own units."
    ),
    (
        "Perplexity: the mean over seeds, from the lowest to the highest end of their intervals. Over dense: paired on "
        "the same windows, the geometric mean over seeds; the interval draws windows anew, and "
        "the mean over seeds where there are several."
    ),
)


@dataclass(frozen=True)
class DamagePoint:
    """A point of the damage curves; `floor` is the language's perplexity floor over the dense model's perplexity."""

    model_id: str
    method: str
    ratio: float
    damage: float
    damage_low: float | None
    damage_high: float | None
    n_windows: int
    n_seeds: int
    floor: float | None


@dataclass(frozen=True)
class ScopePoint:
    """A point of the curves over all models: the median damage, the least and the greatest."""

    scope: str
    method: str
    ratio: float
    damage: float
    damage_low: float
    damage_high: float
    n_models: int


def damage_picture(rows: list[DamageRow]) -> Picture:
    """Return the damage curves of all models together, a panel a scope."""
    groups: dict[tuple[str, str, float], list[float]] = {}
    for row in rows:
        groups.setdefault((row.scope, row.method, row.ratio), []).append(row.damage)
    points = [
        ScopePoint(*key, median(values), min(values), max(values), len(values))
        for key, values in sorted(groups.items())
    ]
    caption = (
        f"Perplexity over the dense model's, logarithmic, more than {WORST_DAMAGE:,.0f} x drawn at the edge: median "
        f"over {range_of(point.n_models for point in points)} models, bars from least to greatest; the share is "
        "of what each scope may remove."
    )
    return Picture("damage_curves", _damage_alt(rows), caption, points, partial(draw_scopes, title=_damage_title(rows)))


def model_pictures(rows: list[DamageRow], dense: list[DenseRow]) -> tuple[Picture, ...]:
    """Return the damage curves of the first models by name, a picture a scope."""
    floors = {
        (row.source, row.model_id): row.perplexity_floor / row.perplexity
        for row in dense
        if row.perplexity and row.perplexity_floor
    }
    scopes = sorted({row.scope for row in rows})
    return tuple(_model_picture([row for row in rows if row.scope == scope], floors) for scope in scopes)


def _model_picture(rows: list[DamageRow], floors: dict[tuple[str, str], float]) -> Picture:
    shown, which = first_models(rows)
    points = [
        DamagePoint(
            row.model_id,
            row.method,
            row.ratio,
            row.damage,
            row.damage_low,
            row.damage_high,
            row.n_windows,
            row.n_seeds,
            floors.get((row.source, row.model_id)),
        )
        for row in shown
    ]
    scope = rows[0].scope
    caption = (
        f"Perplexity over the dense model's, logarithmic, more than {WORST_DAMAGE:,.0f} x drawn at the edge; {which}"
        f"n = {range_of(row.n_windows for row in rows)} evaluation windows a point; bars: paired 95 % interval "
        "over windows, and over seeds where there are several; dotted: exact floor of the language."
    )
    ratio = headline_ratio(rows)
    title = f"{scope.capitalize()} methods, {percent(ratio)} asked, median over models: {_scope_title(rows, ratio)}"
    alt = f"Line charts of perplexity over dense by asked share, a panel a model: {title}"
    return Picture(f"damage_{scope}", alt, caption, points, partial(draw_damage, title=title))


def _damage_title(rows: list[DamageRow]) -> str:
    ratio = headline_ratio(rows)
    models = count_of(len({row.model_id for row in rows}), "model")
    parts = [_scope_title([row for row in rows if row.scope == scope], ratio) for scope in _scopes(rows, ratio)]
    return f"Perplexity over dense, {percent(ratio)} asked (medians of {models}): {'; '.join(parts)}"


def _scopes(rows: list[DamageRow], ratio: float) -> list[str]:
    return sorted({row.scope for row in rows if row.ratio == ratio})


def _scope_title(rows: list[DamageRow], ratio: float) -> str:
    """Return "magnitude 2.12 x against random 20.09 x": the best method of one scope and the scope's baseline."""
    damage = median_damage(rows, ratio)
    least, baselines = next(iter(damage)), BASELINES.get(rows[0].scope)
    baseline = baselines.random if baselines else ""
    text = f"{least} {times(damage[least])}"
    return f"{text} against {baseline} {times(damage[baseline])}" if baseline in {*damage} - {least} else text


def prunability_picture(rows: list[DamageRow]) -> Picture:
    """Return the heatmap of models by methods at the headline ratio."""
    ratio = headline_ratio(rows)
    first, which = first_models(rows)
    shown = [row for row in first if row.ratio == ratio]
    best = best_methods(shown)
    wins = Counter(method for _, _, method, _ in best)
    winners = [_most_wins([row for row in shown if row.scope == scope], wins) for scope in _scopes(shown, ratio)]
    title = f"Least damage of its scope (or equal) at {percent(ratio)} asked: {', '.join(winners)}"
    return Picture(
        "prunability",
        "Heatmap of perplexity over dense, methods by models; the least of each scope is marked",
        f"{which}n = {range_of(row.n_windows for row in shown)} evaluation windows a cell; 1 = no "
        "damage; best: of its scope, which the budget below makes comparable; scopes are not.",
        shown,
        partial(draw_prunability, title=title, best={(model, method) for _, model, method, _ in best}),
    )


def _most_wins(rows: list[DamageRow], wins: Counter[str]) -> str:
    """Return "magnitude (weight) on 5 of 5 models" for the rows of one scope."""
    if not any(wins[row.method] for row in rows):
        return f"none comparable ({rows[0].scope})"
    winner = max(sorted({row.method for row in rows}), key=lambda method: wins[method])
    n_models = len({(row.source, row.model_id) for row in rows})
    return f"{winner} ({rows[0].scope}) on {wins[winner]} of {count_of(n_models, 'model')}"


def leaderboard(rows: list[DamageRow]) -> Table:
    """Return perplexity and its ratio to dense, a row a model, method and ratio.

    Marked is the best of a scope at its budget.
    """
    best = best_methods(rows)
    columns = (
        Column("Model"),
        Column("Asked share", numeric=True),
        Column("Scope"),
        Column("Method"),
        Column("Perplexity [95 %]", numeric=True),
        Column("Over dense [95 %]", numeric=True),
        Column("Windows", numeric=True),
        Column("Seeds", numeric=True),
        Column("Budget", numeric=True),
        Column("Parameters left", numeric=True),
        Column("Latency over dense", numeric=True),
        Column("Best of its scope"),
    )
    ordered = sorted(rows, key=lambda row: (row.model_id, row.source, row.ratio, row.scope, row.damage, row.method))
    cells = (
        (
            row.model_id,
            percent(row.ratio),
            row.scope,
            row.method,
            with_interval(row.perplexity, row.perplexity_low, row.perplexity_high),
            times_with_interval(row.damage, row.damage_low, row.damage_high),
            many(row.n_windows),
            str(row.n_seeds),
            f"{share_of(budget_of(row))}{budget_note(row.removed_as)}",
            share_of(row.parameters_left),
            "not measured" if row.latency_left is None else f"{row.latency_left:.2f} x",
            Strong(f"best {row.scope} method") if row.place in best else "",
        )
        for row in ordered
    )
    return Table(columns, tuple(cells))


def _damage_alt(rows: list[DamageRow]) -> str:
    worst = max(rows, key=lambda row: (row.damage, row.model_id))
    return (
        "Line charts of perplexity over dense against the asked share of each method's own units, a panel a scope "
        f"and a line a method; the greatest damage is {times(worst.damage)} "
        f"({worst.method}, {percent(worst.ratio)}, {worst.model_id})"
    )


def at_headline(rows: list[DamageRow]) -> tuple[Inline, ...]:
    """Say at which asked share a table is, and where the others are."""
    link = Link("leaderboard.csv", LEADERBOARD_FILE)
    return (
        f"The table is of {percent(headline_ratio(rows))} asked; other shares: on the models' own pages, and in",
        link,
    )


def _damage(answers: Answers) -> tuple[Block, ...]:
    rows = answers.derive(damage_rows)
    return (
        damage_picture(rows),
        *model_pictures(rows, answers[DENSE]),
        prunability_picture(rows),
        paragraph(*SCOPES),
        paragraph(*BUDGETS),
        paragraph(*at_headline(rows)),
        *capped(leaderboard([row for row in rows if row.ratio == headline_ratio(rows)]), IN_FULL),
    )


DAMAGE_SECTION = Section("damage", "Damage", "reports/prune", (DAMAGE, DENSE, LOSSES), _damage, MISSING)
