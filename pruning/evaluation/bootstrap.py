"""A mean over windows as a measurement with its interval."""

from collections.abc import Sequence
from math import fsum, isfinite

from pruning.evaluation.records import Measurement
from uncertainty import RESAMPLES, mean_interval

__all__ = ["RESAMPLES", "mean_interval", "mean_measurement"]


def mean_measurement(sums: Sequence[float], counts: Sequence[int], unit: str) -> Measurement:
    """Return sum(sums) / sum(counts) with its interval over windows; a mean that is no number has none.

    A window without anything counted is left out: a resample of such windows alone has no mean. Nor does one window
    alone have an interval, since all of its resamples are the same.
    """
    if not all(map(isfinite, sums)):
        return Measurement(sum(sums), unit, len(sums))
    values = [value for value, count in zip(sums, counts, strict=True) if count]
    sizes = [count for count in counts if count]
    low, high = mean_interval(values, sizes) if len(sizes) > 1 else (None, None)
    return Measurement(fsum(values) / sum(sizes), unit, len(sizes), low, high)
