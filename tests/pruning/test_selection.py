"""Exact counts and ties."""

from decimal import Decimal
from math import inf, nan

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruning.errors import NotFiniteError
from pruning.removal.selection import lowest, nearest_share_of, random_mask, share_of

# Few different values, so that most draws have ties.
scores_and_count = st.lists(st.integers(-2, 2), min_size=1, max_size=60).flatmap(
    lambda values: st.tuples(st.just(values), st.integers(0, len(values)))
)


@given(scores_and_count)
def test_lowest_is_a_stable_sort(drawn: tuple[list[int], int]) -> None:
    values, count = drawn
    expected = set(sorted(range(len(values)), key=lambda index: (values[index], index))[:count])
    mask = lowest(torch.tensor(values, dtype=torch.float32), count, "test")
    assert set(mask.nonzero().squeeze(1).tolist()) == expected


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_scores_that_are_not_finite_are_an_error(bad: float) -> None:
    with pytest.raises(NotFiniteError, match="layer 3: a score is NaN or infinite"):
        lowest(torch.tensor([1.0, bad, 2.0]), 1, "layer 3")


@given(st.decimals("0.001", "0.999", places=3), st.integers(0, 10_000))
def test_shares_are_exact_in_decimals(ratio: Decimal, count: int) -> None:
    exact = ratio * count
    assert share_of(float(ratio), count) == int(exact)
    assert nearest_share_of(float(ratio), count) == int(exact + Decimal("0.5"))


def test_a_share_that_binary_fractions_get_wrong() -> None:
    assert int(0.29 * 100) == 28
    assert share_of(0.29, 100) == 29


@given(st.integers(1, 200), st.data())
def test_random_mask_has_the_count_and_depends_on_seed_and_part(total: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, total))
    mask = random_mask(total, count, 7, "part")
    assert int(mask.sum()) == count
    assert torch.equal(mask, random_mask(total, count, 7, "part"))


def test_random_masks_differ_between_seeds_and_parts() -> None:
    masks = [random_mask(1000, 500, seed, part) for seed in (0, 1) for part in ("a", "b")]
    assert all(not torch.equal(one, other) for one in masks for other in masks if one is not other)
