"""Experiments that gave no numbers, and why."""

from dataclasses import dataclass

from analysis.document import Block, Column, Table
from analysis.numbers import many
from analysis.section import QUERIES, Answers, Section
from store import Query


@dataclass(frozen=True)
class UnfinishedRow:
    """A row of `unfinished.sql`."""

    method: str
    status: str
    reason: str
    n_experiments: int
    example: str
    example_detail: str | None


UNFINISHED: Query[UnfinishedRow] = Query(QUERIES / "unfinished.sql", UnfinishedRow)


def _unfinished(answers: Answers) -> tuple[Block, ...]:
    columns = (
        Column("Method"),
        Column("Outcome"),
        Column("Reason"),
        Column("Experiments", numeric=True),
        Column("For example"),
        Column("What it said"),
    )
    cells = tuple(
        (row.method, row.status, row.reason, many(row.n_experiments), row.example, row.example_detail or "")
        for row in answers[UNFINISHED]
    )
    return (Table(columns, cells),)


UNFINISHED_SECTION = Section(
    "unfinished",
    "Experiments without numbers",
    "reports/prune",
    (UNFINISHED,),
    _unfinished,
    ("None: every experiment that was started gave numbers.",),
)
