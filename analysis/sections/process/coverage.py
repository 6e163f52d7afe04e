"""How much of the corpus the largest families, and a few representatives, stand for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from analysis.document import Block, Column, Picture, Table, paragraph
from analysis.figures.coverage import draw_family_coverage, draw_representative_coverage
from analysis.numbers import count_of, many, percent
from analysis.section import QUERIES, Answers, Section
from analysis.sections.process.families import MISSING
from store import Query

ALL = "all families"
WITH_WEIGHTS = "representative with weights"
LISTED = (1, 2, 5, 10, 20, 50, 100, 200)
# The distance that counts as covered where one number is told: similarity at least .85.
TOLD_DISTANCE = 0.15


@dataclass(frozen=True)
class FamilyCoverageRow:
    """A row of `family_coverage.sql`; shares are fractions in [0, 1] of all models with a family."""

    family_set: str
    k: int
    n_families: int
    family_id: str
    share_models: float
    share_downloads: float | None
    share_parameters: float | None


@dataclass(frozen=True)
class CoverageRow:
    """A row of `coverage.sql`."""

    k: int
    distance: float
    share_models: float
    share_downloads: float | None
    objective: str
    family_id: str
    source: str
    model_id: str
    reason: str


FAMILY_COVERAGE: Query[FamilyCoverageRow] = Query(QUERIES / "family_coverage.sql", FamilyCoverageRow)
COVERAGE: Query[CoverageRow] = Query(QUERIES / "coverage.sql", CoverageRow)


def _coverage(answers: Answers) -> tuple[Block, ...]:
    rows = answers[FAMILY_COVERAGE]
    return (*_by_size(rows), *_by_distance(answers[COVERAGE]))


def _by_size(rows: Sequence[FamilyCoverageRow]) -> tuple[Block, ...]:
    whole = [row for row in rows if row.family_set == ALL]
    half = next(row for row in whole if row.share_models >= 0.5 or row.k == row.n_families)
    reachable = [row.share_models for row in rows if row.family_set == WITH_WEIGHTS]
    title = (
        f"{count_of(half.k, 'family')} of {many(half.n_families)} hold {percent(half.share_models)} of the models; "
        f"those whose representative has weights hold {percent(max(reachable, default=0.0))}"
    )
    picture = Picture(
        "family_coverage",
        f"Curves of the share of models, downloads and parameters in the largest families: {title}",
        "Shares are of all models with a family; parameters are summed over models with a structure. A measure that "
        "the source does not give has no line.",
        rows,
        partial(draw_family_coverage, title=title),
    )
    columns = (
        Column("Families"),
        Column("k", numeric=True),
        Column("Models", numeric=True),
        Column("Downloads", numeric=True),
        Column("Parameters", numeric=True),
    )
    cells = tuple(
        (
            row.family_set,
            many(row.k),
            percent(row.share_models),
            _share(row.share_downloads),
            _share(row.share_parameters),
        )
        for row in rows
        if row.k in LISTED or row.k == row.n_families
    )
    return picture, Table(columns, cells)


def _by_distance(rows: Sequence[CoverageRow]) -> tuple[Block, ...]:
    if not rows:
        return (paragraph("No family has a structure to choose a representative from."),)
    told = [row for row in rows if row.distance == TOLD_DISTANCE] or rows
    last = told[-1]
    title = (
        f"{count_of(last.k, 'representative')} stand for {percent(last.share_models)} of the models at a similarity of "
        f"at least {1 - last.distance:.2f}"
    )
    picture = Picture(
        "representative_coverage",
        f"Curves of the share of models near the first representatives: {title}",
        f"Each next representative is the one that adds most ({last.objective}; half by models, half by downloads); at "
        f"most {last.k} are chosen. Shares are of models with a structure, a component or an adapter left out.",
        rows,
        partial(draw_representative_coverage, title=title),
    )
    columns = (Column("k", numeric=True), Column("Representative"), Column("Family"), Column("What it adds"))
    cells = tuple((many(row.k), row.model_id, row.family_id, row.reason) for row in told if row.k <= 20)
    return picture, paragraph(f"The first {len(cells)} choices:"), Table(columns, cells)


def _share(fraction: float | None) -> str:
    return "not stated" if fraction is None else percent(fraction)


COVERAGE_SECTION = Section(
    "coverage",
    "What the largest families and the representatives stand for",
    "reports/process",
    (FAMILY_COVERAGE, COVERAGE),
    _coverage,
    MISSING,
)
