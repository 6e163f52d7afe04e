"""Losses of a model on windows of text, and how far its predictions are from its dense model's."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pruning.batches import Batch, batches
from pruning.devices import device_of
from pruning.evaluation.records import WindowScores

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def score_windows(
    model: "PreTrainedModel",
    dense: "PreTrainedModel | None",
    windows: Sequence[Sequence[int]],
    scored_from: Sequence[int],
) -> WindowScores:
    """Return the sums over the tokens of each window from position `scored_from` (1 or more) on, added up in fp64.

    Both models run batch by batch side by side: no more than the logits of one batch are held.
    """
    import torch

    found = WindowScores()
    firsts = iter(scored_from)
    with torch.inference_mode():
        for batch in batches(windows):
            rows = [*_predictions(model, batch)]
            dense_rows = [*_predictions(dense, batch)] if dense else [None] * len(rows)
            for (logits, tokens), other in zip(rows, dense_rows, strict=True):
                first = next(firsts)
                scores = _scores(logits[first - 1 :], other[0][first - 1 :] if other else None, tokens[first - 1 :])
                found = _joined(found, scores)
    return found


def _predictions(model: "PreTrainedModel", batch: Batch) -> Iterator[tuple["torch.Tensor", "torch.Tensor"]]:
    """Yield (logits (tokens - 1, vocabulary), the tokens that they predict) of each window."""
    device = device_of(model)
    token_ids, mask = batch.token_ids.to(device), batch.attention_mask.to(device)
    logits = model(input_ids=token_ids, attention_mask=mask, use_cache=False).logits
    for row, length in enumerate(batch.lengths):
        yield logits[row, : length - 1], token_ids[row, 1:length]


def _scores(logits: "torch.Tensor", dense_logits: "torch.Tensor | None", tokens: "torch.Tensor") -> WindowScores:
    mine = logits.float().log_softmax(1)
    loss = _loss(mine, tokens)
    if dense_logits is None:
        return WindowScores((loss,))
    dense = dense_logits.float().log_softmax(1)
    divergence = float((dense.exp() * (dense - mine)).double().sum())
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
