"""How far two hidden states are from each other, and the mean of that over tokens for all blocks of layers at once."""

from collections.abc import Callable, Collection
from math import pi
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch

# (states (layers + 1, tokens, width)) -> the same, made ready once for all blocks
Prepare = Callable[["torch.Tensor"], "torch.Tensor"]
# (prepared states that enter and that leave, (..., width)) -> distances (...)
Between = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]
# Values that are worked on at a time, 4 MB: what lies between two states stays in the cache.
_AT_ONCE = 1 << 20


class Distances(Protocol):
    """Running distances of the blocks of some sizes."""

    def add(self, states: "torch.Tensor") -> None:
        """Take in h_0 ... h_L of some tokens: (layers + 1, tokens, width), fp32."""
        ...

    def result(self) -> "dict[int, torch.Tensor]":
        """Return by block size n the distances of the blocks that start at 0, 1, ...: (layers + 1 - n), fp64."""
        ...


class MeanOfTokens:
    """The mean over tokens of a distance between the two states of one token; a block size is one computation."""

    def __init__(self, prepare: Prepare, between: Between, sizes: Collection[int]) -> None:
        self._prepare = prepare
        self._between = between
        self._sums: dict[int, torch.Tensor | float] = dict.fromkeys(sizes, 0.0)
        self._tokens = 0

    def add(self, states: "torch.Tensor") -> None:
        """Take in (layers + 1, tokens, width)."""
        import torch

        for piece in states.split(max(1, _AT_ONCE // (len(states) * states.shape[2])), dim=1):
            ready = self._prepare(piece)
            for size in self._sums:
                self._sums[size] += self._between(ready[:-size], ready[size:]).sum(dim=1, dtype=torch.float64)
        self._tokens += states.shape[1]

    def result(self) -> "dict[int, torch.Tensor]":
        """Return the means."""
        import torch

        return {size: torch.as_tensor(total) / self._tokens for size, total in self._sums.items()}


def unit(states: "torch.Tensor") -> "torch.Tensor":
    """Return the vectors in the last dimension with length 1; one of zeros stays."""
    import torch

    return torch.nn.functional.normalize(states, dim=-1)


def as_they_are(states: "torch.Tensor") -> "torch.Tensor":
    """Return the states."""
    return states


def angle_between(u: "torch.Tensor", v: "torch.Tensor") -> "torch.Tensor":
    """Return the angle between unit vectors as a fraction of pi, in [0, 1].

    2 * atan2(|u - v|, |u + v|): arccos in fp32 is wrong by 8 % at a distance of 3e-4.
    """
    import torch

    return 2 * torch.atan2((u - v).norm(dim=-1), (u + v).norm(dim=-1)) / pi


def cosine_distance(u: "torch.Tensor", v: "torch.Tensor") -> "torch.Tensor":
    """Return 1 - cos of unit vectors, in [0, 2], as |u - v|^2 / 2, which keeps the digits of small ones."""
    return (u - v).square().sum(dim=-1) / 2


def relative_change(first: "torch.Tensor", second: "torch.Tensor") -> "torch.Tensor":
    """Return |second - first| / |second|, at least 0; not finite where the second is zero."""
    return (second - first).norm(dim=-1) / second.norm(dim=-1)


def euclidean(first: "torch.Tensor", second: "torch.Tensor") -> "torch.Tensor":
    """Return |second - first|, in units of the states."""
    return (second - first).norm(dim=-1)
