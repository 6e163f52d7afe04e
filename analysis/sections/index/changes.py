"""What changed since the last run, and how the store grew."""

from dataclasses import dataclass
from functools import partial

from analysis.cited import Cited, cites
from analysis.document import Block, Column, Inline, Link, Picture, Table, paragraph
from analysis.figures.index import draw_growth
from analysis.section import QUERIES, Answers, Section
from analysis.sections.extract.catalog import MISSING
from analysis.sections.index.words import joined, listed, method_link, model_link
from store import Query

LISTED_RUNS = 8


@dataclass(frozen=True)
class ChangeRow:
    """A row of `changes.sql`: `subjects` are models, families or methods; `sources` those of models, else empty."""

    kind: str
    run_id: str | None
    n_changes: int
    subjects: list[str]
    sources: list[str]


@dataclass(frozen=True)
class GrowthRow:
    """A row of `growth.sql`."""

    run_id: str
    n_models: int
    n_structures: int
    n_families: int | None
    n_experiments: int


CHANGES: Query[ChangeRow] = Query(QUERIES / "changes.sql", ChangeRow)
GROWTH: Query[GrowthRow] = Query(QUERIES / "growth.sql", GrowthRow)
_CITED_CHANGES = Cited("changes", ("kind",))
_CITED_GROWTH = Cited("growth", ("run_id",))
MEASURES = {
    "n_models": "models",
    "n_structures": "structures",
    "n_families": "families",
    "n_experiments": "experiments",
}


def _changes(answers: Answers) -> tuple[Block, ...]:
    rows = answers[CHANGES]
    known = [row for row in rows if row.run_id is not None]
    first = [row.kind for row in rows if row.run_id is None]
    if not known:
        return (paragraph("First run: there is none before it to compare with."),)
    nothing = [row.kind for row in known if not row.n_changes]
    changed = [row for row in known if row.n_changes]
    said: list[Inline] = [f"No {', no '.join(nothing)}."] if nothing else []
    said += [f"First run, nothing to compare with: {', '.join(first)}."] if first else []
    columns = (Column("What"), Column("How many", numeric=True), Column("The first by name"), Column("In run"))
    cells = tuple(
        (row.kind, _CITED_CHANGES.number(row, "n_changes", "many"), _firsts(row), row.run_id or "") for row in changed
    )
    table = (Table(columns, cells),) if changed else ()
    how = "Each line is about the newest run that changed it, against the one before; what found nothing new is no run."
    return paragraph(how, *said, cites(_CITED_CHANGES)), *table


def _firsts(row: ChangeRow) -> Inline:
    return listed(
        [_subject(row.kind, *pair) for pair in zip(row.subjects, row.sources, strict=True)],
        row.n_changes if "experiments" not in row.kind else len(row.subjects),
    )


def _subject(kind: str, subject: str, source: str) -> str | Link:
    if "experiments" in kind:
        return method_link(subject)
    return model_link(source, subject) if source else subject


def _growth(answers: Answers) -> tuple[Block, ...]:
    rows = answers[GROWTH]
    last = rows[-1]
    after = f"{len(rows)} runs" if len(rows) > 1 else "one run"
    if not has_grown(rows):
        counts = [
            part
            for name, noun in MEASURES.items()
            for part in (", ", _CITED_GROWTH.known(last, name, "many", "no"), f" {noun}")
        ]
        return (paragraph(joined("Nothing grew between runs yet: ", *counts[1:], "."), cites(_CITED_GROWTH)),)
    columns = (Column("Run"), *(Column(noun.capitalize(), numeric=True) for noun in MEASURES.values()))
    cells = tuple(
        (row.run_id, *(_CITED_GROWTH.known(row, name, "many", "none yet") for name in MEASURES))
        for row in rows[-LISTED_RUNS:]
    )
    caption = (
        "Models ever seen, distinct structures, families of the newest process run, finished experiments: what the "
        "store held after each run that brought something; counted, no interval. The table shows the newest runs."
    )
    title = f"After {after}: {', '.join(f'{getattr(last, name) or 0:,} {noun}' for name, noun in MEASURES.items())}"
    alt = "Lines of models, structures, families and experiments by run, a panel each"
    picture = Picture("growth", alt, caption, rows, partial(draw_growth, title=title))
    return picture, Table(columns, cells), paragraph(cites(_CITED_GROWTH))


def has_grown(rows: list[GrowthRow]) -> bool:
    """Say whether a later run changed a count that an earlier one gave: the stages of a first run do not."""
    return any(len({getattr(row, name) for row in rows} - {0, None}) > 1 for name in MEASURES)


CHANGES_SECTION = Section("changes", "What changed since the last run", "README", (CHANGES,), _changes, MISSING)
GROWTH_SECTION = Section("growth", "Growth over runs", "README", (GROWTH,), _growth, MISSING)
