"""Tables and pictures that stay small enough for GitHub to show; what is left out is said."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from analysis.document import Block, Inline, Table, paragraph
from analysis.numbers import many

MOST_ROWS = 400
# Panels of one picture: with a fourth row of them that of large models takes more than 150 kB.
SHOWN_MODELS = 9


class OfModel(Protocol):
    """A row about one model."""

    @property
    def model_id(self) -> str: ...


Row = TypeVar("Row", bound=OfModel)


def capped(table: Table, *rest: Inline, most: int = MOST_ROWS) -> tuple[Block, ...]:
    """Return the table's first rows and, where that leaves some out, a sentence that says so and where they stand."""
    if len(table.rows) <= most:
        return (table,)
    said = paragraph(f"The first {many(most)} of {many(len(table.rows))} rows.", *rest)
    return Table(table.columns, table.rows[:most]), said


def first_models(rows: Sequence[Row]) -> tuple[list[Row], str]:
    """Return the rows of the first models by name, and the words for a caption that say so: see `which_models`."""
    models = sorted({row.model_id for row in rows})
    shown = {*models[:SHOWN_MODELS]}
    return [row for row in rows if row.model_id in shown], which_models(models)


def which_models(models: Sequence[str]) -> str:
    """Return "the first 9 of 30 models by name; ", nothing when all of them are shown."""
    return f"the first {SHOWN_MODELS} of {len(models)} models by name; " if len(models) > SHOWN_MODELS else ""
