"""Which heads matter, which have a double, and which look at little (Michel et al. 2019, arXiv 1905.10650)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from analysis.capped import first_models
from analysis.document import Block, Code, Link, Picture, paragraph
from analysis.numbers import count_of, decimal, percent, range_of
from analysis.section import QUERIES, Answers, Section
from pictures.heatmaps import draw_layer_heatmaps
from store import Query

# Nearer than this two heads look at nearly the same places, 1 - cosine of their attention maps.
DOUBLE = 0.05
MISSING = (
    "No heads were compared yet: run",
    Code("python run_pipeline.py --prune --analyses standard"),
)


@dataclass(frozen=True)
class HeadRow:
    """A row of `heads.sql`; importance in units of the states, distance 1 - cosine, entropy in nats."""

    source: str
    model_id: str
    layer: int
    head: int
    importance: float | None
    nearest_distance: float | None
    entropy: float | None
    n_prompts: int | None


@dataclass(frozen=True)
class HeadCell:
    """A cell of the heatmaps, a layer by a head."""

    panel: str
    row: int
    column: int
    value: float


@dataclass(frozen=True)
class Measure:
    """A number of each head: `title` says what was found, from the values of the models shown."""

    name: str
    unit: str
    said: str
    value: Callable[[HeadRow], float | None]
    title: Callable[[list[HeadRow]], str]


HEADS: Query[HeadRow] = Query(QUERIES / "heads.sql", HeadRow)


def _importance_title(rows: list[HeadRow]) -> str:
    """Say how few heads hold half of the importance of their models."""
    models = sorted({(row.source, row.model_id) for row in rows})
    few = total = 0
    for key in models:
        values = sorted((row.importance or 0.0 for row in rows if (row.source, row.model_id) == key), reverse=True)
        total += len(values)
        few += _smallest_half(values)
    return f"Half of all head importance lies in {few} of {count_of(total, 'head')} ({percent(few / total)})"


def _smallest_half(values: list[float]) -> int:
    """Return how many of the greatest values make up half of their sum."""
    reached, half = 0.0, sum(values) / 2
    for number, value in enumerate(values, start=1):
        reached += value
        if reached >= half:
            return number
    return len(values)


def _distance_title(rows: list[HeadRow]) -> str:
    known = [row.nearest_distance for row in rows if row.nearest_distance is not None]
    doubles = sum(value < DOUBLE for value in known)
    share = percent(doubles / len(known))
    return f"{doubles} of {count_of(len(known), 'head')} ({share}) have a double in their layer (nearer than {DOUBLE})"


def _entropy_title(rows: list[HeadRow]) -> str:
    known = [row for row in rows if row.entropy is not None]
    least, most = min(known, key=_entropy), max(known, key=_entropy)
    return (
        f"Attention is from {decimal(_entropy(least))} to {decimal(_entropy(most))} nats wide: low looks at few places"
    )


def _entropy(row: HeadRow) -> float:
    return row.entropy or 0.0


MEASURES = (
    Measure("head_importance", "importance, units of the states", "Importance: norm of what a head adds to the state",
            lambda row: row.importance, _importance_title),
    Measure("head_distance", "distance to the nearest head, 1 - cosine", "Distance between attention maps of one layer",
            lambda row: row.nearest_distance, _distance_title),
    Measure("head_entropy", "entropy of the attention, nats", "Entropy of the attention, mean over places",
            lambda row: row.entropy, _entropy_title),
)  # fmt: skip


def _heads(answers: Answers) -> tuple[Block, ...]:
    rows = answers[HEADS]
    shown, which = first_models(rows)
    pictures = [
        _picture(measure, shown, which) for measure in MEASURES if any(measure.value(row) is not None for row in shown)
    ]
    explained = paragraph(
        "Cheap to lose is a head of little importance, or one with a near double. Low entropy alone says nothing about "
        "damage. The correlations:",
        Link("Prediction", "reports/prediction.md"),
    )
    return explained, *pictures


def _picture(measure: Measure, shown: list[HeadRow], which: str) -> Picture:
    rows = [row for row in shown if measure.value(row) is not None]
    cells = [
        HeadCell(row.model_id, row.layer, row.head, value) for row in rows if (value := measure.value(row)) is not None
    ]
    title = measure.title(rows)
    prompts = range_of([row.n_prompts for row in rows if row.n_prompts] or [0])
    caption = (
        f"{measure.said}; one scale of colours for all panels; {which}n = {prompts} calibration windows; no interval."
    )
    draw = partial(draw_layer_heatmaps, title=title, value_label=measure.unit, row_label="layer", column_label="head")
    return Picture(measure.name, f"Heatmaps of heads, layer by head, a panel a model. {title}", caption, cells, draw)


HEADS_SECTION = Section("heads", "Heads", "reports/redundancy", (HEADS,), _heads, MISSING)
