"""Which layers change the residual stream least (angular distance; Gromov et al. 2024, arXiv 2403.17887)."""

from dataclasses import dataclass
from functools import partial

from analysis.capped import first_models
from analysis.document import Block, Code, Column, Picture, Table, paragraph
from analysis.figures.pruning import draw_depth
from analysis.grouped import grouped
from analysis.numbers import count_of, decimal
from analysis.section import QUERIES, Answers, Section
from store import Query


@dataclass(frozen=True)
class DepthRow:
    """A row of `depth.sql`; distance in fractions of pi."""

    source: str
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
    groups = grouped(rows, lambda row: (row.model_id, row.n_layers))
    cells = []
    for row in rows:
        values = [other.distance for other in groups[row.model_id, row.n_layers]]
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


def blocks_table(rows: list[DepthRow]) -> Table:
    """Return the block of each size that turns the state least, a row a model and size."""
    columns = (
        Column("Model"),
        Column("Layers in the block", numeric=True),
        Column("Best start", numeric=True),
        Column("Layers to go"),
        Column("Angular distance, fraction of pi", numeric=True),
    )
    return Table(columns, tuple(_block_cells(row) for row in best_blocks(rows)))


def _block_cells(row: DepthRow) -> tuple[str, ...]:
    last = row.first_layer + row.n_layers - 1
    which = str(last) if row.n_layers == 1 else f"{row.first_layer} to {last}"
    return row.model_id, str(row.n_layers), str(row.first_layer), which, decimal(row.distance)


def _depth(answers: Answers) -> tuple[Block, ...]:
    rows = answers[DEPTH]
    shown, which = first_models(rows)
    title = depth_title(rows)
    caption = (
        "Number: angular distance of the last token between what enters and what leaves the block, fraction of pi. "
        "Colour: from the least (dark) to the greatest (light) of its row."
    )
    alt = f"Triangular heatmaps of angular distance, first layer of the block by its length, a panel a model. {title}"
    picture = Picture("depth_distances", alt, caption, relative_cells(shown), partial(draw_depth, title=title))
    said = f"{which.capitalize()}others on their own pages. " if which else ""
    explained = paragraph(
        f"{said}For each size the contiguous block that turns the last token's state least, and so is the first "
        "candidate to go; the same distance is what depth-angular removes by. No interval: one mean over the windows."
    )
    return picture, explained, blocks_table(shown)


def depth_title(rows: list[DepthRow]) -> str:
    """Say in how many models the last layer turns the state least and the first one most."""
    single = grouped((row for row in rows if row.n_layers == 1), lambda row: (row.source, row.model_id))
    last = sum(_least(group) == max(row.first_layer for row in group) for group in single.values())
    first = sum(max(group, key=lambda row: row.distance).first_layer == 0 for group in single.values())
    count = count_of(len(single), "model")
    return f"The last layer turns the state least in {last} of {count}, the first layer most in {first}"


def depth_sentence(rows: list[DepthRow]) -> str:
    """Say which layer of one model turns the state least and which most."""
    single = [row for row in rows if row.n_layers == 1]
    if not single:
        return ""
    most = max(single, key=lambda row: row.distance).first_layer
    return f"Layer {_least(single)} turns the state least, layer {most} most."


def _least(group: list[DepthRow]) -> int:
    return min(group, key=lambda row: row.distance).first_layer


DEPTH_SECTION = Section(
    "depth",
    "Redundancy of layers",
    "reports/redundancy",
    (DEPTH,),
    _depth,
    ("No angular distances yet: run", Code("python run_pipeline.py --prune --analyses standard")),
)
