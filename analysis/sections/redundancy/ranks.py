"""How much of their rank the weight matrices use (effective rank; Roy and Vetterli, EUSIPCO 2007)."""

from dataclasses import dataclass
from functools import partial
from statistics import mean

from analysis.capped import capped, first_models
from analysis.document import Block, Code, Column, Picture, Table, paragraph
from analysis.numbers import percent
from analysis.section import QUERIES, Answers, Section
from pictures.heatmaps import draw_layer_heatmaps
from store import Query

ROLES = ("query", "key", "value", "output", "gate", "up", "down")
MISSING = ("No ranks were measured yet: run", Code("python run_pipeline.py --prune --analyses standard"))


@dataclass(frozen=True)
class RankRow:
    """A row of `ranks.sql`; ranks as fractions of the full rank."""

    source: str
    model_id: str
    role: str
    n_matrices: int
    mean_rank: float
    least_rank: float
    greatest_rank: float


@dataclass(frozen=True)
class LayerRankRow:
    """A row of `layer_ranks.sql`; rank as a fraction of the full rank."""

    source: str
    model_id: str
    role: str
    layer: int
    rank: float
    n_matrices: int


@dataclass(frozen=True)
class RankCell:
    """A cell of the heatmaps, a projection by a layer."""

    panel: str
    row: str
    column: int
    value: float


LAYER_RANKS: Query[LayerRankRow] = Query(QUERIES / "layer_ranks.sql", LayerRankRow)
RANKS: Query[RankRow] = Query(QUERIES / "ranks.sql", RankRow)


def _ranks(answers: Answers) -> tuple[Block, ...]:
    rows = answers[RANKS]
    roles = sorted({row.role for row in rows})
    known = {(row.model_id, row.source, row.role): row for row in rows}
    columns = (Column("Model"), *(Column(role, numeric=True) for role in roles), Column("Matrices", numeric=True))
    cells = tuple(
        (
            model,
            *(_cell(known.get((model, source, role))) for role in roles),
            str(sum(row.n_matrices for row in rows if (row.model_id, row.source) == (model, source))),
        )
        for model, source in sorted({(row.model_id, row.source) for row in rows})
    )
    explained = paragraph(
        "Exponential of the entropy of the singular values over the smaller side of the matrix: 1 = all directions "
        "used alike. Mean over layers, in brackets the least and the greatest. Counted, not sampled: no interval."
    )
    return (*_pictures(answers[LAYER_RANKS]), explained, *capped(Table(columns, cells)))


def _pictures(rows: list[LayerRankRow]) -> tuple[Picture, ...]:
    if not rows:
        return ()
    shown, which = first_models(rows)
    cells = [RankCell(row.model_id, row.role, row.layer, row.rank) for row in sorted(shown, key=_in_order)]
    title = _title(shown)
    caption = (
        "Effective rank over the full rank (1 = all directions used alike), by projection and layer; one scale of "
        f"colours for all panels; {which}counted, not sampled: no interval."
    )
    draw = partial(
        draw_layer_heatmaps, title=title, value_label="effective rank / full rank", row_label="",
        column_label="layer",
    )  # fmt: skip
    return (Picture("ranks", f"Heatmaps, projection by layer, a panel a model. {title}", caption, cells, draw),)


def _in_order(row: LayerRankRow) -> tuple[str, int, str, int]:
    """Order the projections as a layer uses them, unknown ones last."""
    place = ROLES.index(row.role) if row.role in ROLES else len(ROLES)
    return row.model_id, place, row.role, row.layer


def _title(rows: list[LayerRankRow]) -> str:
    """Say which projection uses least of its rank, the mean over layers and models, and which uses most."""
    means = {role: mean(row.rank for row in rows if row.role == role) for role in sorted({row.role for row in rows})}
    least, most = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    if least == most:
        return f"{least} matrices use {percent(means[least])} of their rank (mean)"
    low, high = percent(means[least]), percent(means[most])
    return f"{least} matrices use the least of their rank ({low}), {most} matrices the most ({high})"


def _cell(row: RankRow | None) -> str:
    return "none" if row is None else f"{row.mean_rank:.2f} [{row.least_rank:.2f}, {row.greatest_rank:.2f}]"


RANKS_SECTION = Section("ranks", "Ranks of matrices", "reports/redundancy", (RANKS, LAYER_RANKS), _ranks, MISSING)
