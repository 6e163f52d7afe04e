"""What a pruned model lost against its dense model, on the same windows (METHODS 6): the most sensitive measures."""

from pruning.evaluation.bootstrap import mean_measurement
from pruning.evaluation.records import Measurement, Metric, Observation

_NATS = "nats per token"


def loss_increase(seen: Observation) -> Measurement | None:
    """Return the mean loss minus the dense model's, with the interval of the paired differences."""
    if not seen.dense_losses:
        return None
    differences = [mine - dense for mine, dense in zip(seen.window_losses, seen.dense_losses, strict=True)]
    return mean_measurement(differences, seen.window_tokens, _NATS)


def kl(seen: Observation) -> Measurement | None:
    """Return the mean KL divergence of the next-token distribution from the dense model's: KL(dense || model)."""
    return mean_measurement(seen.kl, seen.window_tokens, _NATS) if seen.kl else None


def top1_agreement(seen: Observation) -> Measurement | None:
    """Return the share of tokens after which both models find the same token most likely."""
    return mean_measurement(seen.agreements, seen.window_tokens, "1") if seen.agreements else None


LOSS_INCREASE = Metric(
    "loss_increase",
    _NATS,
    "lower",
    loss_increase,
    "mean loss minus the dense model's; interval of the paired differences over windows",
    "Efron and Tibshirani 1993, chapter 13",
)
KL = Metric(
    "kl",
    _NATS,
    "lower",
    kl,
    "mean KL divergence of next-token distributions from the dense model's; interval over windows",
    "METHODS 6",
)
TOP1_AGREEMENT = Metric(
    "top1_agreement",
    "1",
    "higher",
    top1_agreement,
    "share of scored tokens whose most likely token is the dense model's; ties to the lower token; interval over "
    "windows",
    "METHODS 6",
)
