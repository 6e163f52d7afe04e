"""How long a forward pass takes: measured, one thread, warm, never assumed."""

from statistics import median

from pruning.evaluation.records import Measurement, Metric, Observation


def latency(seen: Observation) -> Measurement:
    """Return the median time of a forward pass over one window, without a cache."""
    return Measurement(median(seen.seconds), "seconds", len(seen.seconds))


def latency_ratio(seen: Observation) -> Measurement | None:
    """Return the fastest pass over the fastest of the dense model, timed in turn: noise of the machine only adds."""
    if not seen.dense_seconds:
        return None
    return Measurement(min(seen.seconds) / min(seen.dense_seconds), "1", len(seen.seconds))


LATENCY = Metric("latency", "seconds", "lower", latency)
LATENCY_RATIO = Metric("latency_ratio", "1", "lower", latency_ratio)
