"""Evaluation: observe a model once, then read metrics off the observation. Add a metric with one line in the list."""

from collections.abc import Mapping
from math import isfinite

from pipeline.registry import Registry
from pruning.errors import NotFiniteError
from pruning.evaluation.latency import LATENCY, LATENCY_RATIO
from pruning.evaluation.perplexity import EXCESS_LOSS, PERPLEXITY, PERPLEXITY_FLOOR
from pruning.evaluation.records import Measurement, Metric, Observation
from pruning.evaluation.size import BYTES, NONZEROS, PARAMETERS, REMOVED_FRACTION

METRICS = Registry(
    "metric",
    [
        PERPLEXITY,
        EXCESS_LOSS,
        PERPLEXITY_FLOOR,
        PARAMETERS,
        NONZEROS,
        BYTES,
        REMOVED_FRACTION,
        LATENCY,
        LATENCY_RATIO,
    ],
)


def measure(seen: Observation) -> dict[str, Measurement]:
    """Return every metric that applies, in listing order. Raises `NotFiniteError` when one is NaN or infinite."""
    found = {metric.name: metric.function(seen) for metric in METRICS}
    numbers = {name: measurement for name, measurement in found.items() if measurement is not None}
    _check_finite(numbers)
    return numbers


def _check_finite(numbers: Mapping[str, Measurement]) -> None:
    for name, number in numbers.items():
        for value in (number.value, number.ci_low, number.ci_high):
            if value is not None and not isfinite(value):
                raise NotFiniteError(f"{name}: expected a finite number, got {value}")


__all__ = ["METRICS", "Measurement", "Metric", "Observation", "measure"]
