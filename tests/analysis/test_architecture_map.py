"""The map: its points, their names, and what is said of neighbours."""

from collections import Counter
from itertools import combinations

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Annotation, Text
from pandas import DataFrame
from scipy.spatial import KDTree

from analysis.architecture_map import MAP, NAMED_FAMILIES, MapPoint, MapRow, map_points, named_points, same_task_nearest
from analysis.document import Picture
from analysis.figures.architecture_map import draw_map
from analysis.figures.render import render_png
from analysis.section import Answers
from analysis.sections.process.architecture_map import MAP_SECTION
from store import Store
from store.records import MapPointRecord
from tests.analysis.synthetic import PROCESS_RUN, fill_catalog, fill_families
from tests.analysis.synthetic_architecture import fill_architecture


@pytest.fixture
def store(empty_store: Store) -> Store:
    fill_catalog(empty_store)
    fill_families(empty_store)
    fill_architecture(empty_store)
    return empty_store


def point(x: float, y: float, task: str = "t", label: str = "", family: str = "f") -> MapPoint:
    return MapPoint("hub", "m", f"{x},{y}", family, task, 10**6, 1, x, y, label)


def map_row(structure: str, family: str | None, family_models: int | None, x: float, y: float = 0.0) -> MapRow:
    return MapRow(structure, "hub", "m", family, family_models, "t", 1, 1, x, y, "t-SNE", 9)


def test_a_point_is_told_by_the_most_downloaded_model_of_its_structure(store: Store) -> None:
    points = {found.structure_id: found for found in Answers(store).derive(map_points)}
    frame = store.frame(
        "SELECT e.structure_id, s.source, s.model_id, s.downloads FROM sightings s JOIN extractions e "
        "USING (source, model_id) WHERE e.structure_id IS NOT NULL"
    )
    order = frame.sort_values(["downloads", "source", "model_id"], ascending=[False, True, True], na_position="last")
    wanted = order.groupby("structure_id").head(1).set_index("structure_id")["model_id"].to_dict()
    assert {structure: found.model_id for structure, found in points.items()} == wanted
    families = dict(store.rows("SELECT model_id, family_id FROM families"))
    assert all(found.family == families[found.model_id] for found in points.values())


def test_points_of_older_process_runs_are_not_drawn(store: Store) -> None:
    before = store.fetch(MAP)
    store.insert([MapPointRecord("20200101T000000.000000-aaaaaa", "s00", 9.0, 9.0, "old", 99)])
    assert store.fetch(MAP) == before


def test_the_map_is_capped_at_the_points_of_most_models(store: Store) -> None:
    before = len(store.fetch(MAP))
    store.connection.execute(
        "INSERT INTO extracted_structures SELECT 'run', 'x' || i, 'config', 1, 10, 0, NULL, 1 FROM range(2000) t(i);"
        "INSERT INTO sightings (run_id, model_id, source, revision) "
        "SELECT 'run', 'x' || i, 'hub', 'r' FROM range(2000) t(i);"
        "INSERT INTO extractions (run_id, model_id, source, revision, status, reader, seconds, bytes_downloaded,"
        " requests, structure_id) "
        "SELECT 'run', 'x' || i, 'hub', 'r', 'extracted', 'y', 0, 0, 0, 'x' || i FROM range(2000) t(i);"
        f"INSERT INTO map_points SELECT '{PROCESS_RUN}', 'x' || i, i, 0, 'm', 100 + i FROM range(2000) t(i)"
    )
    rows = store.fetch(MAP)
    assert [row.n_models for row in rows] == [*range(2099, 599, -1)]
    assert {row.n_points for row in rows} == {2000 + before}
    [picture] = MAP_SECTION.render(Answers(store))
    assert isinstance(picture, Picture)
    assert f"Of {2000 + before:,} points those of most models are drawn." in picture.caption


def test_a_family_is_named_at_the_middle_of_its_points() -> None:
    rows = [map_row(f"s{place}", "big", 5, x) for place, x in enumerate((0.0, 1.0, 2.0, 50.0, 60.0))]
    rows += [map_row("alone", "single", 1, 7.0), map_row("none", None, None, 8.0)]
    assert named_points(rows) == {"s2": "big"}


def test_the_largest_families_are_named_once_each() -> None:
    rows = [map_row(f"s{place}", f"f{place:02}", 2 + place, float(place)) for place in range(NAMED_FAMILIES + 5)]
    named = named_points(rows)
    assert set(named.values()) == {f"f{place:02}" for place in range(5, NAMED_FAMILIES + 5)}
    assert max(Counter(named.values()).values()) == 1


@settings(max_examples=30)
@given(st.integers(2, 60), st.integers(0, 10**6))
def test_neighbours_and_chance_agree_with_a_tree_and_with_all_pairs(count: int, seed: int) -> None:
    draw = numpy.random.default_rng(seed)
    places, tasks = draw.normal(size=(count, 2)), [f"t{number}" for number in draw.integers(0, 4, count)]
    points = [point(float(x), float(y), task) for (x, y), task in zip(places, tasks, strict=True)]
    nearest = numpy.asarray(KDTree(places).query(places, k=2)[1])
    wanted = numpy.mean([tasks[row] == tasks[other] for row, (_, other) in enumerate(nearest)])
    pairs = [a == b for a, b in combinations(tasks, 2)]
    assert same_task_nearest(points) == (pytest.approx(wanted), pytest.approx(sum(pairs) / len(pairs)))


def test_fewer_than_two_points_have_no_neighbours() -> None:
    assert same_task_nearest([]) == same_task_nearest([point(0, 0)]) == (0.0, 0.0)


def test_names_do_not_cover_one_another() -> None:
    crowd = [point(0.01 * place, 0.0, label=f"a family called {place}") for place in range(20)]
    figure = draw_map(DataFrame([*crowd, point(9.0, 9.0), point(-9.0, -9.0)]), "title", ["t"])
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    [axes] = figure.axes
    notes = [child for child in axes.get_children() if isinstance(child, Annotation)]
    boxes = [Text.get_window_extent(note, renderer) for note in notes]
    assert len(boxes) >= 15
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


@pytest.mark.parametrize("name", ["$x_1$ \\frac{", "模型 🤖", "a\nb\x00", "=" * 300])
def test_names_from_outside_are_drawn_as_text(name: str, store: Store) -> None:
    [picture] = MAP_SECTION.render(Answers(store))
    assert isinstance(picture, Picture)
    rows = [point(0.0, 0.0, name, name), point(1.0, 1.0, name)]
    assert render_png(Picture("map", "", "", rows, picture.draw)).startswith(b"\x89PNG")
