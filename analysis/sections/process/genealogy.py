"""Where families come from: when they appeared, what they say they were made from, which are built alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from analysis.document import Block, Code, Column, Paragraph, Picture, Subheading, Table, paragraph
from analysis.figures.genealogy import SHOWN_FAMILIES, draw_timeline
from analysis.numbers import count_of, many, percent
from analysis.section import QUERIES, Answers, Section
from analysis.sections.process.families import FAMILIES, MISSING
from store import Query

LISTED = 60
# The Hub gives this day to everything that is older (huggingface_hub, ModelInfo.created_at).
HUB_DATES_BEGIN = datetime(2022, 3, 3)


@dataclass(frozen=True)
class FamilyDateRow:
    """A row of `family_dates.sql`; dates are UTC."""

    family_id: str
    n_models: int
    n_dated: int
    first_created: datetime
    last_created: datetime
    first_model: str


@dataclass(frozen=True)
class LineageRow:
    """A row of `lineage.sql`."""

    relation: str
    child_family: str
    parent_family: str | None
    n_models: int
    example: str
    example_parent: str


@dataclass(frozen=True)
class KinshipRow:
    """A row of `kinship.sql`."""

    family_a: str
    family_b: str
    similarity: float
    only_a: list[str]
    only_b: list[str]
    n_pairs: int


DATES: Query[FamilyDateRow] = Query(QUERIES / "family_dates.sql", FamilyDateRow)
LINEAGE: Query[LineageRow] = Query(QUERIES / "lineage.sql", LineageRow)
KINSHIP: Query[KinshipRow] = Query(QUERIES / "kinship.sql", KinshipRow)


def _genealogy(answers: Answers) -> tuple[Block, ...]:
    return (
        Subheading("When families appeared"),
        *_dates(answers[DATES], len(answers[FAMILIES])),
        Subheading("What models say they were made from"),
        *_lineage(answers[LINEAGE]),
        Subheading("Families that are built alike"),
        *_kinship(answers[KINSHIP]),
    )


def _dates(rows: Sequence[FamilyDateRow], n_families: int) -> tuple[Block, ...]:
    if not rows:
        return (
            paragraph(
                "No source gave a date of creation for any model, so nothing is said of when families appeared. The "
                "built-in catalogue has no dates; a listing of the Hub has them:",
                Code("python run_pipeline.py --source hub"),
            ),
        )
    first, middle = rows[0], rows[(len(rows) - 1) // 2]
    title = (
        f"{count_of(len(rows), 'family')} appeared from {first.first_created:%Y-%m} ({first.family_id}) to "
        f"{rows[-1].first_created:%Y-%m}, half of them by {middle.first_created:%Y-%m}"
    )
    return (
        Picture(
            "family_timeline",
            f"Steps of families by their first date, and bars from first to newest model: {title}",
            f"n = {count_of(sum(row.n_dated for row in rows), 'model')} with a date in {many(len(rows))} of "
            f"{count_of(n_families, 'family')}; a family appears with its first model that was mined. Bars: the up to "
            f"{SHOWN_FAMILIES} families with most models.{_floor(rows)}",
            rows,
            partial(draw_timeline, title=title),
        ),
    )


def _floor(rows: Sequence[FamilyDateRow]) -> str:
    """Say that the oldest dates are no real ones, where there are such."""
    oldest = sum(row.first_created < HUB_DATES_BEGIN for row in rows)
    if not oldest:
        return ""
    here = count_of(oldest, "family")
    return f" The Hub stores dates since 2 March 2022 and gives that day to older models: {here} here."


def _lineage(rows: Sequence[LineageRow]) -> tuple[Block, ...]:
    if not rows:
        return (paragraph("No model declares a base model: the sources mined so far list no such relation."),)
    models = sum(row.n_models for row in rows)
    known = [row for row in rows if row.parent_family is not None]
    within = sum(row.n_models for row in known if row.parent_family == row.child_family)
    placed = sum(row.n_models for row in known)
    columns = (
        Column("Family"),
        Column("Relation"),
        Column("Made from a model of"),
        Column("Models", numeric=True),
        Column("For example"),
    )
    cells = tuple(
        (
            row.child_family,
            row.relation,
            row.parent_family or "a model that was not mined",
            many(row.n_models),
            f"{row.example} from {row.example_parent}",
        )
        for row in rows[:LISTED]
    )
    share = f", {percent(within / placed)} of these in the same family" if placed else ""
    sentence = (
        f"{count_of(models, 'model')} declare a base model; of {many(placed)} the base model was mined, too{share}."
    )
    return paragraph(sentence), _capped(len(rows), "relation"), Table(columns, cells)


def _kinship(rows: Sequence[KinshipRow]) -> tuple[Block, ...]:
    if not rows:
        return (paragraph("No two families have structures that are similar enough to have been compared in full."),)
    columns = (
        Column("Family"),
        Column("Other family"),
        Column("Similarity", numeric=True),
        Column("Only the first has"),
        Column("Only the second has"),
    )
    cells = tuple(
        (row.family_a, row.family_b, f"{row.similarity:.3f}", _tokens(row.only_a), _tokens(row.only_b))
        for row in rows[:LISTED]
    )
    first = rows[0]
    sentence = (
        f"{count_of(first.n_pairs, 'pair')} of families share a verified pair of similar structures and are not one "
        f"family, because not all of their plans are similar. Most alike: {first.family_a} and {first.family_b} "
        f"(weighted Jaccard similarity {first.similarity:.3f})."
    )
    return paragraph(sentence), _capped(first.n_pairs, "pair"), Table(columns, cells)


def _tokens(tokens: Sequence[str]) -> str:
    """Return a few of the tokens of the module tree that one side has alone."""
    return "; ".join(tokens) or "nothing recorded"


def _capped(number: int, noun: str) -> Paragraph:
    if number <= LISTED:
        return paragraph("All of them:")
    return paragraph(f"The first {LISTED} of {count_of(number, noun)}:")


GENEALOGY_SECTION = Section(
    "genealogy",
    "Genealogy of the families",
    "reports/process",
    (FAMILIES, DATES, LINEAGE, KINSHIP),
    _genealogy,
    MISSING,
)
