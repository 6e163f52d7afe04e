"""Pairs at scale against a plain loop: the prefix filter misses none, MinHash misses few, nothing depends on order."""

import random
from collections.abc import Mapping, Sequence

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_processing.similarity import minhash, pairs
from data_processing.similarity.jaccard import Overlap, overlap
from data_processing.similarity.minhash import Bands, bands_for, minhash_candidates, minhash_values
from data_processing.similarity.prefix_filter import prefix_candidates, read_prefixes
from data_processing.similarity.signatures import Signatures, read_signatures
from pipeline.errors import StageError

Bag = Mapping[str, int]
bags = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 200), min_size=1, max_size=8)
thresholds = st.sampled_from([0.05, 0.3, 0.5, 0.85, 1.0])
MINHASHES = [[481728933, 189174799], [1375669493, 877978623], [1140960148, 42252389]]
rational = st.fractions(min_value=0.01, max_value=1).map(float)


def plain_pairs(found: Sequence[Bag], threshold: float) -> dict[tuple[int, int], Overlap]:
    """Every pair decided by itself."""
    every = (
        (first, second, overlap(found[first], found[second]))
        for first in range(len(found))
        for second in range(first + 1, len(found))
    )
    return {(first, second): one for first, second, one in every if one.similarity >= threshold}


def as_dict(table: pairs.PairTable) -> dict[tuple[int, int], Overlap]:
    return {(first, second): found for first, second, found in table}


def families_of_bags(rows: int, seed: int) -> list[Bag]:
    """Bags around a few centres, so that there are pairs at every similarity."""
    generator = random.Random(seed)
    centres = [{f"t{generator.randrange(400)}": generator.choice([1, 2, 12, 24]) for _ in range(42)} for _ in range(12)]
    found = []
    for _ in range(rows):
        bag = dict(generator.choice(centres))
        for _ in range(generator.randrange(8)):
            bag.pop(generator.choice(sorted(bag)))
            bag[f"t{generator.randrange(400)}"] = generator.choice([1, 2, 12, 24])
        found.append(bag)
    return found


@settings(deadline=None)  # the first example imports scipy and duckdb
@given(found=st.lists(bags, max_size=9), threshold=thresholds | rational)
def test_pairs_equal_those_of_a_plain_loop(found: list[Bag], threshold: float) -> None:
    assert as_dict(pairs.similar_pairs(read_signatures(found), threshold)) == plain_pairs(found, threshold)


@settings(deadline=None)  # the first example imports scipy and duckdb
@given(found=st.lists(bags, max_size=9), threshold=thresholds | rational)
def test_the_prefix_filter_misses_no_pair(found: list[Bag], threshold: float) -> None:
    signatures = read_signatures(found)
    prefixes = read_prefixes(signatures, threshold)
    first, second = prefix_candidates(signatures, prefixes, threshold, threads=1)
    assert plain_pairs(found, threshold).keys() <= set(zip(first.tolist(), second.tolist(), strict=True))


def test_collisions_count_what_the_join_will_look_at() -> None:
    signatures = read_signatures([{"a": 1}, {"a": 1}, {"a": 1}, {"b": 1}])
    assert read_prefixes(signatures, 0.85).collisions() == 3


def test_minhash_agreement_is_the_weighted_similarity() -> None:
    """4,096 values estimate it to 0.008 (one standard deviation) at most; weights of 1/16 are left out."""
    one, other = {"a": 1, "b": 2, "c": 4, "d": 1, "e": 2}, {"a": 2, "b": 2, "c": 1, "f": 4}
    values = minhash_values(read_signatures([one, other]), 4096, threads=2)
    agreement = float((values[:, 0] == values[:, 1]).mean())
    assert agreement == pytest.approx(overlap(one, other).similarity, abs=0.03)


def test_minhash_finds_the_pairs_of_the_prefix_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    signatures = read_signatures(families_of_bags(1_500, seed=1))
    exact = as_dict(pairs.similar_pairs(signatures, 0.85))
    monkeypatch.setattr(pairs, "_FEW_COLLISIONS", -1)
    monkeypatch.setattr(pairs, "_COLLISIONS_A_ROW", 0)
    monkeypatch.setattr(pairs, "prefix_candidates", None)  # it is MinHash that answers
    found = as_dict(pairs.similar_pairs(signatures, 0.85))
    assert found.items() <= exact.items()
    assert len(exact) > 10_000 and len(found) >= 0.999 * len(exact)


@pytest.mark.parametrize("candidates", ["prefix_filter", "minhash"])
def test_order_of_rows_and_threads_change_nothing(candidates: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if candidates == "minhash":
        monkeypatch.setattr(pairs, "_FEW_COLLISIONS", -1)
        monkeypatch.setattr(pairs, "_COLLISIONS_A_ROW", 0)
    found = families_of_bags(600, seed=2)
    shuffled = list(range(len(found)))
    random.Random(3).shuffle(shuffled)
    expected = as_dict(pairs.similar_pairs(read_signatures(found), 0.85, threads=1))
    mixed = pairs.similar_pairs(
        read_signatures(dict(reversed(list(found[row].items()))) for row in shuffled), 0.85, threads=2
    )
    original = {tuple(sorted((shuffled[first], shuffled[second]))): one for first, second, one in mixed}
    assert original == expected and expected


def test_values_do_not_depend_on_the_machine() -> None:
    """Written down from a first run: another value here is another answer for stored corpora."""
    values = minhash_values(read_signatures([{"a": 1}, {"a": 1, "b": 12}]), 3, threads=1)
    assert values.tolist() == MINHASHES


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.85, 0.95, 1.0])
def test_bands_miss_one_in_ten_thousand_at_the_threshold(threshold: float) -> None:
    bands = bands_for(threshold)
    assert (1 - threshold**bands.rows) ** bands.bands <= 1e-4
    assert bands.values <= 100
    longer = Bands(bands.bands, bands.rows + 1)
    assert threshold == 1.0 or (1 - threshold**longer.rows) ** (100 // longer.rows) > 1e-4


def test_too_many_rows_alike_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minhash, "_MOST_COLLISIONS", 10)
    with pytest.raises(StageError, match=r"at most 10 pairs.*--similarity-threshold above 0\.85"):
        minhash_candidates(read_signatures(families_of_bags(200, seed=4)), 0.85, threads=1)


def test_nothing_and_empty_bags() -> None:
    for found in ([], [{}], [{}, {"a": 1}, {}]):
        signatures = read_signatures(found)
        assert len(signatures) == len(found)
        assert len(pairs.similar_pairs(signatures, 0.85)) == 0
        assert len(minhash_candidates(signatures, 0.85, threads=1)[0]) <= 1  # two empty bags agree in every value


@settings(deadline=None)
@given(found=st.lists(bags, min_size=1, max_size=9))
def test_the_matrix_holds_every_similarity(found: list[Bag]) -> None:
    every = range(len(found))
    matrix = pairs.similarity_matrix(read_signatures(found), every, every[1:])
    plain = [[overlap(one, other).similarity for other in found[1:]] for one in found]
    assert numpy.array_equal(matrix, numpy.array(plain, dtype=numpy.float32).reshape(matrix.shape))


@settings(deadline=None)
@given(found=st.lists(bags, max_size=9))
def test_a_row_weighs_what_its_bag_weighs(found: list[Bag]) -> None:
    signatures: Signatures = read_signatures(found)
    assert signatures.row_units.tolist() == [overlap(bag, bag).total_units for bag in found]
