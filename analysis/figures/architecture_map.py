"""The map of architectures: points, and names that do not cover one another."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pictures.style import MARKERS, OTHER, Frame, axes_grid, colors_of, heading, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Where a name may stand: away from its point by so many points of type, in these directions.
_DISTANCES = (6, 16, 30, 48)
_DIRECTIONS = 12
_AREAS = (12, 90)
_LEAST_PARAMETERS, _MOST_PARAMETERS = 1e5, 1e12


def draw_map(frame: Frame, title: str, tasks: Sequence[str]) -> "Figure":
    """Scatter: a point a structure, a colour a task, larger for more parameters; the largest families are named.

    Columns x, y, task (as in `tasks`, or another one: drawn as "other"), n_parameters, label.
    """
    figure, [axes] = axes_grid(12, 8.2)
    colors = colors_of(tasks)
    shown = frame["task"].where(frame["task"].isin(list(tasks)), OTHER)
    for index, task in reversed([*enumerate(dict.fromkeys((*tasks, OTHER)))]):
        part = frame[shown == task]
        if len(part):
            axes.scatter(
                part["x"],
                part["y"],
                s=[_area(count) for count in part["n_parameters"]],
                color=colors[task],
                marker="." if task == OTHER else MARKERS[index % len(MARKERS)],
                alpha=0.8,
                linewidths=0.3,
                edgecolors="white",
                label=f"{label(task, 26)} ({len(part):,})",
            )
    axes.set(xticks=[], yticks=[], xlabel="near = similar module trees; distances between far groups mean little")
    axes.margins(0.06)
    legend = axes.legend(title="task (structures)", loc="center left", bbox_to_anchor=(1, 0.5), reverse=True)
    for handle in legend.legend_handles:
        handle.set_sizes([45])  # type: ignore[union-attr]  # of a scatter
    heading(figure, title)
    named = frame[frame["label"] != ""]
    _name(figure, axes, [(row.x, row.y, label(row.label, 24)) for row in named.itertuples()])
    return figure


def _area(n_parameters: float) -> float:
    """Return the area of a point, by the logarithm of its parameters."""
    low, high = math.log(_LEAST_PARAMETERS), math.log(_MOST_PARAMETERS)
    place = (math.log(max(n_parameters, 1)) - low) / (high - low)
    return _AREAS[0] + min(1.0, max(0.0, place)) * (_AREAS[1] - _AREAS[0])


def _name(figure: "Figure", axes: "Axes", points: Sequence[tuple[float, float, str]]) -> None:
    """Write names beside their points, each where it covers no other; one that fits nowhere is left out."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    renderer = canvas.get_renderer()
    frame = axes.get_window_extent(renderer)
    taken: list[Any] = []
    for x, y, text in points:
        for offset in _offsets():
            note = _note(axes, (x, y), text, offset)
            note.update_positions(renderer)
            box = Text.get_window_extent(note, renderer)  # of the words alone, without the line to the point
            if _inside(box, frame) and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            note.remove()


def _note(axes: "Axes", point: tuple[float, float], text: str, offset: tuple[float, float]) -> Any:
    note = axes.annotate(
        text,
        point,
        offset,
        textcoords="offset points",
        fontsize=9,
        fontweight="bold",
        horizontalalignment="left" if offset[0] >= 0 else "right",
        verticalalignment="center",
        arrowprops={"arrowstyle": "-", "color": "#555555", "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0},
        bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "alpha": 0.75, "edgecolor": "none"},
    )
    note.set_in_layout(False)
    return note


def _offsets() -> Iterator[tuple[float, float]]:
    """Yield places around a point, in points of type, the nearest first."""
    for distance in _DISTANCES:
        for step in range(_DIRECTIONS):
            angle = 2 * math.pi * step / _DIRECTIONS
            yield distance * math.cos(angle), distance * math.sin(angle)


def _inside(box: Any, frame: Any) -> bool:
    return box.x0 >= frame.x0 and box.x1 <= frame.x1 and box.y0 >= frame.y0 and box.y1 <= frame.y1
