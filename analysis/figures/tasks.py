"""Pictures that compare tasks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pictures.heatmaps import draw_table
from pictures.style import COLORS, GREY, Frame, axes_grid, colorbar_axis, counts_on, facets, heading, label, shares_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOUR_MAP = "viridis_r"
# Below this a cell's percentage would say 0.
_LEAST_WRITTEN = 0.005


def draw_share_heatmap(frame: Frame, title: str) -> "Figure":
    """Heatmap, linear: a kind's mean share in a model, kinds by tasks. Columns kind, task, mean_share."""
    wide = _wide(frame, "kind", "task", "mean_share")
    figure, [axes] = axes_grid(3.6 + 0.62 * wide.shape[1], 2.8 + 0.3 * len(wide))
    _heatmap(axes, wide, "mean share of a model's leaf modules, %", (0.0, 1.0))
    heading(figure, title)
    return figure


def draw_similarity(frame: Frame, title: str, order: Sequence[str]) -> "Figure":
    """Heatmap: similarity of tasks with tasks, in [0, 1]. Columns task, other_task, similarity."""
    wide = _wide(frame, "task", "other_task", "similarity").loc[list(order), list(order)]
    side = 3.4 + 0.5 * len(wide)
    figure, [axes] = axes_grid(side + 1, side)
    _heatmap(axes, wide, "similarity (1 - Jensen-Shannon divergence in bits), %", (None, 1.0))
    heading(figure, title)
    return figure


def draw_hierarchy(frame: Frame, title: str) -> "Figure":
    """Heatmap: share of a task's modules at each nesting level. Columns task, depth, share."""
    wide = _wide(frame, "task", "depth", "share")
    wide = wide[sorted(wide.columns)]
    figure, [axes] = axes_grid(4.4 + 0.5 * wide.shape[1], 2.4 + 0.33 * len(wide))
    _heatmap(axes, wide, "share of the task's modules, %", (0.0, None), slanted=False)
    axes.set_xlabel("nesting level (1 = child of the root: dots in the path + 1)")
    heading(figure, title)
    return figure


def draw_profiles(frame: Frame, title: str) -> "Figure":
    """Dots: layers, modules, kinds and nesting of models, a row a task.

    Columns task, n_models, mean_layers, median_layers, mean_modules, n_kinds, effective_kinds, mean_nesting,
    median_nesting.
    """
    frame = frame.iloc[::-1]
    figure, axes = axes_grid(14, 2.6 + 0.27 * len(frame), 1, 4, sharey=True)
    panels = (
        ("layers a model\n(longest run of equal blocks)", (("mean_layers", "mean"), ("median_layers", "median"))),
        ("modules a model", (("mean_modules", "mean"),)),
        ("kinds of leaf modules", (("n_kinds", "in all models"), ("effective_kinds", "effective, 2^entropy"))),
        ("nesting level of modules", (("mean_nesting", "mean"), ("median_nesting", "median"))),
    )
    for panel, (text, columns) in zip(axes, panels, strict=True):
        _dots(panel, frame, columns)
        panel.set_xlabel(text)
    axes[1].set_xlim(left=0)
    counts_on(axes[1].xaxis)
    names = zip(frame["task"], frame["n_models"], strict=True)
    axes[0].set_yticks(range(len(frame)), [f"{label(task)} (n = {count:,})" for task, count in names])
    axes[0].set_ylim(-0.7, len(frame) - 0.3)
    heading(figure, title)
    return figure


def draw_boxes(frame: Frame, title: str) -> "Figure":
    """Boxes: modules a model, a panel a task and a box a kind, over the models that have it; whiskers span them all.

    Columns task, kind, n_models, fewest, lower_quartile, median_modules, upper_quartile, most.
    """
    tasks = list(dict.fromkeys(frame["task"]))
    figure, axes = facets(len(tasks), 7.5 if len(tasks) == 1 else 4.8, 3.3)
    for panel, task in zip(axes, tasks, strict=True):
        _boxes(panel, frame[frame["task"] == task].iloc[::-1])
        panel.set_title(label(str(task)) if len(tasks) > 1 else "")
        panel.set_xlabel("modules a model (log)")
    heading(figure, title)
    return figure


def _boxes(panel: "Axes", part: Frame) -> None:
    boxes: list[Any] = [
        {"med": row.median_modules, "q1": row.lower_quartile, "q3": row.upper_quartile, "whislo": row.fewest,
         "whishi": row.most, "label": f"{label(row.kind, 22)} ({row.n_models:,})"}
        for row in part.itertuples()
    ]  # fmt: skip
    panel.bxp(
        boxes, orientation="horizontal", showfliers=False, patch_artist=True, widths=0.6,
        boxprops={"facecolor": "#9ecae1", "edgecolor": GREY}, medianprops={"color": COLORS[3], "linewidth": 2},
        whiskerprops={"color": GREY}, capprops={"color": GREY},
    )  # fmt: skip
    panel.set_xscale("log")
    panel.set_xlim(0.8, 1.6 * max(float(part["most"].max()), 10.0))
    panel.tick_params(axis="y", labelsize=8.5)
    counts_on(panel.xaxis)
    panel.grid(visible=False, axis="y")


def _dots(panel: "Axes", frame: Frame, columns: Sequence[tuple[str, str]]) -> None:
    """Draw a row's values as dots on one line, the first filled and the second a hollow diamond."""
    styles: tuple[dict[str, Any], ...] = (
        {"marker": "o", "color": COLORS[0]},
        {"marker": "D", "color": COLORS[3], "markerfacecolor": "none"},
    )
    for (column, name), style in zip(columns, styles, strict=False):
        panel.plot(frame[column], range(len(frame)), linestyle="", markersize=6, label=name, **style)
    if len(columns) > 1:
        panel.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=9)


def _wide(frame: Frame, rows: str, columns: str, values: str) -> Frame:
    """Return a table with rows and columns in the order in which they first come."""
    wide = frame.pivot_table(index=rows, columns=columns, values=values, aggfunc="sum")
    return wide.loc[list(dict.fromkeys(frame[rows])), list(dict.fromkeys(frame[columns]))]


def _heatmap(
    axes: "Axes", wide: Frame, value_label: str, limits: tuple[float | None, float | None], *, slanted: bool = True
) -> None:
    """Draw a table of fractions with a percentage a cell; empty cells stay white. A limit None = the one found."""
    from matplotlib.colors import Normalize

    draw_table(
        axes,
        wide.rename(index=_text, columns=_text),
        wide.map(_percentage),
        scale=Normalize(*limits),
        colours=_COLOUR_MAP,
        value_label=value_label,
        slanted=slanted,
    )
    shares_on(colorbar_axis(axes))


def _text(name: object) -> str:
    return label(str(name))


def _percentage(value: float) -> str:
    """Return a fraction as percent without its sign."""
    return f"{100 * value:.0f}" if value >= _LEAST_WRITTEN else "<1"
