"""What a derived relation is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.section import Answers
from store import Query


@dataclass(frozen=True)
class Derived:
    """A relation by name: `rows` makes frozen dataclasses of one type of the rows of `queries`, in a fixed order."""

    name: str
    title: str
    queries: tuple[Query[Any], ...]
    rows: Callable[[Answers], Sequence[Any]]
