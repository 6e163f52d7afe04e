"""Numbers that say where they come from."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.document import Block, Inline, Joined, Link, Number, spans_of
from analysis.numbers import FORMS, count_of

# Where a query by name leads to: its row in the table of the analysis page.
TRACE_HEADING = "Queries of the index"
TRACE = "reports/analyze.md#queries-of-the-index"
NUMBERS_FILE = "csv_data/index_numbers.csv"


@dataclass(frozen=True)
class Cited:
    """A query or a derived relation by name, and the columns that tell its rows apart (none: it has one row)."""

    name: str
    key: tuple[str, ...] = ()

    def number(self, row: Any, column: str, form: str) -> Number:
        """Return a column of a row, written in a form of `numbers.FORMS`."""
        value = getattr(row, column)
        key = tuple((name, getattr(row, name)) for name in self.key)
        return Number(FORMS[form](value), value, form, self.name, column, key)

    def known(self, row: Any, column: str, form: str, otherwise: str) -> Number | str:
        """Return the number, or the words that stand for none."""
        return otherwise if getattr(row, column) is None else self.number(row, column, form)

    def counted(self, row: Any, column: str, noun: str) -> tuple[Number, str]:
        """Return "5" and " models"."""
        number = self.number(row, column, "many")
        return number, " " + count_of(int(number.value), noun).split(" ", 1)[1]

    def interval(self, row: Any, low: str, high: str, form: str) -> tuple[Number | str, ...]:
        """Return " [", the ends and "]", nothing without an interval."""
        if getattr(row, low) is None or getattr(row, high) is None:
            return ()
        return " [", self.number(row, low, form), ", ", self.number(row, high, form), "]"

    def span(self, row: Any, low: str, high: str, form: str) -> Joined | Number | str:
        """Return "12", or "12 to 48" where the two are written differently."""
        if getattr(row, low) is None or getattr(row, high) is None:
            return "not read"
        least, most = self.number(row, low, form), self.number(row, high, form)
        return least if least.text == most.text else Joined((least, " to ", most))


@dataclass(frozen=True)
class NumberRow:
    """A row of `csv_data/index_numbers.csv`: `key` is a JSON object of the columns that its row alone has."""

    text: str
    value: float
    form: str
    query: str
    column: str
    key: str


def cites(*relations: Cited) -> Joined:
    """Return the names of the queries behind a sentence or a table, as links: "(index_totals, sources)"."""
    links = [Link(relation.name, TRACE) for relation in relations]
    between = [part for link in links for part in (", ", link)][1:]
    return Joined(("(", *between, ")"))


def number_rows(blocks: Iterable[Block]) -> list[NumberRow]:
    """Return the numbers of blocks in the order in which they are read."""
    return [
        NumberRow(found.text, found.value, found.form, found.query, found.column, json.dumps(dict(found.key)))
        for block in blocks
        for found in _numbers(spans_of(block))
    ]


def cited_names(blocks: Iterable[Block]) -> set[str]:
    """Return the names of the queries that blocks cite."""
    parts = [part for block in blocks for part in _parts(spans_of(block))]
    return {part.text for part in parts if isinstance(part, Link) and part.target == TRACE}


def _numbers(spans: Sequence[Inline]) -> list[Number]:
    return [part for part in _parts(spans) if isinstance(part, Number)]


def _parts(spans: Sequence[Inline]) -> list[Inline]:
    return [part for span in spans for part in (span.parts if isinstance(span, Joined) else (span,))]
