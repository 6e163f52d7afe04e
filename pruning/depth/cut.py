"""Choosing a block from scores, and cutting it out of a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.inference import without_dropout
from pruning.adapters.find import find_adapter
from pruning.depth.scores import DepthScores, check_size
from pruning.depth.table import check_threshold, depth_table
from pruning.errors import RatioTooSmallError
from pruning.removal.correction import remove_block_healed
from pruning.removal.layers import remove_layers
from pruning.removal.records import Pruned
from pruning.texts.windows import token_windows

if TYPE_CHECKING:
    from transformers import PreTrainedModel

METHOD = "depth-block"
VERSION = 1


@dataclass(frozen=True)
class Block:
    """The `layers` layers that begin with layer `start`, counted from 0."""

    start: int
    layers: int


def choose_block(scores: DepthScores, *, layers: int | None = None, threshold: float | None = None) -> Block:
    """Return the best block of `layers` layers, or the largest best block whose score is at most `threshold`.

    Raises `UsageError` unless exactly one of them is given and fits, `RatioTooSmallError` when no block is under the
    threshold.
    """
    if (layers is None) == (threshold is None):
        raise UsageError("choose_block: expected either layers or a threshold")
    if layers is not None:
        check_size(layers, scores.layers)
        row = depth_table(scores)[layers - 1]
        return Block(row.start, row.layers)
    check_threshold(threshold)
    rows = depth_table(scores, threshold)
    within = [row for row in rows if row.within]
    if not within:
        lowest = min(row.score for row in rows)
        raise RatioTooSmallError(f"no block has a score of at most {threshold!r}; the lowest is {lowest:.4g}")
    return Block(within[-1].start, within[-1].layers)


def cut_block(
    model: "PreTrainedModel",
    start: int,
    layers: int,
    *,
    heal: bool = False,
    windows: Sequence[Sequence[int]] = (),
) -> Pruned:
    """Cut `layers` layers from `start` on out of a model in place, and say so.

    `heal` folds the least-squares correction of the cut on `windows` of token ids into the matrix before it; the
    removal's note says how well, or why not. Raises `UsageError` for a block that is not there and `PruningError` for a
    model that does not fit; the model is unchanged then.
    """
    adapter = find_adapter(model)
    total = len(adapter.layers)
    check_size(layers, total)
    if not 0 <= start <= total - layers:
        raise UsageError(f"--start: expected 0 to {total - layers} for {layers} of {total} layers, got {start}")
    if heal:
        with without_dropout(model):
            removal = remove_block_healed(model, adapter, start, layers, token_windows(model, windows))
    else:
        removal = remove_layers(model, adapter, range(start, start + layers))
    return Pruned(METHOD, VERSION, "layer", layers / total, 0, removal)
