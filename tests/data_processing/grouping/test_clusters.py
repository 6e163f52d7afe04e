import random

import numpy
from hypothesis import given
from hypothesis import strategies as st

from data_processing.grouping.clusters import PlanPairs, cluster_names, cluster_plans, plan_pairs

COUNT = 7
Found = dict[tuple[int, int], float]
similarities = st.dictionaries(
    st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)).filter(lambda pair: pair[0] < pair[1]),
    st.sampled_from([0.85, 0.9, 0.95, 1.0]),
)


def pairs_of(found: Found) -> PlanPairs:
    keys = numpy.array(sorted(found), dtype=numpy.int64).reshape(-1, 2)
    return PlanPairs(keys[:, 0], keys[:, 1], numpy.array([found[key] for key in sorted(found)], dtype=float))


def clusters(count: int, found: Found) -> list[int]:
    return cluster_plans(count, pairs_of(found)).tolist()


def plain_clusters(count: int, found: Found) -> list[int]:
    """The definition: from the most similar pair down, joined when every two members are a pair."""
    members = {plan: {plan} for plan in range(count)}
    for (one, other), _ in sorted(found.items(), key=lambda item: (-item[1], item[0])):
        mine, theirs = members[one], members[other]
        if mine is not theirs and all((min(a, b), max(a, b)) in found for a in mine for b in theirs):
            for plan in mine | theirs:
                members[plan] = mine | theirs
            for plan in members[one]:
                members[plan] = members[one]
    return [min(members[plan]) for plan in range(count)]


def test_a_chain_does_not_join_its_ends() -> None:
    bert, middle, gpt2 = 0, 1, 2
    assert clusters(3, {(bert, middle): 0.9, (middle, gpt2): 0.88}) == [bert, bert, gpt2]
    assert clusters(3, {(bert, middle): 0.88, (middle, gpt2): 0.9}) == [bert, middle, middle]


@given(found=similarities)
def test_clusters_are_those_of_the_definition(found: Found) -> None:
    assert clusters(COUNT, found) == plain_clusters(COUNT, found)


def test_larger_corpora_are_those_of_the_definition() -> None:
    generator = random.Random(0)
    for density in (0.02, 0.3, 0.8, 1.0):
        found = {
            (one, other): generator.choice([0.85, 0.9, 0.95, 1.0])
            for one in range(60)
            for other in range(one + 1, 60)
            if generator.random() < density
        }
        assert clusters(60, found) == plain_clusters(60, found)


@given(found=similarities)
def test_no_two_plans_of_a_cluster_are_below_the_threshold(found: Found) -> None:
    cluster_of = clusters(COUNT, found)
    for one in range(COUNT):
        for other in range(one + 1, COUNT):
            assert cluster_of[one] != cluster_of[other] or (one, other) in found


def test_every_plan_alone_without_similarities() -> None:
    assert clusters(2, {}) == [0, 1]
    assert clusters(0, {}) == []


def test_a_cluster_is_named_by_its_smallest_hash() -> None:
    assert cluster_names(["a", "b", "c"], numpy.array([0, 0, 2])) == {"a": "a", "b": "a", "c": "c"}


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from([0.85, 0.9, 0.95])), min_size=1, max_size=20
    )
)
def test_plans_are_as_similar_as_their_most_similar_structures(rows: list[tuple[int, int, float]]) -> None:
    expected: Found = {}
    for one, other, similarity in rows:
        if one != other:
            key = (min(one, other), max(one, other))
            expected[key] = max(similarity, expected.get(key, 0.0))
    one, other, similarity = (numpy.array(column) for column in zip(*rows, strict=True))
    found = plan_pairs(one, other, similarity)
    pairs = zip(found.first.tolist(), found.second.tolist(), strict=True)
    assert dict(zip(pairs, found.similarity.tolist(), strict=True)) == expected
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == sorted(expected)
