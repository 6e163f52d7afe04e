"""What the plug-ins of the report are: sections of its pages, sets of pages, and files to go on with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from analysis.document import Block, Inline
from store import Query, Store

QUERIES = Path(__file__).parent / "queries"
ReportName = Literal[
    "README",
    "reports/extract",
    "reports/process",
    "reports/prune",
    "reports/redundancy",
    "reports/prediction",
    "reports/analyze",
]
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


@dataclass(frozen=True)
class SubjectPage:
    """A page about one subject, such as a model.

    `path` is relative to the report's root and has no ending: `reports/models/NAME` with a NAME of `paths.file_name`.
    `parts` are (heading, blocks).
    """

    path: str
    title: str
    parts: tuple[tuple[str, tuple[Block, ...]], ...]


@dataclass(frozen=True)
class PageSet:
    """A page a subject: `pages` turns the rows of the queries into pages, in the order of an index."""

    name: str
    title: str
    queries: tuple[Query[Any], ...]
    pages: Callable[[Answers], tuple[SubjectPage, ...]]


@dataclass(frozen=True)
class Export:
    """Files that other programs read: `files` returns bytes by path relative to the report's root."""

    name: str
    title: str
    queries: tuple[Query[Any], ...]
    files: Callable[[Answers], Mapping[str, bytes]]
