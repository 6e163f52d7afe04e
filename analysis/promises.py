"""What the papers behind the methods promise of one another, and whether it held: an interval over seeds decides."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, inf, log, sqrt
from statistics import fmean, variance
from typing import Literal

from analysis.section import QUERIES
from store import Query

CONFIDENCE = 0.95
Verdict = Literal["kept", "kept on average", "broken on average", "broken", "kept in one draw", "broken in one draw"]


@dataclass(frozen=True)
class Promise:
    """That `better` costs less perplexity than `worse` at the same ratio; no more, where `equal` keeps it."""

    better: str
    worse: str
    equal: bool

    def __str__(self) -> str:
        return f"{self.better} {'≤' if self.equal else '<'} {self.worse}"


# arXiv 2306.11695 (Wanda), 2301.00774 (SparseGPT), 2312.11983 (FLAP), 2403.17887 (angular distance).
PROMISES = (
    Promise("magnitude", "random", equal=False),
    Promise("wanda", "magnitude", equal=True),
    Promise("sparsegpt", "wanda", equal=True),
    Promise("mlp-wanda", "mlp-random", equal=True),
    Promise("mlp-flap", "mlp-random", equal=True),
    Promise("depth-angular", "depth-random", equal=False),
)


@dataclass(frozen=True)
class SeedRow:
    """A row of `seeds.sql`."""

    source: str
    model_id: str
    method: str
    ratio: float
    seed: int
    perplexity: float


SEEDS: Query[SeedRow] = Query(QUERIES / "seeds.sql", SeedRow)


@dataclass(frozen=True)
class Outcome:
    """A promise on one model at one ratio: the ratio of geometric mean perplexities, and its interval over seeds.

    `low` and `high` are None when each side was drawn once.
    """

    promise: Promise
    model_id: str
    ratio: float
    n_better: int
    n_worse: int
    relative: float
    low: float | None
    high: float | None

    @property
    def kept(self) -> bool:
        """Return whether it held on average."""
        return self.relative < 1 or (self.promise.equal and self.relative == 1)

    @property
    def verdict(self) -> Verdict:
        """Return whether it held, and whether the interval is sure of it."""
        if self.low is None or self.high is None:
            return "kept in one draw" if self.kept else "broken in one draw"
        if self.kept:
            return "kept" if self.high < 1 or (self.promise.equal and self.high == 1) else "kept on average"
        return "broken" if self.low > 1 else "broken on average"


def outcomes(rows: Sequence[SeedRow]) -> list[Outcome]:
    """Return how each promise fared wherever both of its methods were measured: promise by promise, model by model."""
    drawn: dict[tuple[str, str, float], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        drawn[row.model_id, row.source, row.ratio][row.method].append(log(row.perplexity))
    return [
        _outcome(promise, model_id, ratio, methods[promise.better], methods[promise.worse])
        for promise, (model_id, _, ratio), methods in _wherever(drawn)
    ]


def _wherever(
    drawn: dict[tuple[str, str, float], dict[str, list[float]]],
) -> Iterator[tuple[Promise, tuple[str, str, float], dict[str, list[float]]]]:
    for promise in PROMISES:
        for place, methods in sorted(drawn.items()):
            if promise.better in methods and promise.worse in methods:
                yield promise, place, methods


def _outcome(promise: Promise, model_id: str, ratio: float, better: list[float], worse: list[float]) -> Outcome:
    difference, margin = welch(better, worse)
    bounds = (None, None) if margin is None else (exp(difference - margin), exp(difference + margin))
    return Outcome(promise, model_id, ratio, len(better), len(worse), exp(difference), *bounds)


def welch(first: Sequence[float], second: Sequence[float]) -> tuple[float, float | None]:
    """Return the difference of two means and the half width of its interval (Welch's t, unequal variances).

    What was drawn once is taken as exact, as a method without chance is; None when both sides were.
    """
    from scipy.stats import t

    difference = fmean(first) - fmean(second)
    spreads = [(variance(values) / len(values), len(values) - 1) for values in (first, second) if len(values) > 1]
    if not spreads:
        return difference, None
    total = sum(spread for spread, _ in spreads)
    shares = sum(spread**2 / freedom for spread, freedom in spreads)
    freedom = total**2 / shares if shares else inf
    return difference, float(t.ppf((1 + CONFIDENCE) / 2, freedom)) * sqrt(total)
