"""Where two pieces of evidence about a model disagree."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from analysis.document import Block, Column, Subheading, Table, paragraph
from analysis.numbers import count_of, many
from analysis.section import QUERIES, Answers, Section
from analysis.sections.process.families import FAMILIES, MISSING
from store import Query

_TITLES = {
    "name_structure": "Name and structure place a model in different families",
    "child_shape": "A declared child has another shape than its parent",
    "other_traits": "The same layout computes something else",
}


@dataclass(frozen=True)
class ContradictionRow:
    """A row of `contradictions.sql`."""

    kind: str
    source: str
    model_id: str
    other_model_id: str | None
    said: str
    found: str
    similarity: float | None
    n_of_kind: int


CONTRADICTIONS: Query[ContradictionRow] = Query(QUERIES / "contradictions.sql", ContradictionRow)


def _contradictions(answers: Answers) -> tuple[Block, ...]:
    rows = answers[CONTRADICTIONS]
    if not rows:
        return (paragraph("No name, declared parent or trait contradicts the structure of a model."),)
    by_kind = [[*group] for _, group in groupby(rows, key=lambda row: row.kind)]
    total = sum(group[0].n_of_kind for group in by_kind)
    sentence = (
        f"{count_of(total, 'finding')}. A name, a declared parent and a structure are three pieces of evidence; where "
        "two of them disagree, the structure is what the model computes with."
    )
    return (paragraph(sentence), *(block for group in by_kind for block in _kind(group)))


def _kind(rows: Sequence[ContradictionRow]) -> Iterable[Block]:
    first = rows[0]
    count = count_of(first.n_of_kind, "model")
    yield Subheading(_TITLES.get(first.kind, first.kind))
    yield paragraph(f"{count}." if first.n_of_kind == len(rows) else f"The first {many(len(rows))} of {count}.")
    columns = (
        Column("Model"),
        Column("Compared with"),
        Column("The one says"),
        Column("The other says"),
        Column("Similarity", numeric=True),
    )
    yield Table(columns, tuple(_cells(row) for row in rows))


def _cells(row: ContradictionRow) -> tuple[str, ...]:
    similarity = "not compared" if row.similarity is None else f"{row.similarity:.3f}"
    return row.model_id, row.other_model_id or "none", row.said, row.found, similarity


CONTRADICTIONS_SECTION = Section(
    "contradictions",
    "Contradictions",
    "reports/process",
    (FAMILIES, CONTRADICTIONS),
    _contradictions,
    MISSING,
)
