"""What was mined, and what became of it."""

from dataclasses import dataclass
from functools import partial

from analysis.document import Block, Code, Column, Picture, Table, paragraph
from analysis.figures.architecture import draw_outcomes
from analysis.numbers import count_of, many, percent
from analysis.section import QUERIES, Answers, Section
from store import Query

MISSING = ("Nothing was mined yet: run", Code("python run_pipeline.py --extract"))


@dataclass(frozen=True)
class SourceRow:
    """A row of `sources.sql`."""

    source: str
    n_models: int
    n_extracted: int
    n_skipped: int
    n_failed: int
    n_pending: int
    n_structures: int
    n_with_weights: int
    bytes_downloaded: int
    seconds: float
    n_revisions: int
    greatest_revision: str


@dataclass(frozen=True)
class OutcomeRow:
    """A row of `outcomes.sql`."""

    source: str
    status: str
    reason: str
    n_models: int
    example: str
    example_detail: str | None


SOURCES: Query[SourceRow] = Query(QUERIES / "sources.sql", SourceRow)
OUTCOMES: Query[OutcomeRow] = Query(QUERIES / "outcomes.sql", OutcomeRow)


def outcomes_picture(rows: list[OutcomeRow]) -> Picture:
    """Return the picture of outcomes by reason."""
    total = sum(row.n_models for row in rows)
    extracted = sum(row.n_models for row in rows if row.status == "extracted")
    title = f"{many(extracted)} of {count_of(total, 'model revision')} gave a structure ({percent(extracted / total)})"
    return Picture(
        "extraction_outcomes",
        f"Bar chart of outcomes by reason and source: {title}",
        f"n = {many(total)} model revisions; each is counted once, by its newest outcome.",
        rows,
        partial(draw_outcomes, title=title),
    )


def failures_table(rows: list[OutcomeRow]) -> Table:
    """Return the table of models that gave no structure, by reason."""
    columns = (
        Column("Reason"),
        Column("Outcome"),
        Column("Source"),
        Column("Models", numeric=True),
        Column("For example"),
        Column("What it said"),
    )
    cells = (
        (row.reason, row.status, row.source, many(row.n_models), row.example, _short(row.example_detail))
        for row in rows
        if row.status != "extracted"
    )
    return Table(columns, tuple(cells))


def _short(detail: str | None) -> str:
    text = " ".join((detail or "").split())
    return text if len(text) <= 140 else text[:139] + "…"


def _sources(answers: Answers) -> tuple[Block, ...]:
    columns = (
        Column("Source"),
        Column("Model revisions", numeric=True),
        Column("Extracted", numeric=True),
        Column("Skipped", numeric=True),
        Column("Failed", numeric=True),
        Column("Not tried", numeric=True),
        Column("Distinct structures", numeric=True),
        Column("With weights", numeric=True),
        Column("Downloaded, MB", numeric=True),
        Column("Work, seconds", numeric=True),
    )
    cells = (
        (
            row.source,
            many(row.n_models),
            many(row.n_extracted),
            many(row.n_skipped),
            many(row.n_failed),
            many(row.n_pending),
            many(row.n_structures),
            many(row.n_with_weights),
            f"{row.bytes_downloaded / 1e6:,.1f}",
            f"{row.seconds:,.0f}",
        )
        for row in answers[SOURCES]
    )
    return (Table(columns, tuple(cells)),)


def _outcomes(answers: Answers) -> tuple[Block, ...]:
    rows = answers[OUTCOMES]
    failures = failures_table(rows)
    if not failures.rows:
        return outcomes_picture(rows), paragraph("Every model gave a structure.")
    return outcomes_picture(rows), failures


SOURCES_SECTION = Section("sources", "Sources", "reports/extract", (SOURCES,), _sources, MISSING)
OUTCOMES_SECTION = Section("outcomes", "Outcomes", "reports/extract", (OUTCOMES,), _outcomes, MISSING)
