"""The coverage curve against counting by loops."""

from random import Random

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_processing.choosing.coverage import DISTANCES, MOST_CHOICES, CoverageStep, Point, Site, coverage
from data_processing.choosing.selection import Objective
from tests.data_processing.models import model

objectives = st.sampled_from(["k-medoids", "k-centre"])
STEPS = [0.0, 0.1, 0.15, 0.2, 0.3, 0.5, 0.9, 1.0]


@st.composite
def corpora(draw: st.DrawFn) -> tuple[list[Site], list[Point], numpy.ndarray]:
    n_sites, n_points = draw(st.integers(1, 6)), draw(st.integers(1, 8))
    sites = [Site(f"f{row}", model(f"m{row}", downloads=draw(st.sampled_from([None, 5])))) for row in range(n_sites)]
    points = [Point(f"s{column}", draw(st.integers(1, 9)), draw(st.integers(0, 1000))) for column in range(n_points)]
    row = st.lists(st.sampled_from(STEPS), min_size=n_points, max_size=n_points)
    return sites, points, numpy.array(draw(st.lists(row, min_size=n_sites, max_size=n_sites)), dtype=numpy.float32)


@given(corpora(), objectives)
def test_shares_are_those_of_a_slow_count(
    corpus: tuple[list[Site], list[Point], numpy.ndarray], objective: Objective
) -> None:
    sites, points, distances = corpus
    rows = {site.family_id: distances[row] for row, site in enumerate(sites)}
    steps = coverage(sites, points, distances, objective)
    assert [(step.k, step.distance) for step in steps] == [
        (k, distance) for k in range(1, len(sites) + 1) for distance in DISTANCES
    ]
    downloads = sum(point.downloads for point in points)
    for step in steps:
        chosen = {earlier.site.family_id for earlier in steps if earlier.k <= step.k}
        assert len(chosen) == step.k
        within = [
            point
            for column, point in enumerate(points)
            if any(rows[family][column] <= step.distance + 1e-6 for family in chosen)
        ]
        models = sum(point.n_models for point in within) / sum(point.n_models for point in points)
        assert step.share_models == pytest.approx(models)
        assert step.share_downloads == (
            pytest.approx(sum(point.downloads for point in within) / downloads) if downloads else None
        )


@given(corpora(), objectives)
def test_more_choices_and_longer_distances_never_cover_less(
    corpus: tuple[list[Site], list[Point], numpy.ndarray], objective: Objective
) -> None:
    steps = coverage(*corpus, objective)
    for one in steps:
        for other in steps:
            if one.k <= other.k and one.distance <= other.distance:
                assert one.share_models <= other.share_models
                assert (one.share_downloads or 0) <= (other.share_downloads or 0)


@given(corpora(), objectives, st.randoms(use_true_random=False))
def test_the_order_of_sites_and_points_does_not_matter(
    corpus: tuple[list[Site], list[Point], numpy.ndarray], objective: Objective, random: Random
) -> None:
    sites, points, distances = corpus
    rows, columns = list(range(len(sites))), list(range(len(points)))
    random.shuffle(rows)
    random.shuffle(columns)
    shuffled = coverage(
        [sites[row] for row in rows], [points[column] for column in columns], distances[rows][:, columns], objective
    )
    assert shuffled == coverage(sites, points, distances, objective)


def curve(steps: list[CoverageStep], distance: float) -> list[tuple[str, float, float | None]]:
    return [
        (step.site.family_id, step.share_models, step.share_downloads) for step in steps if step.distance == distance
    ]


SITES = [Site("llama", model("a/llama")), Site("bert", model("b/bert")), Site("lone", model("c/lone"))]
POINTS = [Point("s1", 6, 100), Point("s2", 2, 900), Point("s3", 1, 0), Point("s4", 1, 0)]
APART = numpy.array([[0.0, 0.9, 0.15, 1.0], [0.9, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 0.0]])


def test_a_worked_example() -> None:
    """Half of the weight follows models, half downloads: s1 .35, s2 .55, so bert is first; 1 model of 10 is .05."""
    steps = coverage(SITES, POINTS, APART, "k-medoids")
    assert curve(steps, 0.0) == [("bert", 0.2, 0.9), ("llama", 0.8, 1.0), ("lone", 0.9, 1.0)]
    assert curve(steps, 0.15) == [("bert", 0.2, 0.9), ("llama", 0.9, 1.0), ("lone", 1.0, 1.0)]
    assert [step.reason for step in steps[:: len(DISTANCES)]] == [
        "covers 2 models within 0.15; the mean distance is 0.415",
        "covers 7 more models within 0.15; the mean distance falls from 0.415 to 0.058",
        "covers 1 more model within 0.15; the mean distance falls from 0.058 to 0.007",
    ]


def test_the_farthest_first() -> None:
    """Every site is 1 from some structure and bert has the least mean; s3 and s4 are then farthest, s3 by its id."""
    steps = coverage(SITES, POINTS, APART, "k-centre")
    assert [family for family, _, _ in curve(steps, 0.0)] == ["bert", "llama", "lone"]
    assert steps[0].reason == "covers 2 models within 0.15; the greatest distance is 1.000"
    assert steps[-1].reason == "covers 1 more model within 0.15; the greatest distance falls from 1.000 to 0.150"


def test_without_downloads_models_decide_and_shares_of_downloads_are_unknown() -> None:
    steps = coverage(SITES, [Point(point.structure_id, point.n_models, 0) for point in POINTS], APART, "k-medoids")
    assert curve(steps, 0.0)[0] == ("llama", 0.6, None)


def test_equally_good_sites_are_taken_by_downloads_then_id() -> None:
    sites = [Site("a", model("a/a")), Site("b", model("b/b")), Site("c", model("c/c", downloads=3))]
    points = [Point(name, 1, 0) for name in "xyz"]
    steps = coverage(sites, points, 1 - numpy.eye(3), "k-medoids")
    assert [family for family, _, _ in curve(steps, 0.0)] == ["c", "a", "b"]


def test_of_equally_far_structures_the_heavier_counts_and_nothing_is_covered_twice() -> None:
    sites = [Site(name, model(name)) for name in "abc"]
    points = [Point("s1", 1, 0), Point("s2", 5, 0), Point("s3", 3, 0)]
    distances = numpy.array([[0.0, 1.0, 1.0], [0.1, 0.0, 1.0], [0.1, 1.0, 0.0]])
    steps = coverage(sites, points, distances, "k-centre")
    assert [family for family, _, _ in curve(steps, 0.0)] == ["b", "c", "a"]
    assert [step.reason.partition(" within")[0] for step in steps[:: len(DISTANCES)]] == [
        "covers 6 models",
        "covers 3 more models",
        "covers 0 more models",
    ]
    distances[2] = 0.5
    order = [family for family, _, _ in curve(coverage(sites, points, distances, "k-centre"), 0.0)]
    assert order == ["c", "b", "a"], "s2 has more models than s1"


def test_at_most_a_hundred_choices_and_none_without_families() -> None:
    count = MOST_CHOICES + 3
    sites = [Site(f"f{row}", model(f"m{row}")) for row in range(count)]
    points = [Point(f"s{row}", 1, 0) for row in range(count)]
    assert coverage(sites, points, 1 - numpy.eye(count), "k-medoids")[-1].k == MOST_CHOICES
    assert coverage([], [], numpy.zeros((0, 0)), "k-medoids") == []
    assert coverage([], POINTS, numpy.zeros((0, 4)), "k-centre") == []
