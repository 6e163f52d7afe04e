import random

from hypothesis import given
from hypothesis import strategies as st

from data_processing.grouping.clusters import cluster_plans, plan_pair, plan_similarities

similarities = st.dictionaries(
    st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde")).filter(lambda pair: pair[0] < pair[1]),
    st.sampled_from([0.5, 0.85, 0.9, 1.0]),
)


def test_a_chain_does_not_join_its_ends() -> None:
    chain = {("bert", "middle"): 0.9, ("gpt2", "middle"): 0.88}
    assert cluster_plans(["bert", "middle", "gpt2"], chain, 0.85) == {"bert": "bert", "middle": "bert", "gpt2": "gpt2"}


@given(found=similarities, threshold=st.sampled_from([0.0, 0.85, 0.9, 1.0]))
def test_no_two_plans_of_a_cluster_are_below_the_threshold(
    found: dict[tuple[str, str], float], threshold: float
) -> None:
    clusters = cluster_plans("abcde", found, threshold)
    for one in "abcde":
        for other in "abcde":
            if one < other and clusters[one] == clusters[other]:
                assert found.get((one, other), 0.0) >= threshold


@given(found=similarities)
def test_order_does_not_matter(found: dict[tuple[str, str], float]) -> None:
    shuffled = list(found.items())
    random.Random(1).shuffle(shuffled)
    assert cluster_plans("abcde", found, 0.85) == cluster_plans("edcba", dict(shuffled), 0.85)


def test_every_plan_alone_without_similarities() -> None:
    assert cluster_plans("ab", {}, 0.85) == {"a": "a", "b": "b"}


def test_plans_are_as_similar_as_their_most_similar_structures() -> None:
    assert plan_similarities([("b", "a", 0.8), ("a", "b", 0.9), ("a", "a", 1.0)]) == {("a", "b"): 0.9}
    assert plan_pair("b", "a") == ("a", "b")
