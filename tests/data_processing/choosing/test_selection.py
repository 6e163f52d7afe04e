"""The selections against slow loops and exhaustive search."""

import math
from itertools import combinations, pairwise

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_processing.choosing.selection import Objective, point_weights, select, single_scores

EIGHTHS = [step / 8 for step in range(9)]  # sums of these are exact, so that ties are real ties


@st.composite
def matrices(draw: st.DrawFn, most: int = 7) -> numpy.ndarray:
    rows, columns = draw(st.integers(1, most)), draw(st.integers(1, most))
    cells = st.lists(st.sampled_from(EIGHTHS), min_size=columns, max_size=columns)
    return numpy.array(draw(st.lists(cells, min_size=rows, max_size=rows)))


@st.composite
def sets_apart(draw: st.DrawFn) -> numpy.ndarray:
    """Jaccard distances of small sets: they obey the triangle inequality."""
    sets = draw(st.lists(st.frozensets(st.integers(0, 7), min_size=1), min_size=1, max_size=8))
    return numpy.array([[1 - len(one & other) / len(one | other) for other in sets] for one in sets])


def weights_of(points: int) -> numpy.ndarray:
    """Powers of two, the heaviest first: exact sums."""
    weights = numpy.array([2.0 ** -min(point, 4) for point in range(points)])
    return weights / 2 ** math.ceil(math.log2(weights.sum()))


def mean_to(distances: numpy.ndarray, chosen: tuple[int, ...], weights: numpy.ndarray) -> float:
    return sum(
        weights[point] * min((distances[row, point] for row in chosen), default=1.0) for point in range(len(weights))
    )


def greatest_to(distances: numpy.ndarray, chosen: tuple[int, ...]) -> float:
    return max(min(distances[row, point] for row in chosen) for point in range(distances.shape[1]))


def medoids_by_loops(distances: numpy.ndarray, weights: numpy.ndarray) -> list[int]:
    chosen: tuple[int, ...] = ()
    while len(chosen) < len(distances):
        left = [row for row in range(len(distances)) if row not in chosen]
        chosen += (min(left, key=lambda row: (mean_to(distances, (*chosen, row), weights), row)),)
    return list(chosen)


@given(matrices())
def test_medoids_are_those_of_a_slow_loop(distances: numpy.ndarray) -> None:
    weights = weights_of(distances.shape[1])
    picks = select("k-medoids", distances, weights, len(distances))
    assert [pick.candidate for pick in picks] == medoids_by_loops(distances, weights)
    for k, pick in enumerate(picks, start=1):
        chosen = tuple(pick.candidate for pick in picks[:k])
        assert pick.mean == pytest.approx(mean_to(distances, chosen, weights))
        assert pick.greatest == greatest_to(distances, chosen)


@given(matrices(), st.integers(1, 4))
def test_medoids_save_their_share_of_the_best(distances: numpy.ndarray, count: int) -> None:
    weights = weights_of(distances.shape[1])
    count = min(count, len(distances))
    unserved = weights.sum()
    best = unserved - min(mean_to(distances, chosen, weights) for chosen in combinations(range(len(distances)), count))
    picks = select("k-medoids", distances, weights, count)
    assert unserved - picks[-1].mean >= (1 - 1 / math.e) * best - 1e-9
    assert count > 1 or unserved - picks[0].mean == pytest.approx(best)


def test_greedy_is_not_always_best_so_the_bound_has_a_meaning() -> None:
    """Every point is near two of the outer candidates' points or the middle one: greedy takes the middle first."""
    distances = 1 - numpy.array([[1, 1, 0, 0, 0.0], [0, 0, 0, 1, 1], [0, 1, 1, 1, 0]])
    picks = select("k-medoids", distances, numpy.full(5, 0.2), 2)
    assert [pick.candidate for pick in picks] == [2, 0]
    assert picks[-1].mean == pytest.approx(0.2) == pytest.approx(mean_to(distances, (0, 1), numpy.full(5, 0.2)))
    scores = single_scores("k-medoids", distances, numpy.full(5, 0.2))
    assert scores[0] == scores[1] > scores[2]


@given(sets_apart(), st.integers(1, 4))
def test_centres_are_at_most_twice_the_least_possible(distances: numpy.ndarray, count: int) -> None:
    count = min(count, len(distances))
    picks = select("k-centre", distances, weights_of(len(distances)), count)
    least = min(greatest_to(distances, chosen) for chosen in combinations(range(len(distances)), count))
    assert picks[-1].greatest <= 2 * least + 1e-5
    assert count > 1 or picks[0].greatest == pytest.approx(least, abs=1e-6)


@given(matrices())
def test_centres_go_to_the_farthest_point_that_can_be_helped(distances: numpy.ndarray) -> None:
    picks = [pick.candidate for pick in select("k-centre", distances, weights_of(distances.shape[1]), len(distances))]
    assert sorted(picks) == list(range(len(distances)))
    for k in range(1, len(picks)):
        left = sorted(set(picks[k:]))
        nearest = distances[picks[:k]].min(axis=0)
        helped = [point for point in range(distances.shape[1]) if distances[left, point].min() < nearest[point]]
        farthest = max(helped, key=lambda point: (nearest[point], -point), default=None)
        expected = left[0] if farthest is None else min(left, key=lambda row: (distances[row, farthest], row))
        assert picks[k] == expected


@given(matrices(), st.sampled_from(["k-medoids", "k-centre"]), st.integers(1, 6))
def test_choices_are_nested_and_never_worse(distances: numpy.ndarray, objective: Objective, count: int) -> None:
    weights = weights_of(distances.shape[1])
    picks = select(objective, distances, weights, count)
    assert picks == select(objective, distances, weights, 99)[:count]
    for before, after in pairwise(picks):
        assert after.mean <= before.mean and after.greatest <= before.greatest


def test_distances_of_32_bits_choose_as_those_of_64() -> None:
    """0.1 + 0.2 and 0.3 are equal sums in both."""
    distances = numpy.array([[0.1, 0.2], [0.3, 0.0], [0.0, 0.3]])
    for kind in (numpy.float32, numpy.float64):
        picks = select("k-medoids", distances.astype(kind), numpy.array([0.5, 0.5]), 1)
        assert [pick.candidate for pick in picks] == [0]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 10**12)), min_size=1))
def test_weights_are_half_models_half_downloads(points: list[tuple[int, int]]) -> None:
    models, downloads = [one for one, _ in points], [other for _, other in points]
    weights = point_weights(models, downloads)
    assert weights.sum() == pytest.approx(1)
    total = sum(downloads)
    for weight, one, other in zip(weights, models, downloads, strict=True):
        share = one / sum(models)
        assert weight == pytest.approx((share + other / total) / 2 if total else share)


def test_nothing_to_choose_from() -> None:
    assert select("k-medoids", numpy.zeros((0, 3)), numpy.full(3, 1 / 3), 5) == []
    assert select("k-centre", numpy.zeros((0, 3)), numpy.full(3, 1 / 3), 5) == []
