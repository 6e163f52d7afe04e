"""Losses by window, and paired differences between two results of one model."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp

from analysis.grouped import grouped
from analysis.section import QUERIES
from store import Query
from uncertainty import paired_difference

DENSE_METHOD = "dense"
# (source, model, method, ratio)
Place = tuple[str, str, str, float]


@dataclass(frozen=True)
class LossRow:
    """A row of `losses.sql`: summed nats and scored tokens of each window."""

    source: str
    model_id: str
    method: str
    ratio: float
    seed: int
    nats: list[float]
    tokens: list[int]


LOSSES: Query[LossRow] = Query(QUERIES / "losses.sql", LossRow)


@dataclass(frozen=True)
class Relative:
    """Perplexity over another's, the geometric mean over seeds, with its 95 % interval over windows and seeds."""

    value: float
    low: float
    high: float
    n_windows: int
    n_seeds: int
    n_other_seeds: int


class Losses:
    """The losses of all results, by place."""

    def __init__(self, rows: Iterable[LossRow]) -> None:
        self._rows = grouped(rows, lambda row: (row.source, row.model_id, row.method, row.ratio))

    def over_dense(self, place: Place) -> Relative | None:
        """Return the perplexity of a place over its dense model's; None as in `relative`."""
        return self.relative(place, (*place[:2], DENSE_METHOD, 0.0))

    def relative(self, place: Place, other: Place) -> Relative | None:
        """Return the perplexity of one place over another's; None when one has no losses or other windows."""
        mine, theirs = self._rows.get(place, []), self._rows.get(other, [])
        if not mine or not theirs or any(row.tokens != mine[0].tokens for row in (*mine, *theirs)):
            return None
        found = paired_difference([row.nats for row in mine], [row.nats for row in theirs], mine[0].tokens)
        return Relative(
            _times(found.value),
            _times(found.low),
            _times(found.high),
            found.windows,
            found.first_draws,
            found.second_draws,
        )


def _times(nats: float) -> float:
    """Return exp(nats) where a float holds it."""
    return exp(min(nats, 700.0))
