"""Perplexity and the loss above what the language itself costs (METHODS 6)."""

from dataclasses import replace
from math import exp, inf

from pruning.evaluation.bootstrap import mean_measurement
from pruning.evaluation.records import Measurement, Metric, Observation


def perplexity(seen: Observation) -> Measurement | None:
    """Return exp of the mean negative log-likelihood of a scored token, with its bootstrap interval over windows."""
    if not seen.window_losses:
        return None
    return exponential(mean_measurement(seen.window_losses, seen.window_tokens, "nats per token"))


def excess_loss(seen: Observation) -> Measurement | None:
    """Return the mean loss minus the entropy of the text's source; 0 is a perfect model of the language."""
    floor = seen.floor_nats_per_token
    if not seen.window_losses or floor is None:
        return None
    mean = mean_measurement(seen.window_losses, seen.window_tokens, "nats per token")
    if mean.ci_low is None or mean.ci_high is None:
        return replace(mean, value=mean.value - floor)
    return replace(mean, value=mean.value - floor, ci_low=mean.ci_low - floor, ci_high=mean.ci_high - floor)


def perplexity_floor(seen: Observation) -> Measurement | None:
    """Return the perplexity of a perfect model of the language on these windows."""
    if seen.floor_nats_per_token is None:
        return None
    return Measurement(_exp(seen.floor_nats_per_token), "1", max(1, len(seen.window_losses)))


def window(seen: Observation) -> Measurement | None:
    """Return the tokens of the longest window of the text."""
    return None if seen.window is None else Measurement(seen.window, "tokens")


def stride(seen: Observation) -> Measurement | None:
    """Return by how many tokens one window begins after the one before; the window where none overlap."""
    return None if seen.stride is None else Measurement(seen.stride, "tokens")


def pseudo_perplexity(seen: Observation) -> Measurement | None:
    """Return exp of the mean negative log-likelihood of a token that is masked while all others are seen."""
    if not seen.pseudo_losses:
        return None
    return exponential(mean_measurement(seen.pseudo_losses, seen.pseudo_tokens, "nats per token"))


def exponential(nats: Measurement) -> Measurement:
    """Return the perplexity of a mean loss, infinite where a float cannot hold it."""
    if nats.ci_low is None or nats.ci_high is None:
        return replace(nats, value=_exp(nats.value), unit="1")
    return Measurement(_exp(nats.value), "1", nats.n, _exp(nats.ci_low), _exp(nats.ci_high))


def _exp(nats: float) -> float:
    return inf if nats > 709 else exp(nats)  # NaN stays NaN


PERPLEXITY = Metric(
    "perplexity", "1", "lower", perplexity, "exp of the mean loss of a scored token; interval over windows", "METHODS 6"
)
EXCESS_LOSS = Metric(
    "excess_loss",
    "nats per token",
    "lower",
    excess_loss,
    "mean loss minus the exact entropy of the text's source; interval over windows",
    "the reference language",
)
PERPLEXITY_FLOOR = Metric(
    "perplexity_floor",
    "1",
    "neither",
    perplexity_floor,
    "perplexity of a perfect model of the language",
    "the reference language",
)
WINDOW = Metric("window", "tokens", "neither", window, "longest window of the text behind the numbers", "METHODS 6")
STRIDE = Metric(
    "stride",
    "tokens",
    "neither",
    stride,
    "how far apart windows begin; of a later window only the last `stride` tokens are scored; equal to the window "
    "where none overlap",
    "METHODS 6",
)
PSEUDO_PERPLEXITY = Metric(
    "pseudo_perplexity",
    "1",
    "lower",
    pseudo_perplexity,
    "exp of the mean loss of a token that alone is masked; masked language models; at most 1,024 positions, seeded; "
    "interval over windows",
    "Salazar et al. 2020, arXiv 1910.14659, section 2",
)
