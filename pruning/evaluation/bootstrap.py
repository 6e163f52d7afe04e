"""Uncertainty of a mean over windows (percentile bootstrap, Efron and Tibshirani 1993, chapter 13)."""

from collections.abc import Sequence
from functools import lru_cache
from math import fsum, isfinite
from typing import TYPE_CHECKING

from pruning.evaluation.records import Measurement

if TYPE_CHECKING:
    import numpy

RESAMPLES = 2000
LEVEL = 0.95
_SEED = 0


def mean_interval(sums: Sequence[float], counts: Sequence[int]) -> tuple[float, float]:
    """Return the 95 % interval of sum(sums) / sum(counts) when windows are drawn anew with replacement.

    The same windows give the same interval: the draws are seeded. Sums of differences of two models on the same windows
    give the paired interval, since a drawn window brings both.
    """
    import numpy

    draws = _draws(len(sums))
    means = numpy.asarray(sums, dtype=numpy.float64)[draws].sum(axis=1) / numpy.asarray(counts)[draws].sum(axis=1)
    low, high = numpy.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def mean_measurement(sums: Sequence[float], counts: Sequence[int], unit: str) -> Measurement:
    """Return sum(sums) / sum(counts) with its interval over windows; a mean that is no number has none."""
    if not all(map(isfinite, sums)):
        return Measurement(sum(sums), unit, len(sums))
    low, high = mean_interval(sums, counts)
    return Measurement(fsum(sums) / sum(counts), unit, len(sums), low, high)


@lru_cache(maxsize=4)
def _draws(windows: int) -> "numpy.ndarray":
    import numpy

    draws = numpy.random.default_rng(_SEED).integers(windows, size=(RESAMPLES, windows))
    draws.setflags(write=False)
    return draws
