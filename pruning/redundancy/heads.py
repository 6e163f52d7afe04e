"""What heads attend to and how they differ, from their attention maps; one map is looked at and dropped at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruning.adapters.parts import AttentionParts
from pruning.errors import UnsupportedModelError
from pruning.finite import check_finite
from pruning.removal.heads.observe import Windows, see_maps
from pruning.removal.heads.signatures import Signature, distances_of, head_distances, head_importance, map_pieces

if TYPE_CHECKING:
    import numpy
    import torch
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class HeadFigures:
    """The heads of one attention on some windows.

    `entropy` is that of a query's attention to the keys, nats, mean over all queries that are no padding, not
    normalised: with causal attention query t has t + 1 keys, so the first ones are near 0. In a model with attention
    sinks it is the part of the entropy that falls on tokens. `importance` is the norm of a head's contribution to the
    residual stream, mean over tokens. `distances` are cosine distances of the signatures: (windows, heads, heads).
    """

    entropy: tuple[float, ...]
    importance: tuple[float, ...]
    distances: "numpy.ndarray"

    @property
    def mean_distances(self) -> "numpy.ndarray":
        """Return the mean over windows: (heads, heads)."""
        return self.distances.mean(axis=0)


def head_figures(
    model: "PreTrainedModel", attentions: Sequence[AttentionParts], windows: Windows, signature: Signature = "maps"
) -> tuple[HeadFigures, ...]:
    """Return the figures of every attention; maps are as precise as the model computes them.

    Raises `UnsupportedModelError` without text or maps and `NotFiniteError` for what is not finite.
    """
    entropies, distances = _seen_in_maps(model, attentions, windows, signature == "maps")
    if signature != "maps":
        distances = head_distances(model, attentions, windows, signature)
    importance = head_importance(model, attentions, windows)
    return tuple(
        HeadFigures(tuple(entropy.tolist()), tuple(norms.tolist()), between)
        for entropy, norms, between in zip(entropies, importance, distances, strict=True)
    )


def map_entropies(maps: "torch.Tensor") -> "torch.Tensor":
    """Return the entropy of each head's attention (heads, queries, keys), summed over queries: (heads,), nats, fp64."""
    import torch

    total = torch.zeros(len(maps), dtype=torch.float64)
    for piece in map_pieces(maps):
        total += torch.special.entr(piece.float()).sum(dim=(1, 2), dtype=torch.float64).cpu()
    return total


def _seen_in_maps(
    model: "PreTrainedModel", attentions: Sequence[AttentionParts], windows: Windows, compared: bool
) -> "tuple[list[torch.Tensor], list[numpy.ndarray]]":
    """Return the entropies and, if heads are `compared`, their distances in every window, from one pass."""
    import numpy
    import torch

    if not windows:
        raise UnsupportedModelError("attention maps need calibration text in the model's vocabulary; there is none")
    sums = [torch.zeros(attention.heads, dtype=torch.float64) for attention in attentions]
    distances: list[list[numpy.ndarray]] = [[] for _ in attentions]

    def see(index: int, maps: "torch.Tensor") -> None:
        sums[index] += map_entropies(maps)
        if compared:
            distances[index].append(distances_of(map_pieces(maps), attentions[index]))

    see_maps(model, attentions, windows, see)
    for total, attention in zip(sums, attentions, strict=True):
        check_finite(total, f"{attention.path}: the entropy of a head's attention on the calibration text")
    queries = sum(map(len, windows))
    return [total / queries for total in sums], [numpy.stack(each) for each in distances] if compared else []
