"""What a section of the report is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from analysis.document import Block, Inline
from store import Query, Store

QUERIES = Path(__file__).parent / "queries"
ReportName = Literal["README", "reports/extract", "reports/process", "reports/prune", "reports/analyze"]
Row = TypeVar("Row")


class Answers:
    """The rows of queries, each asked once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows: dict[Query[Any], list[Any]] = {}
        self._derived: dict[Callable[[Answers], Any], Any] = {}

    def __getitem__(self, query: Query[Row]) -> list[Row]:
        if query not in self._rows:
            self._rows[query] = self._store.fetch(query)
        return cast("list[Row]", self._rows[query])

    def derive(self, function: "Callable[[Answers], Row]") -> Row:
        """Return what a function makes of the rows, computed once."""
        if function not in self._derived:
            self._derived[function] = function(self)
        return cast("Row", self._derived[function])


@dataclass(frozen=True)
class Section:
    """A section: `render` turns the rows of its queries into blocks.

    It is rendered only when its first query has rows; else the report says `missing`.
    """

    name: str
    title: str
    report: ReportName
    queries: tuple[Query[Any], ...]
    render: Callable[[Answers], tuple[Block, ...]]
    missing: tuple[Inline, ...]
