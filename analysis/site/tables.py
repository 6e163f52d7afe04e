"""A table of the web page as a value, and as the JSON that the page's script reads."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.text import printable

# How a cell is written and sorted: what `site.js` knows.
Kind = Literal["text", "link", "count", "short", "share", "times", "decimal"]
MOST_ROWS = 25_000
LONGEST_TEXT = 300


@dataclass(frozen=True)
class Linked:
    """Text that leads to a file of the report; `target` is relative to the report's root, None = no such file."""

    text: str
    target: str | None


@dataclass(frozen=True)
class Interval:
    """A number with its interval, where there is one."""

    value: float | None
    low: float | None
    high: float | None


Cell = str | int | float | Linked | Interval | None


@dataclass(frozen=True)
class SiteColumn:
    """A column; `choice` offers its values for filtering, `note` explains it."""

    key: str
    title: str
    kind: Kind = "text"
    note: str = ""
    choice: bool = False


@dataclass(frozen=True)
class SiteTable:
    """A table, its rows in the order in which they are shown first.

    `numbers` is the file with the same numbers, relative to the report's root; without rows `missing` is said.
    """

    name: str
    title: str
    caption: str
    columns: tuple[SiteColumn, ...]
    rows: tuple[tuple[Cell, ...], ...]
    missing: str
    numbers: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what the page's script reads: at most `MOST_ROWS` rows, cells as plain values or short lists."""
        columns = [
            {"key": each.key, "title": each.title, "kind": each.kind, "note": each.note, "choice": each.choice}
            for each in self.columns
        ]
        rows = [[_plain(cell) for cell in row] for row in self.rows[:MOST_ROWS]]
        return {"name": self.name, "title": self.title, "columns": columns, "rows": rows, "total": len(self.rows)}


def site_rows(rows: Iterable[Sequence[Cell]]) -> tuple[tuple[Cell, ...], ...]:
    """Return rows of cells as a table holds them."""
    return tuple(tuple(row) for row in rows)


def _plain(cell: Cell) -> Any:
    """Return a cell as JSON: links as [text, target], intervals as [value, low, high], both short where they can be."""
    match cell:
        case str():
            return printable(cell, LONGEST_TEXT)
        case Linked(text, None):
            return printable(text, LONGEST_TEXT)
        case Linked(text, target):
            return [printable(text, LONGEST_TEXT), target]
        case Interval(value, low, high):
            return _rounded(value) if low is None or high is None else [_rounded(each) for each in (value, low, high)]
        case float():
            return _rounded(cell)
        case _:
            return cell


def _rounded(number: float | None) -> float | None:
    """Return a number with six significant digits, which no cell or chart shows all of; JSON has no NaN: None."""
    if number is None or number != number or number in (float("inf"), float("-inf")):
        return None
    return float(f"{number:.6g}")
