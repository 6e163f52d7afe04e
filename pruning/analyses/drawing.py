"""The pictures of an analysis: which of its measures are drawn, and how."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pictures.curves import draw_bars, draw_curves
from pictures.heatmaps import draw_layer_heatmaps
from pictures.style import Frame, png_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = Callable[[Frame, str, str], "Figure"]


@dataclass(frozen=True)
class Drawing:
    """A picture of one measure: `cells` makes the drawing's rows of findings, `draw` takes rows, title and unit.

    Rows that `cells` leaves out are not drawn. `measures` are those that are drawn, a picture each, before and after
    as panels of one; () = all.
    """

    cells: Callable[[Sequence[Any]], list[dict[str, Any]]]
    draw: Draw
    measures: tuple[str, ...] = ()


def pictures_of(analysis: str, rows: Sequence[Any]) -> dict[str, bytes]:
    """Return PNGs by measure, or by what measures have in common; an analysis without a drawing has none.

    `rows` have the columns of `redundancy`.
    """
    return {name: png for drawing in DRAWINGS.get(analysis, ()) for name, png in _pictures(drawing, rows)}


def _pictures(drawing: Drawing, rows: Sequence[Any]) -> Iterator[tuple[str, bytes]]:
    drawn = [row for row in rows if not drawing.measures or row.measure in drawing.measures]
    for name in dict.fromkeys(_picture_of(row) for row in drawn):
        found = [row for row in drawn if _picture_of(row) == name]
        mine = sorted(found, key=lambda row: row.measure.endswith("_after"))  # before comes first
        cells = drawing.cells(mine)
        if cells:
            title = f"{mine[0].model_id}, {mine[0].analysis}: {name}"
            unit = name if mine[0].unit == "1" else f"{name} ({mine[0].unit})"
            yield name, png_of(lambda frame, title=title, unit=unit: drawing.draw(frame, title, unit), cells)


def _picture_of(row: Any) -> str:
    return row.measure.removesuffix("_before").removesuffix("_after")


def _pairs(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return a cell a pair of layers, a panel a target and variant."""
    return [
        {"panel": _panel(row), "row": row.layer, "column": row.other_layer, "value": row.value}
        for row in rows
        if row.layer is not None and row.other_layer is not None
    ]


def _both_ways(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the cells of a symmetric measure, whichever way round a pair stands."""
    cells = _pairs(rows)
    mirrored = [{**cell, "row": cell["column"], "column": cell["row"]} for cell in cells]
    return cells + [cell for cell in mirrored if cell["row"] != cell["column"]]


def _by_layer(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return a bar a layer and target; heads have their own pictures."""
    return [
        {"panel": row.model_id, "group": row.layer, "bar": row.target or "", "value": row.value}
        for row in rows
        if row.layer is not None and row.head is None and row.other_layer is None
    ]


def _heads(rows: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {"panel": "heads", "row": row.layer, "column": row.head, "value": row.value}
        for row in rows
        if row.layer is not None and row.head is not None and row.other_head is None
    ]


def _thresholds(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return a point a threshold or step: a panel a variant, a line a target, means over the layers."""
    groups: dict[tuple[str, str, float], list[float]] = {}
    for row in rows:
        if row.x is not None:
            groups.setdefault((row.variant or "", row.target or row.component, row.x), []).append(row.value)
    return [
        {"panel": panel, "line": line, "x": x, "value": sum(values) / len(values)}
        for (panel, line, x), values in groups.items()
    ]


def _starts(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return a point a step: a panel a matrix, a line a way to start."""
    return [
        {
            "panel": row.component.removesuffix(f" {row.variant}"),
            "line": row.variant or "",
            "x": row.x,
            "value": row.value,
        }
        for row in rows
        if row.x is not None
    ]


def _panel(row: Any) -> str:
    time = row.measure.removeprefix(_picture_of(row)).removeprefix("_")
    return " ".join(part for part in (row.target, row.variant, time) if part) or row.analysis


def _replaced(frame: Frame, title: str, unit: str) -> "Figure":
    return draw_layer_heatmaps(
        frame,
        title,
        value_label=unit,
        row_label="layer replaced",
        column_label="by the weights of layer",
        logarithmic=True,
    )


def _states(frame: Frame, title: str, unit: str) -> "Figure":
    return draw_layer_heatmaps(frame, title, value_label=unit, row_label="boundary", column_label="boundary")


def _blocks(frame: Frame, title: str, unit: str) -> "Figure":
    return draw_layer_heatmaps(
        frame, title, value_label=unit, row_label="first layer of the block", column_label="last layer"
    )


def _matched(frame: Frame, title: str, unit: str) -> "Figure":
    return draw_layer_heatmaps(frame, title, value_label=unit)


def _matched_damage(frame: Frame, title: str, unit: str) -> "Figure":
    return draw_layer_heatmaps(frame, title, value_label=unit, logarithmic=True)


def _head_map(frame: Frame, title: str, unit: str) -> "Figure":
    return draw_layer_heatmaps(frame, title, value_label=unit, column_label="head")


def _bars(frame: Frame, title: str, unit: str) -> "Figure":
    return draw_bars(frame, title, group_label="layer", value_label=unit)


def _damage_bars(frame: Frame, title: str, unit: str) -> "Figure":
    return draw_bars(frame, title, group_label="layer", value_label=unit, logarithmic=True)


def _curves(frame: Frame, title: str, unit: str) -> "Figure":
    return draw_curves(frame, title, x_label="share of the variance explained", value_label=unit)


def _steps(frame: Frame, title: str, unit: str) -> "Figure":
    return draw_curves(frame, title, x_label="training step", value_label=unit)


_DAMAGE = ("loss_increase", "kl")
_ALIKE = ("share_before", "share_after", "distance_before", "distance_after")

DRAWINGS: dict[str, tuple[Drawing, ...]] = {
    "blocks": (Drawing(_pairs, _blocks),),
    "rank": (Drawing(_thresholds, _curves, ("relative_rank",)),),
    "weights": (Drawing(_by_layer, _bars),),
    "ablation": (Drawing(_by_layer, _damage_bars, _DAMAGE),),
    "replacement": (Drawing(_pairs, _replaced, _DAMAGE),),
    "states": (Drawing(_both_ways, _states),),
    "cka": (Drawing(_both_ways, _states),),
    "heads": (Drawing(_heads, _head_map),),
    "neuron-matching": (
        Drawing(_pairs, _matched, (*_ALIKE, "saved_parameters")),
        Drawing(_pairs, _matched_damage, _DAMAGE),
    ),
    "low-rank-start": (Drawing(_starts, _steps),),
}
