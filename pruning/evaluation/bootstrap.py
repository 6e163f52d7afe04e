"""Uncertainty of a mean over windows (percentile bootstrap, Efron and Tibshirani 1993, chapter 13)."""

from collections.abc import Sequence

RESAMPLES = 2000
LEVEL = 0.95
_SEED = 0


def mean_interval(sums: Sequence[float], counts: Sequence[int]) -> tuple[float, float]:
    """Return the 95 % interval of sum(sums) / sum(counts) when windows are drawn anew with replacement.

    The same windows give the same interval: the draws are seeded.
    """
    import numpy

    draws = numpy.random.default_rng(_SEED).integers(len(sums), size=(RESAMPLES, len(sums)))
    means = numpy.asarray(sums, dtype=numpy.float64)[draws].sum(axis=1) / numpy.asarray(counts)[draws].sum(axis=1)
    low, high = numpy.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
