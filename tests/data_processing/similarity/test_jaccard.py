import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_processing.similarity.jaccard import differing_tokens, overlap, weight_units
from data_processing.trees.tokens import Bag
from tests.data_processing.module_trees import decoder, encoder, from_transformers
from tests.data_processing.trees.test_tokens import bag

bags = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 200), max_size=8)


def slow_weight(count: int) -> float:
    """The documented weight in floating point: 1, 2.5 from two, 4 from four, then 1/16 a doubling."""
    if count == 1:
        return 1.0
    return 2.5 if count < 4 else 4.0 + (math.floor(math.log2(count)) - 2) / 16


def slow_jaccard(one: Bag, other: Bag) -> float:
    shared = total = 0.0
    for token in {*one, *other}:
        weights = [slow_weight(found[token]) if token in found else 0.0 for found in (one, other)]
        shared, total = shared + min(weights), total + max(weights)
    return shared / total if total else 1.0


@given(one=bags, other=bags)
def test_overlap_is_the_weighted_jaccard(one: Bag, other: Bag) -> None:
    assert overlap(one, other).similarity == pytest.approx(slow_jaccard(one, other), abs=1e-12)


@given(one=bags, other=bags)
def test_symmetric_and_1_only_for_equal_token_sets(one: Bag, other: Bag) -> None:
    assert overlap(one, other) == overlap(other, one)
    assert overlap(one, one).similarity == 1.0
    if one.keys() != other.keys():
        assert overlap(one, other).similarity < 1.0


@given(count=st.integers(1, 10**6))
def test_weights_of_counts(count: int) -> None:
    assert weight_units(count) / 16 == slow_weight(count)


def test_depth_matters_little_and_an_inserted_module_lowers_similarity() -> None:
    assert overlap(bag(encoder(layers=12)), bag(encoder(layers=24))).similarity > 0.97
    assert overlap(bag(encoder()), bag(encoder(extra_norm=True))).similarity < 1.0


def test_encoder_and_decoder_are_far_apart() -> None:
    assert overlap(bag(encoder()), bag(decoder())).similarity < 0.2


def test_differing_tokens_are_those_of_one_side_most_frequent_first() -> None:
    assert differing_tokens({"a": 1, "b": 9, "c": 2, "d": 2}, {"a": 5}) == ["b", "c", "d"]


def test_bert_is_near_roberta_and_far_from_gpt2() -> None:
    bert, roberta = (bag(from_transformers(name, "AutoModelForMaskedLM")) for name in ("bert", "roberta"))
    assert overlap(bert, roberta).similarity > 0.9
    assert overlap(bert, bag(from_transformers("gpt2"))).similarity < 0.2
