"""Everything that a number of the report can be found in again, by name: its queries and derived relations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.exports import EXPORTS
from analysis.pages import PAGES
from analysis.relations import DERIVED
from analysis.section import Answers
from analysis.sections import SECTIONS
from pipeline.registry import Registry
from store import Query


@dataclass(frozen=True)
class Relation:
    """Rows by name: frozen dataclasses of one type."""

    name: str
    rows: Callable[[Answers], Sequence[Any]]


def relations() -> Registry[Relation]:
    """Return the queries of all plug-ins and the derived relations."""
    plug_ins = (*SECTIONS, *PAGES, *EXPORTS)
    queries = {query.path.stem: query for plug_in in plug_ins for query in plug_in.queries}
    found = [Relation(name, _asked(query)) for name, query in sorted(queries.items())]
    return Registry("query", (*found, *(Relation(derived.name, derived.rows) for derived in DERIVED)))


def _asked(query: Query[Any]) -> Callable[[Answers], Sequence[Any]]:
    return lambda answers: answers[query]
