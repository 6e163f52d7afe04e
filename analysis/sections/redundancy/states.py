"""How alike the states between layers are (linear CKA; Kornblith et al. 2019, arXiv 1905.00414)."""

from dataclasses import dataclass
from functools import partial

from analysis.capped import first_models
from analysis.document import Block, Code, Picture
from analysis.numbers import decimal, range_of
from analysis.section import QUERIES, Answers, Section
from pictures.heatmaps import draw_layer_heatmaps
from store import Query

MISSING = (
    "The states between layers were not compared yet: run",
    Code("python run_pipeline.py --prune --analyses standard"),
)


@dataclass(frozen=True)
class CkaRow:
    """A row of `cka.sql`; state 0 enters the first layer, state s enters layer s."""

    source: str
    model_id: str
    low_state: int
    high_state: int
    cka: float
    n_windows: int | None


@dataclass(frozen=True)
class CkaCell:
    """A cell of the symmetric heatmaps."""

    panel: str
    row: int
    column: int
    value: float


CKA: Query[CkaRow] = Query(QUERIES / "cka.sql", CkaRow)


def cka_cells(rows: list[CkaRow]) -> list[CkaCell]:
    """Return both halves of the matrices, each cell once."""
    places = {(row.model_id, row.low_state, row.high_state): row.cka for row in rows}
    places |= {(row.model_id, row.high_state, row.low_state): row.cka for row in rows}
    return [CkaCell(*place, value) for place, value in places.items()]


def _states(answers: Answers) -> tuple[Block, ...]:
    rows = answers[CKA]
    shown, which = first_models(rows)
    title = _title(shown)
    caption = (
        "Debiased linear CKA of the states before and after each layer (0 = unlike, 1 = the same up to rotation and "
        f"scale); state 0 enters the first layer; one scale for all panels; grey: itself; {which}"
        f"n = {range_of([row.n_windows for row in shown if row.n_windows] or [0])} windows; no interval."
    )
    draw = partial(draw_layer_heatmaps, title=title, value_label="CKA", row_label="state", column_label="state")
    return (Picture("cka", f"Symmetric heatmaps of CKA, a panel a model: {title}", caption, cka_cells(shown), draw),)


def _title(rows: list[CkaRow]) -> str:
    """Say between which neighbouring states the likeness is least and greatest, over the models shown."""
    neighbours = [row for row in rows if row.high_state == row.low_state + 1]
    if not neighbours:
        return "CKA of the states between layers"
    least, greatest = min(neighbours, key=lambda row: row.cka), max(neighbours, key=lambda row: row.cka)
    return (
        f"Across one layer the states stay alike from {_named(least)} to {_named(greatest)}: the more alike, the less "
        "the layer does"
    )


def _named(row: CkaRow) -> str:
    return f"{decimal(row.cka)} (layer {row.low_state} of {row.model_id})"


CKA_SECTION = Section("cka", "Likeness of states", "reports/redundancy", (CKA,), _states, MISSING)
