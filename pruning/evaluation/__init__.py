"""Evaluation: observe a model once, then read metrics off the observation. Add a metric with one line in the list.

docs/METRICS.md is written from this list: `python -m tools.metrics`.
"""

from collections.abc import Mapping
from math import isfinite

from pipeline.registry import Registry
from pruning.errors import NotFiniteError
from pruning.evaluation.agreement import AGREEMENT
from pruning.evaluation.divergence import KL, LOSS_INCREASE, TOP1_AGREEMENT
from pruning.evaluation.energy import CO2_ESTIMATE, ENERGY_ESTIMATE
from pruning.evaluation.generated import GENERATED
from pruning.evaluation.latency import (
    DECODE_LATENCY,
    DECODE_LATENCY_RATIO,
    LATENCY,
    LATENCY_RATIO,
    TOKENS_PER_SECOND,
)
from pruning.evaluation.perplexity import (
    EXCESS_LOSS,
    PERPLEXITY,
    PERPLEXITY_FLOOR,
    PSEUDO_PERPLEXITY,
    STRIDE,
    WINDOW,
)
from pruning.evaluation.records import Measurement, Metric, Observation
from pruning.evaluation.size import BYTES, FLOPS, NONZEROS, PARAMETERS, PEAK_MEMORY, REMOVED_FRACTION

METRICS = Registry(
    "metric",
    [
        PERPLEXITY,
        EXCESS_LOSS,
        PERPLEXITY_FLOOR,
        WINDOW,
        STRIDE,
        LOSS_INCREASE,
        KL,
        TOP1_AGREEMENT,
        PSEUDO_PERPLEXITY,
        *AGREEMENT,
        PARAMETERS,
        NONZEROS,
        BYTES,
        REMOVED_FRACTION,
        PEAK_MEMORY,
        FLOPS,
        LATENCY,
        LATENCY_RATIO,
        DECODE_LATENCY,
        DECODE_LATENCY_RATIO,
        TOKENS_PER_SECOND,
        ENERGY_ESTIMATE,
        CO2_ESTIMATE,
        *GENERATED,
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
