"""Windows of token ids as padded batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# Bounds the logits in memory: 2048 tokens of a vocabulary of 50,000 in fp32 are 400 MB.
BATCH_TOKENS = 2048


@dataclass(frozen=True)
class Batch:
    """Windows padded on the right: `token_ids` and `attention_mask` are (windows, longest), int64."""

    token_ids: "torch.Tensor"
    attention_mask: "torch.Tensor"
    lengths: tuple[int, ...]


def batches(windows: Sequence[Sequence[int]]) -> Iterator[Batch]:
    """Yield all windows in their order, at most `BATCH_TOKENS` tokens or one window at a time."""
    longest = max(map(len, windows))
    size = max(1, BATCH_TOKENS // longest)
    for first in range(0, len(windows), size):
        yield padded_batch(windows[first : first + size])


def padded_batch(windows: Sequence[Sequence[int]]) -> Batch:
    """Return windows of different lengths as one batch; padding is token 0 and is masked."""
    import torch

    lengths = tuple(map(len, windows))
    token_ids = torch.zeros(len(windows), max(lengths), dtype=torch.long)
    for row, window in enumerate(windows):
        token_ids[row, : len(window)] = torch.tensor(window)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    return Batch(token_ids, mask.long(), lengths)
