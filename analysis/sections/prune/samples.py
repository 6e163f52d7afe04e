"""What pruned models write."""

from dataclasses import dataclass

from analysis.document import Block, Column, Table
from analysis.numbers import percent
from analysis.section import QUERIES, Answers, Section
from store import Query

LISTED = 80


@dataclass(frozen=True)
class SampleRow:
    """A row of `samples.sql`."""

    model_id: str
    method: str
    ratio: float
    prompt: str
    text: str


SAMPLES: Query[SampleRow] = Query(QUERIES / "samples.sql", SampleRow)


def _samples(answers: Answers) -> tuple[Block, ...]:
    columns = (
        Column("Model"),
        Column("Method"),
        Column("Removed", numeric=True),
        Column("Prompt"),
        Column("Greedy continuation"),
    )
    cells = tuple(
        (row.model_id, row.method, percent(row.ratio), row.prompt, row.text) for row in answers[SAMPLES][:LISTED]
    )
    return (Table(columns, cells),)


SAMPLES_SECTION = Section(
    "samples", "Generated text", "reports/prune", (SAMPLES,), _samples, ("No text was generated yet.",)
)
