"""How long a forward pass takes: processor time of one thread (on a GPU the clock), warm, never assumed."""

from statistics import median

from pruning.evaluation.records import Measurement, Metric, Observation


def latency(seen: Observation) -> Measurement:
    """Return the median time of a forward pass over one window, without a cache."""
    return Measurement(median(seen.seconds), "seconds", len(seen.seconds))


def latency_ratio(seen: Observation) -> Measurement | None:
    """Return the median of the ratios to the dense model, whose passes were timed in turn with these."""
    if not seen.dense_seconds:
        return None
    ratios = [mine / dense for mine, dense in zip(seen.seconds, seen.dense_seconds, strict=True)]
    return Measurement(median(ratios), "1", len(ratios))


LATENCY = Metric("latency", "seconds", "lower", latency)
LATENCY_RATIO = Metric("latency_ratio", "1", "lower", latency_ratio)
