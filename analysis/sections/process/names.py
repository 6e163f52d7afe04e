"""Names against structures."""

from dataclasses import dataclass
from functools import partial

from analysis.document import Block, Column, Picture, Table, paragraph
from analysis.figures.families import draw_duplicates
from analysis.numbers import count_of, many, percent
from analysis.relations.constants import PUBLISHED_SHARE
from analysis.section import QUERIES, Answers, Section
from analysis.sections.process.families import MISSING
from store import Query

LISTED = 30


@dataclass(frozen=True)
class DuplicateRow:
    """A row of `duplicates.sql`."""

    rule: str
    position: int
    level: str
    n_names: int
    n_structures: int
    duplicate_share: float


@dataclass(frozen=True)
class SharedStructureRow:
    """A row of `similar_names.sql`."""

    family_hash: str
    n_names: int
    n_models: int
    base_names: list[str]


DUPLICATES: Query[DuplicateRow] = Query(QUERIES / "duplicates.sql", DuplicateRow)
SHARED: Query[SharedStructureRow] = Query(QUERIES / "similar_names.sql", SharedStructureRow)


def widest_level(rows: list[DuplicateRow]) -> DuplicateRow:
    """Return the row of the parsed names at the level that ignores width and depth."""
    return max((row for row in rows if row.rule == rows[0].rule), key=lambda row: row.position)


def _names(answers: Answers) -> tuple[Block, ...]:
    rows = answers[DUPLICATES]
    widest = widest_level(rows)
    title = f"{percent(widest.duplicate_share)} of {many(widest.n_names)} distinct names are structural duplicates"
    caption = (
        "One model a name, the smallest. A duplicate is a name beyond the first with the same structure: "
        "1 - structures / names. The earlier miner published "
        f"{percent(PUBLISHED_SHARE)} for 754 names of 7 Hub tasks, at sizes kept."
    )
    picture = Picture(
        "names_and_structures",
        f"Bars of the share of structural duplicates by level of equality and naming rule: {title}",
        caption,
        rows,
        partial(draw_duplicates, title=f"{title} (width and depth ignored)"),
    )
    shared = answers[SHARED]
    if not shared:
        return picture, paragraph("No two names share a plan.")
    columns = (Column("Names", numeric=True), Column("Models", numeric=True), Column("Names with one plan"))
    cells = tuple((many(row.n_names), many(row.n_models), _listed(row)) for row in shared[:LISTED])
    sentence = f"{count_of(len(shared), 'plan')} (any width and depth) go by more than one name; the most shared:"
    return picture, paragraph(sentence), Table(columns, cells)


def _listed(row: SharedStructureRow) -> str:
    return ", ".join(row.base_names) + (", …" if row.n_names > len(row.base_names) else "")


NAMES_SECTION = Section("names", "Names and structures", "reports/process", (DUPLICATES, SHARED), _names, MISSING)
