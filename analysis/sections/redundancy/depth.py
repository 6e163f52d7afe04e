"""Which layers change the residual stream least (angular distance; Gromov et al. 2024, arXiv 2403.17887)."""

from collections import defaultdict
from dataclasses import dataclass
from functools import partial

from analysis.document import Block, Code, Column, Picture, Table
from analysis.figures.pruning import draw_depth
from analysis.numbers import decimal
from analysis.section import QUERIES, Answers, Section
from analysis.sections.prune.damage import SHOWN_MODELS
from store import Query


@dataclass(frozen=True)
class DepthRow:
    """A row of `depth.sql`; distance in fractions of pi."""

    model_id: str
    first_layer: int
    n_layers: int
    distance: float
    unit: str


@dataclass(frozen=True)
class DepthCell:
    """A cell of the triangular heatmaps; `relative_distance` runs from 0 to 1 within a model's row of equal blocks."""

    model_id: str
    first_layer: int
    n_layers: int
    distance: float
    relative_distance: float


DEPTH: Query[DepthRow] = Query(QUERIES / "depth.sql", DepthRow)


def relative_cells(rows: list[DepthRow]) -> list[DepthCell]:
    """Return the rows with each distance scaled between the least and the greatest of its model and block size."""
    groups: dict[tuple[str, int], list[float]] = defaultdict(list)
    for row in rows:
        groups[row.model_id, row.n_layers].append(row.distance)
    cells = []
    for row in rows:
        values = groups[row.model_id, row.n_layers]
        width = max(values) - min(values)
        relative = (row.distance - min(values)) / width if width else 0.0
        cells.append(DepthCell(row.model_id, row.first_layer, row.n_layers, row.distance, relative))
    return cells


def best_blocks(rows: list[DepthRow]) -> list[DepthRow]:
    """Return, for each model and block size, the block with the least distance, the earliest of equals."""
    best: dict[tuple[str, int], DepthRow] = {}
    for row in sorted(rows, key=lambda row: (row.distance, row.first_layer)):
        best.setdefault((row.model_id, row.n_layers), row)
    return [best[key] for key in sorted(best)]


def _depth(answers: Answers) -> tuple[Block, ...]:
    rows = answers[DEPTH]
    models = sorted({row.model_id for row in rows})
    shown = [row for row in rows if row.model_id in models[:SHOWN_MODELS]]
    first = [row for row in best_blocks(shown) if row.n_layers == 1]
    title = (
        f"The layer that turns the state least: {', '.join(f'{row.first_layer} in {row.model_id}' for row in first)}"
    )
    caption = (
        "Number: angular distance of the last token between what enters and what leaves the block, fraction of pi. "
        "Colour: the same between the least (dark) and the greatest (light) of its row."
    )
    picture = Picture(
        "depth_distances",
        "Triangular heatmaps of angular distance, first layer of the block by its length, a panel a model",
        caption,
        relative_cells(shown),
        partial(draw_depth, title=title),
    )
    columns = (
        Column("Model"),
        Column("Layers in the block", numeric=True),
        Column("First to go", numeric=True),
        Column("Last to go", numeric=True),
        Column("Angular distance, fraction of pi", numeric=True),
    )
    cells = tuple(
        (
            row.model_id,
            str(row.n_layers),
            str(row.first_layer),
            str(row.first_layer + row.n_layers - 1),
            decimal(row.distance),
        )
        for row in best_blocks(rows)
    )
    return picture, Table(columns, cells)


DEPTH_SECTION = Section(
    "depth",
    "Redundancy of layers",
    "reports/redundancy",
    (DEPTH,),
    _depth,
    ("No angular distances yet: run", Code("python run_pipeline.py --prune --methods depth-angular")),
)
