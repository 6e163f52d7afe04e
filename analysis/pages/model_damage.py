"""What pruning does to one model: its numbers, its curves and what it can lose."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from analysis.comparison import DamageRow, Headroom, headline_ratio, headroom
from analysis.document import Column, Inline, Picture, Strong, Table
from analysis.figures.pruning import WORST_DAMAGE, draw_scopes
from analysis.leaderboard import LeaderboardRow
from analysis.numbers import percent, range_of, share_of, times, times_with_interval

BOUNDS = (1.1, 1.5)


@dataclass(frozen=True)
class CurvePoint:
    """A point of one model's curves, with its paired interval."""

    scope: str
    method: str
    ratio: float
    damage: float
    damage_low: float | None
    damage_high: float | None
    n_windows: int
    n_seeds: int


def curves(name: str, rows: Sequence[DamageRow]) -> Picture:
    """Return the damage curves of one model, a panel a scope; `name` is the picture's."""
    points = [
        CurvePoint(row.scope, row.method, row.ratio, row.damage, row.damage_low, row.damage_high, row.n_windows,
                   row.n_seeds)
        for row in rows
    ]  # fmt: skip
    title = f"{rows[0].model_id}: {_least(rows)}"
    caption = (
        f"Perplexity over dense, logarithmic, more than {WORST_DAMAGE:,.0f} x drawn at the edge, by the asked share of "
        f"the scope's own units; n = {range_of(row.n_windows for row in rows)} windows; bars: paired 95 % interval "
        "over windows, and over seeds where there are several."
    )
    alt = f"Line charts of perplexity over dense by asked share, a panel a scope and a line a method. {title}"
    return Picture(name, alt, caption, points, partial(draw_scopes, title=title))


def _least(rows: Sequence[DamageRow]) -> str:
    """Return "at 50 % asked least damage by head heads-random 1.02 x, weight sparsegpt 1.01 x"."""
    ratio = headline_ratio(rows)
    at = [row for row in rows if row.ratio == ratio]
    best = [min((row for row in at if row.scope == scope), key=_damage) for scope in sorted({row.scope for row in at})]
    return f"least damage at {percent(ratio)} asked: {', '.join(f'{row.method} {times(row.damage)}' for row in best)}"


def _damage(row: DamageRow) -> tuple[float, str]:
    return row.damage, row.method


def results_table(rows: Sequence[LeaderboardRow]) -> Table:
    """Return every result of one model beside its baselines."""
    columns = (
        Column("Scope"),
        Column("Asked share", numeric=True),
        Column("Method"),
        Column("Over dense [95 %]", numeric=True),
        Column("Random", numeric=True),
        Column("Verdict"),
        Column("Trivial", numeric=True),
        Column("Verdict"),
        Column("Budget", numeric=True),
        Column("Parameters left", numeric=True),
        Column("FLOPs", numeric=True),
        Column("Latency", numeric=True),
        Column("Seeds", numeric=True),
    )
    return Table(columns, tuple(_result_cells(row) for row in rows))


def _result_cells(row: LeaderboardRow) -> tuple[Inline, ...]:
    return (
        row.scope,
        percent(row.ratio),
        Strong(f"{row.method} (best)") if row.best_of_scope else row.method,
        times_with_interval(row.damage, row.damage_low, row.damage_high),
        _times(row.random_damage),
        row.random_verdict or "",
        _times(row.trivial_damage),
        row.trivial_verdict or "",
        share_of(row.budget),
        share_of(row.parameters_left),
        share_of(row.flops_left),
        share_of(row.latency_left),
        str(row.n_seeds),
    )


def _times(damage: float | None) -> str:
    return "" if damage is None else times(damage)


def headroom_table(rows: Sequence[DamageRow]) -> Table:
    """Return, for each scope, the greatest measured ratio within each bound and the method that reaches it."""
    columns = (
        Column("Scope"),
        *(
            column
            for bound in BOUNDS
            for column in (
                Column(f"Within {bound:g} x", numeric=True),
                Column("By"),
                Column("Over dense", numeric=True),
                Column("Parameters left", numeric=True),
            )
        ),
    )
    scopes = sorted({row.scope for row in rows})
    found = {
        (scope, bound): _greatest([row for row in rows if row.scope == scope], bound)
        for scope in scopes
        for bound in BOUNDS
    }
    cells = ((scope, *(cell for bound in BOUNDS for cell in _headroom_cells(found[scope, bound]))) for scope in scopes)
    return Table(columns, tuple(cells))


def _greatest(rows: Sequence[DamageRow], bound: float) -> Headroom | None:
    """Return the greatest ratio of any method within the bound, of equals that of least damage."""
    within = [item for item in headroom(rows, bound) if item.ratio is not None]
    return min(within, key=lambda item: (-(item.ratio or 0.0), item.damage or 0.0, item.method), default=None)


def _headroom_cells(item: Headroom | None) -> tuple[str, ...]:
    if item is None or item.ratio is None or item.damage is None:
        return "none of the ratios", "", "", ""
    return percent(item.ratio), item.method, times(item.damage), share_of(item.parameters_left)
