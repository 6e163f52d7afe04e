"""Experiments of one model or method that gave no numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.capped import capped
from analysis.document import Block, Column, Table, paragraph
from analysis.numbers import many, percent
from analysis.section import QUERIES
from store import Query

LISTED = 60


@dataclass(frozen=True)
class FailureRow:
    """A row of `failures.sql`."""

    source: str
    model_id: str
    method: str
    scope: str
    ratio: float
    n_experiments: int
    status: str
    reason: str
    detail: str


FAILURES: Query[FailureRow] = Query(QUERIES / "failures.sql", FailureRow)


def failures_table(rows: Sequence[FailureRow]) -> tuple[Block, ...]:
    """Return what gave no numbers and why, at most 60 of them."""
    if not rows:
        return (paragraph("None: every experiment that was started gave numbers."),)
    columns = (
        Column("Model"),
        Column("Method"),
        Column("Asked share", numeric=True),
        Column("Experiments", numeric=True),
        Column("Outcome"),
        Column("Reason"),
        Column("What it said"),
    )
    cells = tuple(
        (row.model_id, row.method, percent(row.ratio), many(row.n_experiments), row.status, row.reason, row.detail)
        for row in rows
    )
    return capped(Table(columns, cells), most=LISTED)
