"""Tables that stay small enough for GitHub to show."""

from analysis.document import Block, Inline, Table, paragraph
from analysis.numbers import many

MOST_ROWS = 400


def capped(table: Table, *rest: Inline, most: int = MOST_ROWS) -> tuple[Block, ...]:
    """Return the table's first rows and, where that leaves some out, a sentence that says so and where they stand."""
    if len(table.rows) <= most:
        return (table,)
    said = paragraph(f"The first {many(most)} of {many(len(table.rows))} rows.", *rest)
    return Table(table.columns, table.rows[:most]), said
