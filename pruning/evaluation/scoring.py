"""Losses of a model on windows of text, and how far its predictions are from its dense model's."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING

from pruning.batches import batches
from pruning.devices import device_of
from pruning.evaluation.records import WindowScores

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

MOST_KEPT_BYTES = 128_000_000


def score_windows(
    model: "PreTrainedModel",
    windows: Sequence[Sequence[int]],
    scored_from: Sequence[int],
    dense: "Iterable[torch.Tensor] | None" = None,
) -> WindowScores:
    """Return the sums over the tokens of each window from position `scored_from` (1 or more) on, added up in fp64.

    `dense` are the dense model's `window_logits`. Made while they are read, both models run batch by batch side by
    side, and no more than the logits of one batch of each are held.
    """
    import torch

    found = WindowScores()
    rows = zip(windows, scored_from, window_logits(model, windows), dense or repeat(None), strict=False)
    for window, first, logits, other in rows:
        with torch.inference_mode():
            tokens = torch.tensor(window[first:], device=logits.device)
            scores = _scores(logits[first - 1 :], None if other is None else other[first - 1 :], tokens)
        found = _joined(found, scores)
    return found


def window_logits(model: "PreTrainedModel", windows: Sequence[Sequence[int]]) -> "Iterator[torch.Tensor]":
    """Yield the logits (tokens - 1, vocabulary) of each window: what is predicted of its second token and on."""
    import torch

    device = device_of(model)
    for batch in batches(windows):
        token_ids, mask = batch.token_ids.to(device), batch.attention_mask.to(device)
        with torch.inference_mode():
            logits = model(input_ids=token_ids, attention_mask=mask, use_cache=False).logits
        yield from (row[: length - 1] for row, length in zip(logits, batch.lengths, strict=True))


def kept_logits(model: "PreTrainedModel", windows: Sequence[Sequence[int]]) -> "tuple[torch.Tensor, ...] | None":
    """Return the logits of all windows when they take at most 128 MB in fp32, None when they take more.

    For comparing many models with one that does not change.
    """
    size = 4 * sum(map(len, windows)) * model.config.get_text_config().vocab_size
    return tuple(window_logits(model, windows)) if size <= MOST_KEPT_BYTES else None


def _scores(logits: "torch.Tensor", dense_logits: "torch.Tensor | None", tokens: "torch.Tensor") -> WindowScores:
    mine = logits.float().log_softmax(1)
    loss = _loss(mine, tokens)
    if dense_logits is None:
        return WindowScores((loss,))
    dense = dense_logits.float().log_softmax(1)
    divergence = float((dense.exp() * (dense - mine)).sum(1).double().sum())
    agreements = int((mine.argmax(1) == dense.argmax(1)).sum())
    return WindowScores((loss,), (_loss(dense, tokens),), (divergence,), (agreements,))


def _loss(log_probabilities: "torch.Tensor", tokens: "torch.Tensor") -> float:
    return -float(log_probabilities.gather(1, tokens.unsqueeze(1)).double().sum())


def _joined(one: WindowScores, other: WindowScores) -> WindowScores:
    return WindowScores(
        one.losses + other.losses,
        one.dense_losses + other.dense_losses,
        one.kl + other.kl,
        one.agreements + other.agreements,
    )
