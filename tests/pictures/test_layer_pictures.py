"""Heatmaps, curves and bars: every size is drawn, colours compare over panels, what is missing is no number."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy
import pandas
import pytest
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle

from pictures.curves import draw_bars, draw_curves
from pictures.heatmaps import draw_layer_heatmaps, draw_table
from pictures.style import axes_grid, png_of

LONG = "a name that no axis can hold " * 5 + "\u202e$x$"


def cells(panels: list[str], layers: int, value: Callable[[int, int], float] = lambda row, column: row - column) -> Any:
    return pandas.DataFrame(
        [
            {"panel": panel, "row": row, "column": column, "value": float(value(row, column)) + index}
            for index, panel in enumerate(panels)
            for row, column in itertools.product(range(layers), repeat=2)
        ]
    )


@pytest.mark.parametrize("layers", [1, 3, 96])
def test_heatmaps_of_every_size_become_a_png(layers: int) -> None:
    rows = cells(["mlp", LONG], layers).to_dict("records")
    png = png_of(lambda frame: draw_layer_heatmaps(frame, LONG, value_label="nats"), rows)
    assert png.startswith(b"\x89PNG")


def test_panels_share_one_scale_of_colours_unless_asked_otherwise() -> None:
    frame = cells(["a", "b"], 3)
    shared = draw_layer_heatmaps(frame, "t", value_label="v")
    assert [axes.images[0].get_clim() for axes in shared.axes[:2]] == [(-2, 3), (-2, 3)]
    own = draw_layer_heatmaps(frame, "t", value_label="v", shared=False)
    assert [axes.images[0].get_clim() for axes in own.axes[:2]] == [(-2, 2), (-1, 3)]


def test_a_logarithmic_scale_keeps_small_damage_apart_beside_great_and_below_nothing() -> None:
    values = {(0, 0): -0.05, (0, 1): 0.02, (1, 0): 0.2, (1, 1): 11.0}
    frame = cells(["a"], 2, lambda row, column: values[row, column])
    figure = draw_layer_heatmaps(frame, "t", value_label="v", logarithmic=True)
    image = figure.axes[0].images[0]
    places = numpy.asarray(image.norm(numpy.array([*values.values()])), dtype=float)
    assert (places[0], places[3]) == (0.0, 1.0)
    assert not any("$" in text.get_text() for axes in figure.axes for text in axes.get_yticklabels())
    assert all(later - earlier > 0.1 for earlier, later in itertools.pairwise(places))
    equal = cells(["a"], 1)
    assert draw_layer_heatmaps(equal, "t", value_label="v", logarithmic=True).axes[0].images


def test_a_cell_without_a_value_is_no_number_and_gaps_stay() -> None:
    frame = pandas.DataFrame(
        [("p", 0, 0, 1.0), ("p", 3, 1, 2.0), ("p", 3, 0, float("nan"))], columns=["panel", "row", "column", "value"]
    )
    panel = draw_layer_heatmaps(frame, "t", value_label="v").axes[0]
    drawn = panel.images[0].get_array()
    assert drawn is not None
    assert drawn.shape == (4, 2)
    assert numpy.ma.getmaskarray(drawn).sum() == 6
    assert [text.get_text() for text in panel.texts] == ["1", "2"]


def test_nothing_but_blanks_is_drawn() -> None:
    rows = [{"panel": "p", "row": 0, "column": 0, "value": float("nan")}]
    assert png_of(lambda frame: draw_layer_heatmaps(frame, "t", value_label="v"), rows).startswith(b"\x89PNG")


@pytest.mark.parametrize("lines", [1, 30])
def test_curves_leave_blanks_out(lines: int) -> None:
    frame = pandas.DataFrame(
        [
            ("p", f"{LONG} {line}", x, float("nan") if x == 1 else x + line + 1.0)
            for line in range(lines)
            for x in range(3)
        ],
        columns=["panel", "line", "x", "value"],
    )
    figure = draw_curves(frame, LONG, x_label="x", value_label="v", logarithmic=True)
    assert [numpy.asarray(line.get_xdata()).tolist() for line in figure.axes[0].lines] == [[0, 2]] * lines
    assert png_of(lambda rows: draw_curves(rows, "t", x_label="x", value_label="v"), frame.to_dict("records"))


@pytest.mark.parametrize("layers", [1, 96])
def test_bars_stand_by_group_and_colour(layers: int) -> None:
    frame = pandas.DataFrame(
        [("p", layer, bar, float(layer + 1)) for layer in reversed(range(layers)) for bar in ("mlp", LONG)],
        columns=["panel", "group", "bar", "value"],
    )
    figure = draw_bars(frame, "t", group_label="layer", value_label="v")
    heights = [patch.get_height() for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    assert heights == [float(layer + 1) for layer in range(layers)] * 2
    assert png_of(lambda rows: draw_bars(rows, "t", group_label="g", value_label="v"), frame.to_dict("records"))


def test_small_damage_has_a_bar_beside_a_great_one() -> None:
    frame = pandas.DataFrame([("p", 0, "mlp", 12.0), ("p", 1, "mlp", 0.02)], columns=["panel", "group", "bar", "value"])
    figure = draw_bars(frame, "t", group_label="layer", value_label="v", logarithmic=True)
    [axes] = figure.axes
    great, small = (
        axes.transData.transform((0, bar.get_height()))[1] for bar in axes.patches if isinstance(bar, Rectangle)
    )
    nothing = axes.transData.transform((0, 0))[1]
    assert small - nothing > (great - nothing) / 4


def test_counts_in_cells_are_short() -> None:
    figure = draw_layer_heatmaps(cells(["a"], 1, lambda row, column: 13824.0), "t", value_label="v")
    assert [text.get_text() for text in figure.axes[0].texts] == ["13.8 K"]


def test_a_table_has_its_texts_in_its_cells_and_none_where_there_is_no_value() -> None:
    table = pandas.DataFrame({"x": [1.0, float("nan")], "y": [10.0, 100.0]}, index=["a", "b"])
    _, [axes] = axes_grid(4, 3)
    draw_table(axes, table, table.map("{:g}".format), scale=LogNorm(1, 100), colours="viridis", value_label="value")
    assert [(text.get_position(), text.get_text(), text.get_color()) for text in axes.texts] == [
        ((0.5, 0.5), "1", "white"), ((1.5, 0.5), "10", "black"), ((1.5, 1.5), "100", "black"),
    ]  # fmt: skip
    assert [text.get_text() for text in axes.get_xticklabels()] == ["x", "y"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b"]
    low, high = axes.get_ylim()
    assert low > high  # the first row is above
