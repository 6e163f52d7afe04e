"""How long a model takes: processor time of one thread (on a GPU the clock), warm, never assumed."""

from collections.abc import Sequence
from statistics import median

from pruning.evaluation.records import Measurement, Metric, Observation


def latency(seen: Observation) -> Measurement:
    """Return the median time of a forward pass over one window, without a cache."""
    return Measurement(median(seen.seconds), "seconds", len(seen.seconds))


def latency_ratio(seen: Observation) -> Measurement | None:
    """Return the median of the ratios to the dense model, whose passes were timed in turn with these."""
    return _ratio(seen.seconds, seen.dense_seconds)


def decode_latency(seen: Observation) -> Measurement | None:
    """Return the median time of one more token, the tokens before it cached."""
    if not seen.decode_seconds:
        return None
    return Measurement(median(seen.decode_seconds), "seconds per token", len(seen.decode_seconds))


def decode_latency_ratio(seen: Observation) -> Measurement | None:
    """Return the median of the ratios of one token's time to the dense model's, timed in turn."""
    return _ratio(seen.decode_seconds, seen.dense_decode_seconds)


def tokens_per_second(seen: Observation) -> Measurement | None:
    """Return how many tokens one sequence grows by in a second, at the median time of a token."""
    if not seen.decode_seconds:
        return None
    return Measurement(1 / median(seen.decode_seconds), "tokens per second", len(seen.decode_seconds))


def _ratio(mine: Sequence[float], dense: Sequence[float]) -> Measurement | None:
    if not dense:
        return None
    ratios = [one / other for one, other in zip(mine, dense, strict=True)]
    return Measurement(median(ratios), "1", len(ratios))


_SOURCE = "METHODS 6"
LATENCY = Metric(
    "latency",
    "seconds",
    "lower",
    latency,
    "prefill: median forward pass over the longest window, no cache, warm, one thread",
    _SOURCE,
)
LATENCY_RATIO = Metric(
    "latency_ratio", "1", "lower", latency_ratio, "median ratio to the dense model's pass, timed in turn", _SOURCE
)
DECODE_LATENCY = Metric(
    "decode_latency",
    "seconds per token",
    "lower",
    decode_latency,
    "median step of one token with its key-value cache, batch of one; decoders that keep a cache",
    _SOURCE,
)
DECODE_LATENCY_RATIO = Metric(
    "decode_latency_ratio",
    "1",
    "lower",
    decode_latency_ratio,
    "median ratio to the dense model's step, timed in turn",
    _SOURCE,
)
TOKENS_PER_SECOND = Metric(
    "tokens_per_second",
    "tokens per second",
    "higher",
    tokens_per_second,
    "one over the median decoding step",
    _SOURCE,
)
