"""What a section says, as values: the writers (`markdown.py`, `tabular.py`, `figures/`) decide how it looks.

All text is plain text: nothing in it is markup, wherever it comes from. `Code` holds our own commands alone.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Strong:
    """Emphasised text."""

    text: str


@dataclass(frozen=True)
class Link:
    """A link to a file of the report; `target` is relative to the report's root."""

    text: str
    target: str


@dataclass(frozen=True)
class Code:
    """A command or an option to type, never text from outside: letters, digits and `. , / _ -` (else ValueError)."""

    text: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9 .,/_-]+", self.text):
            raise ValueError(f"no command of ours: {self.text!r}")


@dataclass(frozen=True)
class Number:
    """A number as shown, and where it is found again.

    `value` is unrounded; `form` is a name in `numbers.FORMS`; `query` a name of `python -m analysis query`, `column` a
    column of it, and `key` the values that its row alone has.
    """

    text: str
    value: float
    form: str
    query: str
    column: str
    key: tuple[tuple[str, str | int | float | None], ...]


@dataclass(frozen=True)
class Joined:
    """Spans written one after another with nothing between them; a cell or a piece of a sentence."""

    parts: tuple[str | Number | Link, ...]
    strong: bool = False

    @property
    def text(self) -> str:
        """Return the plain text."""
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)


Inline = str | Strong | Link | Code | Number | Joined


@dataclass(frozen=True)
class Paragraph:
    """A paragraph."""

    spans: tuple[Inline, ...]


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: tuple[tuple[Inline, ...], ...]


@dataclass(frozen=True)
class Subheading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    title: str
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """A table. Each row has one cell a column."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Inline, ...], ...]


@dataclass(frozen=True)
class Picture:
    """A picture and the numbers in it, which become `csv_data/<name>.csv` beside `images/<name>.png`.

    `rows` are flat dataclasses of one type; `draw` gets them as a data frame with a column a field. `alt` says what
    the picture shows to those who cannot see it; `caption` states units, n and interval.
    """

    name: str
    alt: str
    caption: str
    rows: Sequence[Any]
    draw: "Callable[[Any], Figure]"


@dataclass(frozen=True)
class Statistics:
    """Aligned plain text that becomes `statistics_txt/<name>.txt`, with a link to it in the report."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Paragraph | Bullets | Subheading | Table | Picture | Statistics


def spans_of(block: Block) -> tuple[Inline, ...]:
    """Return the spans of a block in the order in which they are read."""
    match block:
        case Paragraph(spans):
            return spans
        case Bullets(items):
            return tuple(span for item in items for span in item)
        case Table(_, rows):
            return tuple(cell for row in rows for cell in row)
        case _:
            return ()


def paragraph(*spans: Inline) -> Paragraph:
    """Return a paragraph of its spans."""
    return Paragraph(spans)
