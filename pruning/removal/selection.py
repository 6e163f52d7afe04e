"""How many units go, and which: exact counts, ties by index."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from hashlib import blake2b
from typing import TYPE_CHECKING

from pruning.finite import check_finite

if TYPE_CHECKING:
    import torch

# The bits of a non-negative fp32 number, read as an integer, are ordered as the numbers are; split in two halves.
_HALF_BITS = 16
# Scores that are compared at a time in groups: they and what is made of them stay in the cache.
_GROUPED_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Pattern:
    """N:M sparsity: `zeros` of every `group` consecutive weights of an output row."""

    zeros: int
    group: int

    @property
    def name(self) -> str:
        """Return the usual name, such as 2:4."""
        return f"{self.zeros}:{self.group}"

    @property
    def ratio(self) -> float:
        """Return the share of zeros."""
        return self.zeros / self.group


TWO_OF_FOUR = Pattern(2, 4)
FOUR_OF_EIGHT = Pattern(4, 8)


@dataclass(frozen=True)
class Cut:
    """A threshold over many tensors: all |w| below `value` go, and of those equal to it the first `ties`."""

    value: float
    ties: int


def share_of(ratio: float, count: int) -> int:
    """Return floor(ratio * count) with the ratio taken as written in decimals: 0.29 of 100 is 29, not 28."""
    return int(Fraction(repr(ratio)) * count)


def nearest_share_of(ratio: float, count: int) -> int:
    """Return ratio * count rounded to the nearest integer, halves up."""
    return int(Fraction(repr(ratio)) * count + Fraction(1, 2))


def lowest(scores: "torch.Tensor", count: int, what: str) -> "torch.Tensor":
    """Return the boolean mask of the `count` smallest of a vector of scores; equal scores go by index, first first.

    Raises `NotFiniteError` naming `what` when a score is NaN or infinite.
    """
    return lowest_in_rows(scores.unsqueeze(0), count, what).squeeze(0)


def lowest_in_rows(scores: "torch.Tensor", count: int, what: str) -> "torch.Tensor":
    """Return the mask of the `count` smallest of every row of (rows, n) scores; ties by index, first first.

    Raises `NotFiniteError` naming `what` when a score is NaN or infinite.
    """
    import torch

    check_finite(scores, f"{what}: a score")
    if count == 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    return _up_to(scores, _kth_smallest(scores, count), count, dimension=1)


def lowest_in_groups(scores: "torch.Tensor", pattern: Pattern, what: str) -> "torch.Tensor":
    """Return the mask of the `pattern.zeros` smallest of every group of consecutive scores of (rows, n); ties by index.

    n is a multiple of the group. Raises `NotFiniteError` naming `what` when a score is NaN or infinite.
    """
    import torch

    check_finite(scores, f"{what}: a score")
    mask = torch.empty(scores.shape, dtype=torch.bool, device=scores.device)
    rows = max(1, _GROUPED_AT_ONCE // scores.shape[1])
    for piece, found in zip(scores.split(rows), mask.split(rows), strict=True):
        members = piece.reshape(-1, pattern.group).T.contiguous()
        found.copy_(lowest_members(members, pattern).T.reshape(piece.shape))
    return mask


def lowest_members(members: "torch.Tensor", pattern: Pattern) -> "torch.Tensor":
    """Return the mask of the `pattern.zeros` smallest of every column of (group, columns) scores; ties by index."""
    network = {TWO_OF_FOUR: _second_of_four, FOUR_OF_EIGHT: _fourth_of_eight}[pattern]
    return _up_to(members, network(members).unsqueeze(0), pattern.zeros, dimension=0)


def find_cut(tensors: Callable[[], Iterable["torch.Tensor"]], count: int) -> Cut:
    """Return the threshold that selects the `count` > 0 smallest |w| over all tensors together.

    `tensors` is called twice and gives the same finite tensors of fp32, fp16 or bf16 each time; only one of them needs
    to be in memory at once. Two passes of a radix selection, so the count is exact whatever the ties.
    """
    import torch

    halves = 1 << _HALF_BITS
    high, below = _bin_of(sum(torch.bincount(_bits(each) >> _HALF_BITS, minlength=halves) for each in tensors()), count)
    low_counts = torch.zeros(halves, dtype=torch.long)
    for tensor in tensors():
        bits = _bits(tensor)
        low_counts += torch.bincount(bits[bits >> _HALF_BITS == high] & (halves - 1), minlength=halves).cpu()
    low, below_low = _bin_of(low_counts, count - below)
    value = torch.tensor((high << _HALF_BITS) | low, dtype=torch.int32).view(torch.float32)
    return Cut(float(value), count - below - below_low)


def random_generator(seed: int, what: str) -> "torch.Generator":
    """Return a generator of its own for each seed and part of a model."""
    import torch

    digest = blake2b(f"{seed}/{what}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)


def random_mask(total: int, count: int, seed: int, what: str) -> "torch.Tensor":
    """Return a boolean mask with exactly `count` of `total` entries set, every choice as likely."""
    import torch

    mask = torch.zeros(total, dtype=torch.bool)
    mask[torch.randperm(total, generator=random_generator(seed, what))[:count]] = True
    return mask


def _kth_smallest(scores: "torch.Tensor", count: int) -> "torch.Tensor":
    """Return the count-th smallest of every row: (rows, 1)."""
    import numpy
    import torch

    if scores.device.type != "cpu":
        return torch.kthvalue(scores, count, dim=1, keepdim=True).values
    # numpy partitions fp32 with vector instructions: 5 to 14 times as fast as torch.kthvalue on 2048 x 8192.
    rows = scores.numpy() if scores.dtype in (torch.float32, torch.float64) else scores.float().numpy()
    kth = numpy.partition(rows, count - 1, axis=1)[:, count - 1 : count]
    return torch.from_numpy(kth).to(scores.dtype)


def _up_to(scores: "torch.Tensor", threshold: "torch.Tensor", count: int, *, dimension: int) -> "torch.Tensor":
    """Return the mask of scores up to the count-th smallest along a dimension, exactly `count` of them."""
    import numpy
    import torch

    mask = scores <= threshold
    # Over all lines at once first: an eighth of the time of counting along a dimension.
    found = numpy.count_nonzero(mask.numpy()) if mask.device.type == "cpu" else int(torch.count_nonzero(mask))
    if found != count * (scores.numel() // scores.shape[dimension]):
        _drop_last_ties(mask, scores == threshold, count, dimension=dimension)
    return mask


def _drop_last_ties(mask: "torch.Tensor", ties: "torch.Tensor", count: int, *, dimension: int) -> None:
    """Take the last ties out of a mask until `count` are left along a dimension; all ties are in the mask."""
    import torch

    along = ties if dimension == 1 else ties.T
    lines, places = along.nonzero(as_tuple=True)  # line by line, in the order of the index
    of_line = torch.bincount(lines, minlength=len(along))
    rank = torch.arange(len(lines), device=lines.device) - (of_line.cumsum(0) - of_line)[lines]
    below = _count(mask, dimension) - of_line
    last = rank >= (count - below)[lines]
    (mask if dimension == 1 else mask.T)[lines[last], places[last]] = False


def _count(mask: "torch.Tensor", dimension: int) -> "torch.Tensor":
    """Return how many entries are set along a dimension."""
    import numpy
    import torch

    if mask.device.type != "cpu":
        return torch.count_nonzero(mask, dimension)
    # A tenth of the time of torch, which turns every entry into an int64 first.
    return torch.from_numpy(numpy.count_nonzero(mask.numpy(), axis=dimension))


def _second_of_four(members: "torch.Tensor") -> "torch.Tensor":
    return _sorted_four(members)[1]


def _fourth_of_eight(members: "torch.Tensor") -> "torch.Tensor":
    """Merge two sorted fours: the lower half of both is min(a_i, b_(5-i)), and its largest is the fourth."""
    import torch

    first, second = _sorted_four(members[:4]), _sorted_four(members[4:])
    lower = [torch.minimum(one, other) for one, other in zip(first, reversed(second), strict=True)]
    return torch.maximum(torch.maximum(lower[0], lower[1]), torch.maximum(lower[2], lower[3]))


def _sorted_four(members: "torch.Tensor") -> tuple["torch.Tensor", ...]:
    """Sort every column of (4, columns) by a network of five comparisons."""
    import torch

    low, high = torch.minimum(members[0], members[1]), torch.maximum(members[0], members[1])
    other_low, other_high = torch.minimum(members[2], members[3]), torch.maximum(members[2], members[3])
    one, other = torch.maximum(low, other_low), torch.minimum(high, other_high)
    return (
        torch.minimum(low, other_low),
        torch.minimum(one, other),
        torch.maximum(one, other),
        torch.maximum(high, other_high),
    )


def _bits(tensor: "torch.Tensor") -> "torch.Tensor":
    """Return |w| as fp32 bit patterns: flat, int32, not negative."""
    import torch

    return tensor.abs().float().reshape(-1).view(torch.int32)


def _bin_of(counts: "torch.Tensor | int", count: int) -> tuple[int, int]:
    """Return the bin that holds the count-th smallest, and how many lie in the bins before it."""
    import torch

    cumulative = torch.as_tensor(counts).cumsum(0)
    place = int(torch.searchsorted(cumulative, count))
    return place, int(cumulative[place - 1]) if place else 0
