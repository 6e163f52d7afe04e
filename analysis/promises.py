"""What the papers behind the methods promise of one another, and whether it held: an interval decides."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, inf, log, sqrt
from statistics import fmean, variance
from typing import Literal

from analysis.budgets import comparable
from analysis.losses import Losses, Place
from analysis.section import QUERIES
from store import Query
from uncertainty import LEVEL

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
    removed_fraction: float | None = None
    removed_share: float | None = None
    removed_as: str | None = None


SEEDS: Query[SeedRow] = Query(QUERIES / "seeds.sql", SeedRow)


@dataclass(frozen=True)
class Outcome:
    """A promise on one model at one ratio: the ratio of geometric mean perplexities, and its interval.

    The interval is over windows and seeds; without losses by window over seeds alone, and None when each side was drawn
    once.
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
        if self.low is None or self.high is None or (self.n_better, self.n_worse) == (1, 1):
            return "kept in one draw" if self.kept else "broken in one draw"
        if self.kept:
            return "kept" if self.high < 1 or (self.promise.equal and self.high == 1) else "kept on average"
        return "broken" if self.low > 1 else "broken on average"


Drawn = dict[tuple[str, str, float], dict[str, list[SeedRow]]]


def outcomes(rows: Sequence[SeedRow], losses: Losses | None = None) -> list[Outcome]:
    """Return how each promise fared wherever both methods removed as much: promise by promise, model by model."""
    drawn: Drawn = defaultdict(lambda: defaultdict(list))
    for row in rows:
        drawn[row.model_id, row.source, row.ratio][row.method].append(row)
    return [
        _outcome(promise, methods[promise.better], methods[promise.worse], losses)
        for promise, methods in _wherever(drawn)
    ]


def _wherever(drawn: Drawn) -> Iterator[tuple[Promise, dict[str, list[SeedRow]]]]:
    for promise in PROMISES:
        for _, methods in sorted(drawn.items()):
            better, worse = methods.get(promise.better, []), methods.get(promise.worse, [])
            if better and worse and all(comparable(one, other) for one in better for other in worse):
                yield promise, methods


def _outcome(promise: Promise, better: list[SeedRow], worse: list[SeedRow], losses: Losses | None) -> Outcome:
    place = better[0].model_id, better[0].ratio
    found = losses.relative(_place(better[0]), _place(worse[0])) if losses else None
    if found is not None:
        return Outcome(promise, *place, len(better), len(worse), found.value, found.low, found.high)
    difference, margin = welch([log(row.perplexity) for row in better], [log(row.perplexity) for row in worse])
    bounds = (None, None) if margin is None else (exp(difference - margin), exp(difference + margin))
    return Outcome(promise, *place, len(better), len(worse), exp(difference), *bounds)


def _place(row: SeedRow) -> Place:
    return row.source, row.model_id, row.method, row.ratio


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
    return difference, float(t.ppf((1 + LEVEL) / 2, freedom)) * sqrt(total)
