"""How much each model can lose, by method."""

from dataclasses import dataclass
from functools import partial

from analysis.comparison import DAMAGE, DamageRow, best_methods, headline_ratio, median_damage
from analysis.document import Block, Column, Picture, Strong, Table
from analysis.figures.pruning import draw_damage, draw_prunability
from analysis.numbers import count_of, percent, times, with_interval
from analysis.section import Answers, Section
from analysis.sections.dense import DENSE, MISSING, DenseRow

SHOWN_MODELS = 12
SCOPES = (
    "weight methods set weights to zero and keep the shape, neuron and layer methods take parts out where the "
    "architecture lets them (see parameters left); each ratio is a share of what its scope may remove."
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


def damage_picture(rows: list[DamageRow], dense: list[DenseRow]) -> Picture:
    """Return the damage curves of the first models by name."""
    floors = {
        (row.source, row.model_id): row.perplexity_floor / row.perplexity
        for row in dense
        if row.perplexity and row.perplexity_floor
    }
    models = sorted({row.model_id for row in rows})
    shown = set(models[:SHOWN_MODELS])
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
        for row in rows
        if row.model_id in shown
    ]
    windows = sorted({row.n_windows for row in rows})
    which = f"the first {SHOWN_MODELS} of {len(models)} models by name; " if len(models) > SHOWN_MODELS else ""
    caption = (
        f"Perplexity over the dense model's, logarithmic; {which}n = {windows[0]} evaluation windows a point; bars: "
        "95 % interval of the pruned model's perplexity, the dense value taken as exact; dotted: exact floor of the "
        "language."
    )
    title = _damage_title(rows)
    return Picture("damage_curves", _damage_alt(rows), caption, points, partial(draw_damage, title=title))


def _damage_title(rows: list[DamageRow]) -> str:
    ratio = headline_ratio(rows)
    damage = median_damage(rows, ratio)
    least, most = next(iter(damage)), [*damage][-1]
    models = count_of(len({row.model_id for row in rows}), "model")
    return (
        f"At {percent(ratio)} removed, perplexity becomes {times(damage[least])} dense with {least} and "
        f"{times(damage[most])} with {most} (medians of {models})"
    )


def prunability_picture(rows: list[DamageRow]) -> Picture:
    """Return the heatmap of models by methods at the headline ratio."""
    ratio = headline_ratio(rows)
    models = sorted({row.model_id for row in rows})[: 3 * SHOWN_MODELS]
    shown = [row for row in rows if row.ratio == ratio and row.model_id in models]
    best = best_methods(shown)
    wins = [sum(method == row.method for *_, method in best) for row in shown]
    winner = shown[wins.index(max(wins))].method
    n_models = len({row.model_id for row in shown})
    title = f"At {percent(ratio)} removed, {winner} hurts least on {max(wins)} of {count_of(n_models, 'model')}"
    return Picture(
        "prunability",
        f"Heatmap of perplexity over dense, models by methods: {title}",
        f"n = {shown[0].n_windows} evaluation windows a cell; 1 = no damage. What is removed differs: {SCOPES}",
        shown,
        partial(draw_prunability, title=title),
    )


def leaderboard(rows: list[DamageRow]) -> Table:
    """Return perplexity with interval, and ratio to dense, for each model, method and ratio; the best is marked."""
    best = best_methods(rows)
    columns = (
        Column("Model"),
        Column("Removed", numeric=True),
        Column("Scope"),
        Column("Method"),
        Column("Perplexity [95 %]", numeric=True),
        Column("Over dense", numeric=True),
        Column("Parameters left", numeric=True),
        Column("Prunable weights gone or zero", numeric=True),
        Column("Latency over dense", numeric=True),
        Column("Best"),
    )
    ordered = sorted(rows, key=lambda row: (row.model_id, row.source, row.ratio, row.damage, row.method))
    cells = (
        (
            row.model_id,
            percent(row.ratio),
            row.scope,
            row.method,
            with_interval(row.perplexity, row.perplexity_low, row.perplexity_high),
            times(row.damage),
            share_of(row.parameters_left),
            share_of(row.removed_fraction),
            "not measured" if row.latency_left is None else f"{row.latency_left:.2f} x",
            Strong("best") if (row.source, row.model_id, row.ratio, row.method) in best else "",
        )
        for row in ordered
    )
    return Table(columns, tuple(cells))


def share_of(fraction: float | None) -> str:
    return "not measured" if fraction is None else f"{100 * fraction:.1f} %"


def _damage_alt(rows: list[DamageRow]) -> str:
    worst = max(rows, key=lambda row: (row.damage, row.model_id))
    return (
        "Line charts of perplexity over dense against the removed share, a panel a model and a line a method; the "
        f"greatest damage is {times(worst.damage)} ({worst.method}, {percent(worst.ratio)}, {worst.model_id})"
    )


def _damage(answers: Answers) -> tuple[Block, ...]:
    rows = answers[DAMAGE]
    return damage_picture(rows, answers[DENSE]), prunability_picture(rows), leaderboard(rows)


DAMAGE_SECTION = Section("damage", "Damage", "reports/prune", (DAMAGE, DENSE), _damage, MISSING)
