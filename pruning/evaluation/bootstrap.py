"""A mean over windows as a measurement with its interval."""

from collections.abc import Sequence
from math import fsum, isfinite

from pruning.evaluation.records import Measurement
from uncertainty import RESAMPLES, mean_interval

__all__ = ["RESAMPLES", "mean_interval", "mean_measurement"]


def mean_measurement(sums: Sequence[float], counts: Sequence[int], unit: str) -> Measurement:
    """Return sum(sums) / sum(counts) with its interval over windows; a mean that is no number has none."""
    if not all(map(isfinite, sums)):
        return Measurement(sum(sums), unit, len(sums))
    low, high = mean_interval(sums, counts)
    return Measurement(fsum(sums) / sum(counts), unit, len(sums), low, high)
