"""Perplexity and the loss above what the language itself costs (METHODS 6)."""

from math import exp, fsum, inf, isfinite

from pruning.evaluation.bootstrap import mean_interval
from pruning.evaluation.records import Measurement, Metric, Observation


def perplexity(seen: Observation) -> Measurement | None:
    """Return exp of the mean negative log-likelihood of a token, with its bootstrap interval over windows."""
    if not seen.window_losses:
        return None
    mean, n = _mean_loss(seen), len(seen.window_losses)
    if not isfinite(mean):
        return Measurement(mean, "1", n)  # an interval around it would be no number either
    low, high = mean_interval(seen.window_losses, seen.window_tokens)
    return Measurement(_exp(mean), "1", n, _exp(low), _exp(high))


def excess_loss(seen: Observation) -> Measurement | None:
    """Return the mean loss minus the entropy of the text's source; 0 is a perfect model of the language."""
    floor = seen.floor_nats_per_token
    if not seen.window_losses or floor is None:
        return None
    mean, n = _mean_loss(seen), len(seen.window_losses)
    if not isfinite(mean):
        return Measurement(mean, "nats per token", n)
    low, high = mean_interval(seen.window_losses, seen.window_tokens)
    return Measurement(mean - floor, "nats per token", n, low - floor, high - floor)


def perplexity_floor(seen: Observation) -> Measurement | None:
    """Return the perplexity of a perfect model of the language on these windows."""
    if seen.floor_nats_per_token is None:
        return None
    return Measurement(_exp(seen.floor_nats_per_token), "1", max(1, len(seen.window_losses)))


def _mean_loss(seen: Observation) -> float:
    return fsum(seen.window_losses) / sum(seen.window_tokens)


def _exp(nats: float) -> float:
    """Return e to the power of `nats`, infinity where a float cannot hold it."""
    return exp(nats) if nats < 709 else inf


PERPLEXITY = Metric("perplexity", "1", "lower", perplexity)
EXCESS_LOSS = Metric("excess_loss", "nats per token", "lower", excess_loss)
PERPLEXITY_FLOOR = Metric("perplexity_floor", "1", "neither", perplexity_floor)
