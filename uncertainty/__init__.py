"""Intervals of means over windows and seeds: values in, values out. Stage 3 and the report share it."""

from uncertainty.bootstrap import LEVEL, RESAMPLES, mean_interval
from uncertainty.paired import Difference, paired_difference

__all__ = ["LEVEL", "RESAMPLES", "Difference", "mean_interval", "paired_difference"]
