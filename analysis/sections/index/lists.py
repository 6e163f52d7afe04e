"""The largest families, the reasons of failures, and where to read on."""

from analysis.cited import NUMBERS_FILE, cites
from analysis.document import Block, Bullets, Code, Column, Inline, Link, Table, paragraph
from analysis.section import Answers, Section
from analysis.sections.extract.catalog import MISSING, OUTCOMES, SOURCES
from analysis.sections.index.words import CITED_FAMILIES, CITED_OUTCOMES, joined, model_link
from analysis.sections.process.families import FAMILIES, FAMILY_COLUMNS, FamilyRow
from analysis.sections.process.families import MISSING as NO_FAMILIES

TOP_FAMILIES = 10
TOP_REASONS = 8


def _families(answers: Answers) -> tuple[Block, ...]:
    rows = answers[FAMILIES]
    cells = tuple(_family_cells(row) for row in rows[:TOP_FAMILIES])
    which = "The largest families" if len(rows) > TOP_FAMILIES else "All families"
    more = joined(Link("all of processing", "reports/process.md"), ".")
    explained = paragraph(
        f"{which}; downloads: of the members, in the thirty days before they were listed. More:",
        more,
        cites(CITED_FAMILIES),
    )
    return explained, Table(FAMILY_COLUMNS, cells)


def _family_cells(row: FamilyRow) -> tuple[Inline, ...]:
    cited = CITED_FAMILIES
    known = row.representative is not None and row.representative_source is not None
    return (
        row.family_id,
        cited.number(row, "n_models", "many"),
        cited.number(row, "n_structures", "many"),
        cited.span(row, "fewest_layers", "most_layers", "short_count"),
        cited.span(row, "fewest_parameters", "most_parameters", "short_count"),
        cited.known(row, "downloads", "short_count", "not stated"),
        model_link(row.representative_source or "", row.representative or "") if known else "none",
        "yes" if row.has_weights else "no",
    )


def _failures(answers: Answers) -> tuple[Block, ...]:
    rows = [row for row in answers[OUTCOMES] if row.status != "extracted"]
    if not rows:
        return (paragraph("Every model gave a structure."),)
    columns = (
        Column("Reason"),
        Column("Outcome"),
        Column("Source"),
        Column("Models", numeric=True),
        Column("For example"),
    )
    cells = tuple(
        (
            row.reason,
            row.status,
            row.source,
            CITED_OUTCOMES.number(row, "n_models", "many"),
            model_link(row.source, row.example),
        )
        for row in rows[:TOP_REASONS]
    )
    which = "The most frequent reasons" if len(rows) > TOP_REASONS else "All reasons"
    said = joined("in ", Link("extraction", "reports/extract.md"), ".")
    explained = paragraph(
        f"Nothing disappears: every model without a structure has a reason. {which}; what each said stands",
        said,
        cites(CITED_OUTCOMES),
    )
    return explained, Table(columns, cells)


_FILES = (
    ("exports/leaderboard.csv", "every method and ratio as CSV"),
    ("exports/leaderboard.parquet", "the same as Parquet"),
    ("exports/leaderboard.json", "the same as JSON"),
    ("site/index.html", "tables to sort and filter, and pictures to hover over, in one page without network"),
    (NUMBERS_FILE, "every number of this page with its query, column and row"),
)
_PAGES = (
    ("Extraction", "reports/extract.md", "sources, outcomes, module kinds, sizes, statistics"),
    ("Processing", "reports/process.md", "families, differences within them, names and structures"),
    (
        "Pruning",
        "reports/prune.md",
        "sanity, damage, every method against the baselines, size and speed, generated text",
    ),
    ("Redundancy", "reports/redundancy.md", "ablation, replacement, distances, ranks: dense models"),
    ("Prediction", "reports/prediction.md", "which cheap signal would have told"),
    ("Analysis", "reports/analyze.md", "runs and versions behind the numbers, every picture and query"),
)


def _links(_: Answers) -> tuple[Block, ...]:
    pages = ((Link(title, path), words) for title, path, words in _PAGES)
    files = ((Link(path.rsplit("/", 1)[1], path), words) for path, words in _FILES)
    how = paragraph(
        "The names in brackets are queries: each is a file of",
        joined(Link("analysis", "reports/analyze.md"), ","),
        "and",
        Code("python -m analysis query NAME"),
        "prints its rows.",
    )
    return how, Bullets((*pages, *files))


INDEX_FAMILIES_SECTION = Section("index-families", "Families", "README", (FAMILIES,), _families, NO_FAMILIES)
FAILURES_SECTION = Section("failures", "What failed and why", "README", (OUTCOMES,), _failures, MISSING)
LINKS_SECTION = Section("links", "More", "README", (SOURCES,), _links, MISSING)
