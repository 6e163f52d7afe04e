"""Uncertainty of a mean over windows (percentile bootstrap, Efron and Tibshirani 1993, chapter 13)."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

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
    return percentiles(means)


def percentiles(resampled: "numpy.ndarray") -> tuple[float, float]:
    """Return the ends of the 95 % interval of resampled values."""
    import numpy

    low, high = numpy.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


@lru_cache(maxsize=4)
def times_drawn(windows: int) -> "numpy.ndarray":
    """Return (resamples, windows): how many times each window is in each resample, the draws of `mean_interval`."""
    import numpy

    rows = numpy.arange(RESAMPLES)[:, None]
    drawn = numpy.zeros((RESAMPLES, windows))
    numpy.add.at(drawn, (rows, _draws(windows)), 1.0)
    drawn.setflags(write=False)
    return drawn


@lru_cache(maxsize=4)
def _draws(windows: int) -> "numpy.ndarray":
    import numpy

    draws = numpy.random.default_rng(_SEED).integers(windows, size=(RESAMPLES, windows))
    draws.setflags(write=False)
    return draws
