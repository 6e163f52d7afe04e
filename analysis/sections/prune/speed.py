"""What pruning gains: bytes and time."""

from dataclasses import dataclass
from functools import partial

from analysis.comparison import DAMAGE, DamageRow, damage_rows, headline_ratio, latency_by_scope, pareto_front
from analysis.document import Block, Picture, paragraph
from analysis.figures.pruning import draw_pareto, draw_speed
from analysis.losses import LOSSES
from analysis.numbers import count_of, percent, range_of
from analysis.section import Answers, Section
from analysis.sections.prune.dense import MISSING


@dataclass(frozen=True)
class ParetoPoint:
    """A point of the Pareto pictures, all relative to the dense model."""

    model_id: str
    method: str
    ratio: float
    damage: float
    bytes_left: float
    latency_left: float
    on_bytes_front: bool
    on_latency_front: bool


def _pareto(answers: Answers) -> tuple[Block, ...]:
    rows = [row for row in answers.derive(damage_rows) if row.bytes_left is not None and row.latency_left is not None]
    if not rows:
        return (paragraph("Neither bytes nor latency were measured."),)
    points = _pareto_points(rows)
    small = sorted({point.method for point in points if point.on_bytes_front})
    fast = sorted({point.method for point in points if point.on_latency_front})
    title = f"Pareto fronts: for bytes {', '.join(small)}; for latency {', '.join(fast)}"
    caption = (
        f"n = {count_of(len(rows), 'experiment')} (model, method and ratio); larger marks: more removed; "
        f"{_how_timed(rows)} Zeros in a dense tensor are neither smaller nor faster."
    )
    speed_title = _speed_title(rows)
    return (
        Picture("pareto", f"Two scatters of damage against bytes and against latency: {title}", caption, points,
                partial(draw_pareto, title=title)),
        Picture("speed", f"Scatter of latency against parameters: {speed_title}",
                f"n = {count_of(len(rows), 'experiment')}; {_how_timed(rows)}", rows,
                partial(draw_speed, title=speed_title)),
    )  # fmt: skip


def _how_timed(rows: list[DamageRow]) -> str:
    repeats = range_of([row.n_latency for row in rows if row.n_latency] or [1])
    return (
        f"latency is the median over {repeats} forward passes of one thread's processor time, each divided by that of "
        "the dense model in turn."
    )


def _pareto_points(rows: list[DamageRow]) -> list[ParetoPoint]:
    bytes_front = pareto_front([(row.bytes_left or 0.0, row.damage) for row in rows])
    latency_front = pareto_front([(row.latency_left or 0.0, row.damage) for row in rows])
    return [
        ParetoPoint(
            row.model_id, row.method, row.ratio, row.damage, row.bytes_left or 0.0, row.latency_left or 0.0, small, fast
        )
        for row, small, fast in zip(rows, bytes_front, latency_front, strict=True)
    ]


def _speed_title(rows: list[DamageRow]) -> str:
    ratio = headline_ratio(rows)
    return f"Mean latency over dense, {percent(ratio)} asked: {', '.join(latency_by_scope(rows, ratio))}"


PARETO_SECTION = Section("pareto", "Size and speed", "reports/prune", (DAMAGE, LOSSES), _pareto, MISSING)
