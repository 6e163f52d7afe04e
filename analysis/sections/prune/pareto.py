"""What damage buys: perplexity over dense against every cost that was measured, with the Pareto front of methods."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from analysis.comparison import DAMAGE, DamageRow, damage_rows, pareto_front
from analysis.document import Block, Code, Column, Inline, Picture, Table, paragraph
from analysis.figures.pareto import draw_pareto
from analysis.losses import LOSSES
from analysis.numbers import percent, range_of, share_of, times, times_with_interval
from analysis.section import Answers, Section
from analysis.sections.prune.dense import MISSING
from analysis.sections.prune.speed import how_timed, speed_picture

# (name, column of `damage.sql`), in the order of the panels
COSTS = (
    ("parameters", "parameters_left"),
    ("bytes on disk", "bytes_left"),
    ("FLOPs", "flops_left"),
    ("latency", "latency_left"),
    ("energy estimate", "energy_estimate_left"),
)
_ZEROS = paragraph(
    "Zeros in a dense tensor are neither smaller nor faster: weight methods cost what the dense model costs, whatever "
    "they remove. The front holds what no other method, nor the dense model, betters in both damage and cost."
)
# A method that few of the models have is no rival of one that all have: other models, other damage.
LEAST_SHARE_OF_MODELS = 0.5
# (cost, damage) over dense
DENSE_POINT = (1.0, 1.0)
# The cost at which the title compares what damage is the least.
TITLE_COST = 0.75


@dataclass(frozen=True)
class ParetoPoint:
    """A method at an asked ratio: medians over models, relative to dense, and the least and greatest damage of a model.

    `front` numbers the points of the cost's Pareto front from the cheapest; None = another point is at most as great in
    both.
    """

    cost: str
    scope: str
    method: str
    ratio: float
    left: float
    damage: float
    damage_low: float
    damage_high: float
    n_models: int
    front: int | None


def pareto_points(rows: Sequence[DamageRow]) -> list[ParetoPoint]:
    """Return the points of each cost that any row has, the costs in the order of `COSTS`."""
    return [point for cost, column in COSTS for point in _points_of(cost, column, rows)]


def _points_of(cost: str, column: str, rows: Sequence[DamageRow]) -> list[ParetoPoint]:
    groups = defaultdict[tuple[str, str, float], list[tuple[float, float]]](list)
    for row in rows:
        left: float | None = getattr(row, column)
        if left is not None:
            groups[row.scope, row.method, row.ratio].append((left, row.damage))
    most = max(map(len, groups.values()), default=0)
    shown = {key: pairs for key, pairs in sorted(groups.items()) if len(pairs) >= LEAST_SHARE_OF_MODELS * most}
    medians = [(median(left for left, _ in pairs), median(damage for _, damage in pairs)) for pairs in shown.values()]
    numbers = _numbered(medians)
    return [
        ParetoPoint(
            cost, *key, *middle, min(damage for _, damage in pairs), max(damage for _, damage in pairs), len(pairs),
            numbers.get(index),
        )
        for index, ((key, pairs), middle) in enumerate(zip(shown.items(), medians, strict=True))
    ]  # fmt: skip


def _numbered(points: Sequence[tuple[float, float]]) -> dict[int, int]:
    """Return the place on the front, from 1 at the least cost, by the index of each point that is on it.

    The dense model is a point too, so nothing is on the front that costs as much and is damaged.
    """
    with_dense = pareto_front([*points, DENSE_POINT])
    front = [index for index, on_front in enumerate(with_dense[:-1]) if on_front]
    return {index: place for place, index in enumerate(sorted(front, key=lambda index: points[index]), start=1)}


def _pareto(answers: Answers) -> tuple[Block, ...]:
    rows = answers.derive(damage_rows)
    points = pareto_points(rows)
    missing = [cost for cost, _ in COSTS if all(point.cost != cost for point in points)]
    blocks: list[Block] = [_ZEROS, _picture(points, rows), _front_table(points)] if points else []
    if missing:
        blocks.append(paragraph(*_not_measured(missing)))
    timed = [row for row in rows if row.parameters_left is not None and row.latency_left is not None]
    return (*blocks, speed_picture(timed)) if timed else tuple(blocks)


def _not_measured(missing: Sequence[str]) -> tuple[Inline, ...]:
    text = f"Not measured: {', '.join(missing)}."
    if "energy estimate" not in missing:
        return (text,)
    return text, "Energy is estimated only when asked for, with", Code("--energy"), "and a country's code."


def _picture(points: list[ParetoPoint], rows: Sequence[DamageRow]) -> Picture:
    title = _title(points)
    caption = (
        f"Mark: a method at an asked share, median over {range_of(point.n_models for point in points)} models; bar: "
        f"least to greatest; numbers: the front, listed below. {how_timed(rows)}"
    )
    alt = f"Scatters of perplexity over dense against cost, a panel a cost, fronts drawn: {title}"
    return Picture("pareto", alt, caption, points, partial(draw_pareto, title=title))


def _title(points: list[ParetoPoint]) -> str:
    """Say, for each cost, which method does the least damage with at most three quarters of it left."""
    parts = []
    for cost in dict.fromkeys(point.cost for point in points):
        cheap = [point for point in points if point.cost == cost and point.left <= TITLE_COST]
        best = min(cheap, key=lambda point: (point.damage, point.method), default=None)
        parts.append(f"{cost} {best.method} {times(best.damage)}" if best else f"{cost} none")
    return f"Least damage with at most {percent(TITLE_COST)} of the cost left (medians): {', '.join(parts)}"


def _front_table(points: list[ParetoPoint]) -> Table:
    columns = (
        Column("Cost"),
        Column("No.", numeric=True),
        Column("Left of it", numeric=True),
        Column("Over dense [least, greatest model]", numeric=True),
        Column("Method"),
        Column("Scope"),
        Column("Asked share", numeric=True),
        Column("Models", numeric=True),
    )
    order = [cost for cost, _ in COSTS]
    front = sorted(
        (point for point in points if point.front is not None),
        key=lambda point: (order.index(point.cost), point.front),
    )
    cells = tuple(
        (
            point.cost,
            str(point.front),
            share_of(point.left),
            times_with_interval(point.damage, point.damage_low, point.damage_high),
            point.method,
            point.scope,
            percent(point.ratio),
            str(point.n_models),
        )
        for point in front
    )
    return Table(columns, cells)


PARETO_SECTION = Section("pareto", "Size and speed", "reports/prune", (DAMAGE, LOSSES), _pareto, MISSING)
