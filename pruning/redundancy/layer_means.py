"""How alike the hidden states of two layers are: on average over the text, and token by token."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from pruning.adapters.parts import Adapter
from pruning.redundancy.pairs import MeanOfTokens, as_they_are, cosine_distance, unit
from pruning.redundancy.states import all_tokens, text_states

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class StatePair:
    """Two hidden states h_i and h_j of the boundaries i < j of 0 ... L, over all tokens that are no padding.

    `mean_cosine`: cosine between the mean vectors of both, in [-1, 1], exactly 1 for equal ones; None when one of them
    is zero. `relative_difference`: mean over tokens of |h_j - h_i| / |h_i|, at least 0; a token at which both are zero
    counts 0; None when only h_i is zero at some token.
    """

    one: int
    other: int
    mean_cosine: float | None
    relative_difference: float | None


def state_pairs(model: "PreTrainedModel", adapter: Adapter, windows: Sequence[Sequence[int]]) -> tuple[StatePair, ...]:
    """Return all pairs of boundaries from one forward a window. Raises what `text_states` raises."""
    import torch

    total = torch.zeros((), dtype=torch.float64)
    difference = MeanOfTokens(as_they_are, difference_from_first, range(1, len(adapter.layers) + 1))
    with torch.inference_mode():
        for states in text_states(model, adapter, windows, all_tokens, "states"):
            # One state at a time: torch makes a copy in fp64 of all that it sums so.
            total = total + torch.stack([each.sum(dim=0, dtype=torch.float64) for each in states]).cpu()
            difference.add(states)
    means, differences = unit(total), {size: values.tolist() for size, values in difference.result().items()}
    return tuple(
        StatePair(one, other, _cosine(means[one], means[other]), _finite(differences[other - one][one]))
        for one, other in combinations(range(len(means)), 2)
    )


def difference_from_first(first: "torch.Tensor", second: "torch.Tensor") -> "torch.Tensor":
    """Return |second - first| / |first|, at least 0: 0 where both are zero, infinite where only the first is."""
    import torch

    difference = (second - first).norm(dim=-1)
    return torch.where(difference == 0, difference, difference / first.norm(dim=-1))


def _cosine(u: "torch.Tensor", v: "torch.Tensor") -> float | None:
    """Return the cosine of vectors of length 1; None for one of zeros."""
    return float(1 - cosine_distance(u, v)) if u.any() and v.any() else None


def _finite(value: float) -> float | None:
    return None if value == float("inf") else value
