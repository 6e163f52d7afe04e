"""How heads of one attention differ, and how much each adds to the residual stream.

A head's signature in a window is its attention map, or its contribution: the values that it mixed times its slice of
the output matrix. Heads are compared by the products of their signatures, so that no signature is kept.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from pruning.adapters.parts import AttentionParts
from pruning.errors import UnsupportedModelError
from pruning.finite import check_finite
from pruning.removal.heads.clusters import Metric
from pruning.removal.heads.observe import Windows, see_maps, see_mixed

if TYPE_CHECKING:
    import numpy
    import torch
    from transformers import PreTrainedModel

Signature = Literal["maps", "contribution"]
# Tokens whose signatures are compared at a time: 32 heads of a state of 4,096 in fp64 are 67 MB.
_TOKENS = 64


def head_distances(
    model: "PreTrainedModel",
    attentions: Sequence[AttentionParts],
    windows: Windows,
    signature: Signature = "maps",
    metric: Metric = "cosine",
) -> "list[numpy.ndarray]":
    """Return for every attention the distances of its heads in every window: (windows, heads, heads), fp64.

    Cosine distances are in [0, 2]; a signature of zeros is at 1 from all others and at 0 from its like. Raises
    `UnsupportedModelError` without text or maps and `NotFiniteError` for signatures that are not finite.
    """
    import numpy

    if not windows:
        raise UnsupportedModelError("head signatures need calibration text in the model's vocabulary; there is none")
    found: list[list[numpy.ndarray]] = [[] for _ in attentions]

    def see(index: int, what: "torch.Tensor") -> None:
        attention = attentions[index]
        pieces = map_pieces(what) if signature == "maps" else contributions(model, attention, what)
        found[index].append(distances_of(pieces, attention, metric))

    (see_maps if signature == "maps" else see_mixed)(model, attentions, windows, see)
    return [numpy.stack(each) for each in found]


def head_importance(
    model: "PreTrainedModel", attentions: Sequence[AttentionParts], windows: Windows
) -> "list[torch.Tensor]":
    """Return for every attention the norm of each head's contribution, mean over all tokens: (heads,), fp32 on the CPU.

    Raises `UnsupportedModelError` without text and `NotFiniteError`.
    """
    import torch

    if not windows:
        raise UnsupportedModelError("head importance needs calibration text in the model's vocabulary; there is none")
    sums = [torch.zeros(attention.heads) for attention in attentions]
    tokens = [0 for _ in attentions]

    def see(index: int, mixed: "torch.Tensor") -> None:
        tokens[index] += len(mixed)
        for piece in contributions(model, attentions[index], mixed):
            sums[index] += piece.norm(dim=2).sum(1).cpu()

    see_mixed(model, attentions, windows, see)
    for total, attention in zip(sums, attentions, strict=True):
        check_finite(total, f"{attention.path}: a head's contribution on the calibration text")
    return [total / count for total, count in zip(sums, tokens, strict=True)]


def distances_of(
    pieces: "Iterable[torch.Tensor]", attention: AttentionParts, metric: Metric = "cosine"
) -> "numpy.ndarray":
    """Return the distances of heads from their signatures in one window, pieces of (heads, tokens, ...): fp64."""
    return _distances(_products(pieces, attention), metric)


def map_pieces(maps: "torch.Tensor") -> "Sequence[torch.Tensor]":
    """Return the attention maps (heads, queries, keys) of a window, some queries at a time."""
    return maps.split(_TOKENS, dim=1)


def contributions(
    model: "PreTrainedModel", attention: AttentionParts, mixed: "torch.Tensor"
) -> "Iterator[torch.Tensor]":
    """Yield (heads, tokens, state), fp32: what each head adds to the residual stream, some tokens at a time."""
    import torch

    stored = attention.output.weight(model)
    rows = stored if attention.output.transposed else stored.T
    slices = rows.float().reshape(attention.heads, attention.head_width, -1)
    for piece in mixed.float().split(_TOKENS):
        heads = piece.reshape(-1, attention.heads, attention.head_width)
        yield torch.einsum("thw,hws->hts", heads, slices)


def _products(pieces: "Iterable[torch.Tensor]", attention: AttentionParts) -> "numpy.ndarray":
    """Return the inner products of all pairs of signatures (heads, tokens, ...): (heads, heads), fp64."""
    import torch

    total = torch.zeros(attention.heads, attention.heads, dtype=torch.float64)
    for piece in pieces:
        flat = piece.flatten(1).double()
        total += (flat @ flat.T).cpu()
    check_finite(total, f"{attention.path}: a head's signature on the calibration text")
    return total.numpy()


def _distances(products: "numpy.ndarray", metric: Metric) -> "numpy.ndarray":
    """Return the distances that inner products make: symmetric, with a diagonal of 0."""
    import numpy

    squares = products.diagonal()
    if metric == "euclidean":
        between = numpy.sqrt(numpy.maximum(squares[:, None] + squares[None] - 2 * products, 0))
    else:
        norms = numpy.sqrt(numpy.where(squares > 0, squares, 1))
        between = numpy.clip(1 - products / numpy.outer(norms, norms), 0, 2)
        between[numpy.outer(squares == 0, squares == 0)] = 0
    between = (between + between.T) / 2
    numpy.fill_diagonal(between, 0)
    return between
