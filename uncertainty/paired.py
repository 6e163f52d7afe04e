"""The difference of two models' mean losses on the same windows, each drawn once or with several seeds.

Windows: paired percentile bootstrap (Efron and Tibshirani 1993, chapter 13). Seeds: two to five of them drawn with
replacement are too narrow by a factor of (n - 1) / n in the variance and have no tails (Hesterberg, The American
Statistician 69, 2015, section 4.3), so each resample moves the mean over seeds by Student's t instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from uncertainty.bootstrap import RESAMPLES, percentiles, times_drawn

if TYPE_CHECKING:
    import numpy

_SEEDS = (1, 2)  # of the moves of the first and of the second side


@dataclass(frozen=True)
class Difference:
    """Mean loss of the first side minus that of the second, nats per token, with its 95 % interval.

    `windows` are behind both sides, `first_draws` and `second_draws` the seeds of each; of one draw there is no chance
    of its seed in the interval.
    """

    value: float
    low: float
    high: float
    windows: int
    first_draws: int
    second_draws: int


def paired_difference(
    first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], tokens: Sequence[int]
) -> Difference:
    """Compare two sides on the same windows; a side is the summed losses of (seeds, windows), nats.

    A resample draws windows with replacement, the same for both sides and all seeds, and the mean over seeds of each
    side anew: two stages. `tokens` are the scored tokens of each window. The same numbers give the same interval.
    """
    import numpy

    counts = numpy.asarray(tokens, dtype=numpy.float64)
    sides = [numpy.asarray(side, dtype=numpy.float64) for side in (first, second)]
    drawn = times_drawn(len(counts))
    totals = drawn @ counts
    means = [(drawn @ side.mean(axis=0)) / totals for side in sides]
    moved = [mean + _moves(side, counts, seed) for mean, side, seed in zip(means, sides, _SEEDS, strict=True)]
    low, high = percentiles(moved[0] - moved[1])
    value = float((sides[0].mean(axis=0) - sides[1].mean(axis=0)).sum() / counts.sum())
    return Difference(value, low, high, len(counts), len(sides[0]), len(sides[1]))


def _moves(side: "numpy.ndarray", counts: "numpy.ndarray", seed: int) -> "numpy.ndarray | float":
    """Return (resamples): how far the mean over seeds moves; 0 for one draw."""
    draws = len(side)
    if draws == 1:
        return 0.0
    spread = (side.sum(axis=1) / counts.sum()).std(ddof=1)
    return _student(draws - 1, seed) * spread / draws**0.5


@lru_cache(maxsize=16)
def _student(freedom: int, seed: int) -> "numpy.ndarray":
    """Return (resamples) quantiles of Student's t in a random order: even probabilities, so that tails are exact."""
    import numpy
    from scipy.stats import t

    quantiles = t.ppf((numpy.arange(RESAMPLES) + 0.5) / RESAMPLES, freedom)
    return numpy.random.default_rng(seed).permutation(quantiles)
