"""What pruning gains in time."""

from collections.abc import Sequence
from functools import partial

from analysis.comparison import DamageRow, headline_ratio, latency_by_scope
from analysis.document import Picture
from analysis.figures.pruning import draw_speed
from analysis.numbers import count_of, percent, range_of


def speed_picture(rows: list[DamageRow]) -> Picture:
    """Return latency against parameters, a point an experiment; both are measured in all rows."""
    ratio = headline_ratio(rows)
    title = f"Mean latency (parameters) over dense, {percent(ratio)} asked: {', '.join(latency_by_scope(rows, ratio))}"
    return Picture(
        "speed",
        "Scatter of latency against parameters left, a mark an experiment and a colour a scope",
        f"n = {count_of(len(rows), 'experiment')}. {how_timed(rows)}",
        rows,
        partial(draw_speed, title=title),
    )


def how_timed(rows: Sequence[DamageRow]) -> str:
    """Say how the latencies of the rows were measured."""
    repeats = range_of([row.n_latency for row in rows if row.n_latency] or [1])
    return f"Latency: median of {repeats} forward passes, one thread's processor time, each over dense in turn."
