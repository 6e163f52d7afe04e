"""Pictures of what was mined."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.numbers import short_count
from pictures.heatmaps import draw_table
from pictures.style import (
    COLORS,
    GREY,
    MARKERS,
    OTHER,
    Frame,
    axes_grid,
    colorbar_axis,
    colors_of,
    counts_on,
    heading,
    label,
    shares_on,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_outcomes(frame: Frame, title: str) -> "Figure":
    """Bars: model revisions by outcome, one colour a source. Columns reason, source, n_models."""
    wide = frame.pivot_table(index="reason", columns="source", values="n_models", aggfunc="sum", fill_value=0)
    wide = wide.loc[wide.sum(axis=1).sort_values(kind="stable").index]
    figure, [axes] = axes_grid(9, 1.9 + 0.36 * len(wide))
    _stack(axes, wide, colors_of(list(wide.columns)))
    for position, total in enumerate(wide.sum(axis=1)):
        axes.annotate(f" {total:,}", (total, position), verticalalignment="center")
    axes.margins(x=0.1)
    axes.set_xlabel("model revisions")
    counts_on(axes.xaxis)
    axes.legend(title="source", loc="lower right")
    heading(figure, title)
    return figure


def draw_kinds(frame: Frame, title: str, tasks: Sequence[str]) -> "Figure":
    """Bars: leaf modules a kind, logarithmic, and beside them the tasks' shares. Columns kind, task, n_modules."""
    wide = frame.pivot_table(index="kind", columns="task", values="n_modules", aggfunc="sum", fill_value=0)
    totals = wide.sum(axis=1).sort_values(kind="stable")
    wide = wide.loc[totals.index, [task for task in tasks if task in wide]]
    figure, [left, right] = axes_grid(12, 2.4 + 0.3 * len(wide), 1, 2)
    left.barh(range(len(wide)), totals, color=GREY, height=0.72)
    left.set_yticks(range(len(wide)), [label(kind) for kind in wide.index])
    left.set_ylim(-0.6, len(wide) - 0.4)
    left.set_xscale("log")
    left.set_xlim(0.5, 6 * totals.max())
    left.grid(visible=False, axis="y")
    for position, total in enumerate(totals):
        left.annotate(f" {short_count(int(total))}", (total, position), verticalalignment="center", fontsize=9)
    left.set_xlabel("leaf modules in all models (log; repeated blocks counted out)")
    counts_on(left.xaxis)
    _stack(right, wide.div(totals, axis=0), colors_of(tasks))
    right.set_yticks([])
    right.set_xlim(0, 1)
    right.set_xlabel("share of the tasks in them")
    shares_on(right.xaxis)
    figure.legend(*right.get_legend_handles_labels(), title="task", loc="outside lower center", ncols=4)
    heading(figure, title)
    return figure


def draw_kind_heatmap(frame: Frame, title: str, tasks: Sequence[str]) -> "Figure":
    """Heatmap, logarithmic: mean leaf modules a model, kinds by tasks. Columns kind, task, modules_per_model."""
    from matplotlib.colors import LogNorm

    wide = frame.pivot_table(index="kind", columns="task", values="modules_per_model", aggfunc="sum")
    order = wide.sum(axis=1).sort_values(ascending=False, kind="stable").index
    wide = wide.loc[order, [task for task in tasks if task in wide]].rename(index=label, columns=label)
    figure, [axes] = axes_grid(3.6 + 0.75 * wide.shape[1], 2.6 + 0.3 * len(wide))
    lowest = max(float(wide.min(axis=None)), 0.01)
    draw_table(
        axes,
        wide,
        wide.map(lambda value: f"{value:.2g}" if value < 100 else f"{value:.0f}"),
        scale=LogNorm(lowest, max(float(wide.max(axis=None)), lowest * 10)),
        colours="viridis_r",
        value_label="modules a model (mean, log)",
    )
    counts_on(colorbar_axis(axes))
    heading(figure, title)
    return figure


def draw_sizes(frame: Frame, title: str, tasks: Sequence[str]) -> "Figure":
    """Scatter: parameters against repeated blocks, a point a structure. Columns task, n_layers, n_parameters."""
    figure, [axes] = axes_grid(9.5, 5.6)
    colors = colors_of(tasks)
    for index, task in reversed([*enumerate(tasks)]):
        part = frame[(frame["task"] == task) & (frame["n_parameters"] > 0)]
        axes.scatter(
            part["n_layers"],
            part["n_parameters"],
            s=26,
            alpha=0.75,
            color=colors[task],
            marker="." if task == OTHER else MARKERS[index % len(MARKERS)],
            linewidths=0.3,
            edgecolors="white",
            label=f"{label(task, 26)} ({len(part)})",
        )
    axes.set_yscale("log")
    axes.set_xscale("symlog", linthresh=1, base=2)
    axes.set_xlim(left=-0.2)
    counts_on(axes.xaxis)
    counts_on(axes.yaxis)
    axes.set(xlabel="layers (longest run of repeated blocks; 0 = none repeats)", ylabel="parameters")
    axes.legend(title="task (structures)", loc="center left", bbox_to_anchor=(1, 0.5), reverse=True)
    heading(figure, title)
    return figure


def draw_nesting(frame: Frame, title: str, tasks: Sequence[str]) -> "Figure":
    """Bubbles: structures by the depth of their deepest module, a row a task. Columns task, max_depth, n_structures."""
    from matplotlib.ticker import MaxNLocator

    counts = frame.groupby("task")["n_structures"].sum()
    order = [task for task in tasks if task in counts]
    figure, [axes] = axes_grid(9, 1.7 + 0.4 * len(order))
    for row, task in enumerate(order):
        part = frame[frame["task"] == task]
        areas = 420 * part["n_structures"] / counts[task]
        axes.scatter(part["max_depth"], [row] * len(part), s=areas, color="#9ecae1", edgecolors=GREY, linewidths=0.5)
        depths = part["max_depth"].repeat(part["n_structures"])
        axes.plot([depths.median()] * 2, [row - 0.36, row + 0.36], color="#d55e00", linewidth=2.5)
    axes.set_yticks(range(len(order)), [f"{label(task)} (n = {counts[task]})" for task in order])
    axes.invert_yaxis()
    axes.margins(y=0.06)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set(xlabel="deepest module (1 = child of the root); area = share of the task, bar = median", ylabel="")
    heading(figure, title)
    return figure


def draw_counts(frame: Frame, title: str, value_label: str) -> "Figure":
    """Bars: how many things have a name, in the order given. Columns name, count."""
    frame = frame.iloc[::-1]
    figure, [axes] = axes_grid(9, 1.9 + 0.3 * len(frame))
    axes.barh(range(len(frame)), frame["count"], color=COLORS[0], height=0.72)
    for position, count in enumerate(frame["count"]):
        axes.annotate(f" {count:,}", (count, position), va="center", fontsize=9)
    axes.set_yticks(range(len(frame)), [label(name) for name in frame["name"]])
    axes.set_ylim(-0.6, len(frame) - 0.4)
    axes.margins(x=0.1)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(value_label)
    counts_on(axes.xaxis)
    heading(figure, title)
    return figure


def _stack(axes: "Axes", wide: Frame, colors: dict[str, str]) -> None:
    """Draw horizontal stacked bars, a row an index label and a colour a column."""
    left = wide.iloc[:, 0] * 0
    for column in wide.columns:
        axes.barh(range(len(wide)), wide[column], left=left, color=colors[column], label=label(column), height=0.72)
        left = left + wide[column]
    axes.set_yticks(range(len(wide)), [label(name) for name in wide.index])
    axes.set_ylim(-0.6, len(wide) - 0.4)
    axes.grid(visible=False, axis="y")
