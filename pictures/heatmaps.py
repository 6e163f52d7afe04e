"""Heatmaps: a table with a text a cell, and layers with a panel a target and one scale of colours for all of them."""

from typing import TYPE_CHECKING, Any

from pictures.style import LINEAR_UP_TO, Frame, facets, heading, label
from pipeline.text import short_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

COLOUR_MAP = "cividis"
# Larger panels carry no numbers in their cells, and only so many labels on an axis.
_MOST_NUMBERED = 12
_MOST_LABELLED = 16


def draw_layer_heatmaps(
    frame: Frame,
    title: str,
    *,
    value_label: str,
    row_label: str = "layer",
    column_label: str = "layer",
    shared: bool = True,
    limits: tuple[float, float] | None = None,
    logarithmic: bool = False,
) -> "Figure":
    """Heatmaps: a panel each value of `panel`, a cell each `row` and `column`. Columns panel, row, column, value.

    Whole numbers as rows or columns stand in order with their gaps, anything else in the order in which it comes. A
    cell without a value, or with NaN, is grey. `shared`: one scale of colours for all panels, so that they compare;
    otherwise each has its own. `limits` are the ends of a shared scale, so that several pictures compare.
    `logarithmic`: it is, beyond a thousandth on both sides of 0, for damage. A cell that is given twice shows the mean.
    """
    panels = list(dict.fromkeys(frame["panel"]))
    tables = [_table(frame[frame["panel"] == panel]) for panel in panels]
    figure, axes = facets(len(panels), 4.4, 3.9)
    limits = limits or _limits(frame["value"])
    for panel, name, table in zip(axes, panels, tables, strict=True):
        image = draw_cells(panel, table, _scale(limits if shared else _limits(table.stack()), logarithmic=logarithmic))
        panel.set_title(label(str(name)))
        panel.set(xlabel=column_label, ylabel=row_label)
        if not shared:
            figure.colorbar(image, ax=panel, label=value_label, format="%g")
    if shared:
        figure.colorbar(axes[0].images[0], ax=axes, label=value_label, shrink=0.8, format="%g")
    heading(figure, title)
    return figure


def draw_table(
    axes: "Axes",
    table: Frame,
    texts: Frame,
    *,
    scale: "Normalize",
    colours: str,
    value_label: str,
    slanted: bool = True,
) -> None:
    """Draw a table as cells with `texts`, of the same form, in them, and its bar of colours.

    The cell of row i and column j is the square from (j, i) to (j + 1, i + 1); one without a value stays white. Names
    of rows and columns are drawn as they are; `slanted`: those of the columns are long.
    """
    cells = table.to_numpy(dtype=float)
    mesh = axes.pcolormesh(cells, cmap=colours, norm=scale, edgecolors="white", linewidth=0.5)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    turned = {"rotation": 40, "horizontalalignment": "right", "rotation_mode": "anchor"} if slanted else {}
    axes.set_xticks([0.5 + column for column in range(cells.shape[1])], list(table.columns), **turned)
    axes.set_yticks([0.5 + row for row in range(cells.shape[0])], list(table.index))
    axes.figure.colorbar(mesh, ax=axes, label=value_label)
    written, painted = texts.to_numpy(), mesh.to_rgba(cells)
    for row, column in _places(cells):
        axes.text(
            column + 0.5, row + 0.5, written[row, column], fontsize=8, color=_readable_on(painted[row, column]),
            horizontalalignment="center", verticalalignment="center", in_layout=False,
        )  # fmt: skip


def _readable_on(colour: Any) -> str:
    """Return black or white, whichever is farther from a colour (red, green, blue, alpha in [0, 1]) in luminance."""
    red, green, blue = (value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in colour[:3])
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "white"


def _table(part: Frame) -> Frame:
    """Return the cells of a panel as a table, rows and columns complete."""
    wide = part.groupby(["row", "column"], sort=False)["value"].mean().unstack("column")
    return wide.reindex(index=_complete(part["row"]), columns=_complete(part["column"]))


def _complete(places: Any) -> "Sequence[Any]":
    known = list(dict.fromkeys(places.dropna()))
    if all(isinstance(place, int | float) and place == int(place) for place in known):
        return range(int(min(known)), int(max(known)) + 1)
    return known


def _limits(values: Any) -> tuple[float, float]:
    """Return the least and the greatest value, [0, 1] when there is none."""
    known = values.dropna()
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)


def _scale(limits: tuple[float, float], *, logarithmic: bool) -> "Normalize":
    """Return what makes a place in [0, 1] on the scale of colours of a value."""
    from matplotlib.colors import Normalize, SymLogNorm

    low, high = limits
    return SymLogNorm(LINEAR_UP_TO, vmin=low, vmax=high) if logarithmic and low < high else Normalize(low, high)


def draw_cells(panel: "Axes", table: Frame, scale: "Normalize", numbers: Frame | None = None) -> Any:
    """Draw a table as cells and return the image; `numbers` of the same form stand in them, else the table's own."""
    import matplotlib as mpl

    colours = mpl.colormaps[COLOUR_MAP].with_extremes(bad="#e6e6e6")
    cells = table.to_numpy(dtype=float)
    image = panel.imshow(cells, cmap=colours, norm=scale, aspect="auto", interpolation="nearest")
    panel.grid(visible=False)
    _ticks(panel.xaxis, table.columns)
    _ticks(panel.yaxis, table.index)
    if max(cells.shape) <= _MOST_NUMBERED:
        _numbers(panel, image.to_rgba(cells), cells if numbers is None else numbers.to_numpy(dtype=float))
    return image


def _ticks(axis: Any, names: Any) -> None:
    """Label an axis' places, every n-th when there are too many; names rather than numbers stand slanted below."""
    step = -(-len(names) // _MOST_LABELLED)
    texts = [label(str(name), 16) for name in names[::step]]
    slanted = axis.axis_name == "x" and max(map(len, texts)) > 3
    turned = {"rotation": 40, "horizontalalignment": "right", "rotation_mode": "anchor"} if slanted else {}
    axis.set_ticks(range(0, len(names), step), texts, **turned)
    axis.set_tick_params(labelsize=8)


def _numbers(panel: "Axes", painted: Any, shown: Any) -> None:
    size = 8 if max(shown.shape) <= _MOST_NUMBERED / 2 else 6
    for row, column in _places(shown):
        panel.text(
            column, row, _number(shown[row, column]), fontsize=size, color=_readable_on(painted[row, column]),
            horizontalalignment="center", verticalalignment="center", in_layout=False,
        )  # fmt: skip


def _number(value: float) -> str:
    """Return two digits, three from 1 on: there 1.05 and 1.2 are different damage."""
    return short_count(value) if value >= 1000 else f"{value:.3g}" if abs(value) >= 1 else f"{value:.2g}"


def _places(cells: Any) -> list[tuple[int, int]]:
    """Return the places of cells with a value."""
    import numpy

    return [(int(row), int(column)) for row, column in numpy.argwhere(~numpy.isnan(cells))]
