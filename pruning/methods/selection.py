"""How many units go, and which: exact counts, ties by index."""

from fractions import Fraction
from hashlib import blake2b
from typing import TYPE_CHECKING

from pruning.errors import NotFiniteError

if TYPE_CHECKING:
    import torch


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
    import torch

    if not torch.isfinite(scores).all():
        raise NotFiniteError(f"{what}: a score is NaN or infinite; expected finite weights")
    if count == 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    threshold = torch.kthvalue(scores, count).values
    mask = scores < threshold
    ties = (scores == threshold).nonzero().squeeze(1)
    mask[ties[: count - int(mask.sum())]] = True
    return mask


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
