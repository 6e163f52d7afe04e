"""Masked language models: each token is hidden once and predicted from all others (Salazar et al. 2020)."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from pruning.adapters import Adapter
from pruning.batches import BATCH_TOKENS
from pruning.devices import device_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MOST_POSITIONS = 1024
_SEED = 0


@dataclass(frozen=True)
class MaskedScores:
    """Summed negative log-likelihoods (nats) of the masked tokens of each window, and how many there were."""

    losses: tuple[float, ...] = ()
    tokens: tuple[int, ...] = ()


def is_masked_language_model(model: "PreTrainedModel", adapter: Adapter) -> bool:
    """Return whether a model is one encoder that predicts tokens that are hidden from it."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    encodes = len(adapter.stacks) == 1 and adapter.main.kind == "encoder"
    return encodes and type(model).__name__ in MODEL_FOR_MASKED_LM_MAPPING_NAMES.values()


def masked_scores(model: "PreTrainedModel", windows: Sequence[Sequence[int]], mask_token: int) -> MaskedScores:
    """Score tokens that are masked one at a time, the windows as they are: no special token is added.

    Every token of every window when these are at most 1,024; else as many of each window, drawn with one seed.
    """
    places = chosen_positions(tuple(map(len, windows)))
    losses = tuple(_window_loss(model, window, mine, mask_token) for window, mine in zip(windows, places, strict=True))
    return MaskedScores(losses, tuple(map(len, places)))


def chosen_positions(lengths: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Return the positions that are masked in each window, in their order; at least one a window."""
    if sum(lengths) <= MOST_POSITIONS:
        return tuple(tuple(range(length)) for length in lengths)
    share = max(1, MOST_POSITIONS // len(lengths))
    rng = Random(_SEED)  # noqa: S311 - a sample, not a secret
    return tuple(tuple(sorted(rng.sample(range(length), min(share, length)))) for length in lengths)


def _window_loss(model: "PreTrainedModel", window: Sequence[int], places: Sequence[int], mask_token: int) -> float:
    import torch

    size = max(1, BATCH_TOKENS // len(window))
    device = device_of(model)
    total = 0.0
    with torch.inference_mode():
        for first in range(0, len(places), size):
            columns = torch.tensor(places[first : first + size], device=device)
            rows = torch.arange(len(columns), device=device)
            token_ids = torch.tensor(window, device=device).repeat(len(columns), 1)
            labels = token_ids[rows, columns]
            token_ids[rows, columns] = mask_token
            logits = model(input_ids=token_ids, attention_mask=torch.ones_like(token_ids)).logits[rows, columns]
            total += float(torch.nn.functional.cross_entropy(logits.float(), labels, reduction="none").double().sum())
    return total
