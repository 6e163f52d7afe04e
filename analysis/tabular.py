"""Numbers as CSV, and statistics as aligned text."""

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, fields
from typing import Any

from analysis.document import Statistics
from pipeline.text import printable, spreadsheet_safe


def csv_text(rows: Sequence[Any]) -> str:
    """Return flat dataclass rows of one type as CSV with a header; no rows give no text.

    Text that a spreadsheet would run is preceded by an apostrophe; None is an empty cell.
    """
    if not rows:
        return ""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(field.name for field in fields(rows[0]))
    writer.writerows([_cell(value) for value in astuple(row)] for row in rows)
    return buffer.getvalue()


def statistics_text(statistics: Statistics) -> str:
    """Return a table in aligned columns of plain text."""
    table = [statistics.columns, *(tuple(printable(cell, 120) for cell in row) for row in statistics.rows)]
    widths = [max(len(row[index]) for row in table) for index in range(len(statistics.columns))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table)
    return "\n".join([statistics.title, "", *lines]) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list | tuple):
        value = "; ".join(map(str, value))
    return spreadsheet_safe(value) if isinstance(value, str) else str(value)
