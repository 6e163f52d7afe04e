"""The map of the corpus: near where similar, and the same whatever the order, the threads and the size."""

from random import Random

import numpy
import pytest
from threadpoolctl import threadpool_limits

from data_processing.similarity import corpus_map
from data_processing.similarity.corpus_map import CorpusMap, draw_map, landmarks

Sets = dict[str, frozenset[int]]


def groups_of_sets(groups: int, each: int, seed: int = 1) -> Sets:
    """Sets of 20 of their group's 24 numbers: alike within a group, disjoint between groups."""
    random = Random(seed)
    return {
        f"{random.getrandbits(64):016x}-{group}": frozenset(random.sample(range(24 * group, 24 * group + 24), 20))
        for group in range(groups)
        for _ in range(each)
    }


def distances_between(ones: list[str], others: list[str], sets: Sets) -> numpy.ndarray:
    return numpy.array(
        [[1 - len(sets[one] & sets[other]) / len(sets[one] | sets[other]) for other in others] for one in ones]
    )


def drawn(ids: list[str], sets: Sets) -> CorpusMap:
    return draw_map(ids, distances_between(landmarks(ids), ids, sets))


def shares_of_own_group(found: CorpusMap, neighbours: int) -> list[float]:
    """Return for each structure the share of its nearest on the map that are of its group."""
    names = list(found.places)
    places = numpy.array(list(found.places.values()))
    shares = []
    for row, name in enumerate(names):
        away = ((places - places[row]) ** 2).sum(axis=1)
        away[row] = numpy.inf
        near = [names[other] for other in numpy.argsort(away)[:neighbours]]
        shares.append(sum(other.endswith(name[-2:]) for other in near) / neighbours)
    return shares


def test_what_is_alike_is_together() -> None:
    sets = groups_of_sets(6, 20)
    found = drawn(list(sets), sets)
    assert min(shares_of_own_group(found, 5)) == 1.0
    assert found.method == "t-SNE, perplexity 15, from principal coordinates"
    assert list(found.places) == sorted(sets)
    assert numpy.array(list(found.places.values())).mean(axis=0) == pytest.approx([0, 0], abs=1e-3)


def test_neither_order_nor_threads_move_anything() -> None:
    sets = groups_of_sets(5, 16)
    ids = list(sets)
    with threadpool_limits(1):
        first = drawn(ids, sets)
    Random(3).shuffle(ids)
    with threadpool_limits(2):
        assert drawn(ids, sets) == first


def test_structures_beyond_the_landmarks_are_put_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_map, "MOST_LANDMARKS", 60)
    sets = groups_of_sets(4, 30)
    found = drawn(list(sets), sets)
    assert found.method.endswith("; 60 structures put between their nearest landmarks")
    assert len(found.places) == 120
    assert min(shares_of_own_group(found, 3)) == 1.0


def test_a_structure_at_no_distance_from_a_landmark_is_put_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_map, "MOST_LANDMARKS", 40)
    sets = groups_of_sets(2, 20)
    first = min(sets)
    sets["z-twin"] = sets[first]
    places = drawn(list(sets), sets).places
    assert places["z-twin"] == pytest.approx(places[first], abs=0.1)
    assert max(map(max, places.values())) > 3


def test_a_structure_unlike_every_landmark_has_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_map, "MOST_LANDMARKS", 12)
    sets = groups_of_sets(1, 12)
    sets["z-alone"] = frozenset({10**6})
    assert numpy.isfinite(drawn(list(sets), sets).places["z-alone"]).all()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 9, 10, 11])
@pytest.mark.parametrize("distance", [0.0, 0.4, 1.0])
def test_few_structures_and_equally_distant_ones(count: int, distance: float) -> None:
    ids = [f"s{number:02}" for number in range(count)]
    found = draw_map(ids, numpy.full((count, count), distance) * (1 - numpy.eye(count)))
    places = numpy.array([found.places[name] for name in ids]).reshape(count, 2)
    assert numpy.isfinite(places).all()
    apart = numpy.sqrt(((places[:, None] - places) ** 2).sum(axis=2))
    if distance == 0:
        assert not places.any()
    elif count in (2, 3):
        assert apart[~numpy.eye(count, dtype=bool)] == pytest.approx((2 * distance) ** 0.5, abs=1e-3)
    assert len(set(found.places.values())) == (count if distance else min(count, 1))


def test_principal_coordinates_are_those_of_classical_scaling() -> None:
    from sklearn.manifold import ClassicalMDS

    sets = groups_of_sets(2, 3) | groups_of_sets(1, 3, seed=2)
    ids = sorted(sets)
    distances = distances_between(ids, ids, sets)
    found = draw_map(ids, distances)
    assert found.method == "principal coordinates"
    ours = numpy.array(list(found.places.values()))
    theirs = ClassicalMDS(n_components=2, metric="precomputed").fit_transform(numpy.sqrt(2 * distances))
    for column in range(2):
        signed = theirs[:, column] * numpy.sign((theirs * ours)[:, column].sum())
        assert ours[:, column] == pytest.approx(signed, abs=2e-3)


def test_landmarks_are_the_first_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    assert landmarks(["b", "c", "a"]) == ["a", "b", "c"]
    monkeypatch.setattr(corpus_map, "MOST_LANDMARKS", 2)
    assert landmarks(["b", "c", "a"]) == ["a", "b"]
