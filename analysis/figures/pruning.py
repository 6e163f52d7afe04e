"""Pictures of what pruning costs and gains."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from analysis.baselines import BASELINES
from analysis.numbers import multiple
from pictures.heatmaps import draw_cells, draw_table
from pictures.style import (
    COLORS,
    GREY,
    LINES,
    MARKERS,
    Frame,
    axes_grid,
    colorbar_axis,
    colors_of,
    facet_columns,
    facets,
    heading,
    label,
    label_outer,
    multiples_on,
    shares_on,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Damage beyond this is drawn at the edge: a model that says nothing any more cannot get worse.
WORST_DAMAGE = 1000.0
LONGEST_METHOD = 44
# Names of so many models stand level below a heatmap.
MOST_LEVEL = 6
# Wrapped: it stands under a panel.
ASKED_SHARE = "asked share of the method's own units\n(weights, neurons, heads, layers, ...)"
FLOOR = "floor of the language"
# Grey in every picture: what chance alone does to each scope.
CHANCE = frozenset(baselines.random for baselines in BASELINES.values())


def draw_damage(frame: Frame, title: str) -> "Figure":
    """Lines with intervals: perplexity over dense by asked share, a panel a model, a line a method.

    Columns model_id, method, ratio, damage, damage_low, damage_high, floor (NaN = not known).
    """
    models = list(dict.fromkeys(frame["model_id"]))
    methods = sorted(set(frame["method"]))
    figure, axes = facets(len(models), 3.9, 3.3, sharey=True, sharex=True)
    for panel, model in zip(axes, models, strict=True):
        part = frame[frame["model_id"] == model]
        _damage_panel(panel, part, methods)
        _floor_line(panel, part["floor"].iloc[0])
        panel.set_title(label(model))
    label_outer(axes, ASKED_SHARE, "perplexity / dense")
    legend = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
    order = sorted(legend, key=lambda name: (name == FLOOR, name))
    figure.legend([legend[name] for name in order], order, loc="outside lower center", ncols=4)
    heading(figure, title)
    return figure


def draw_scopes(frame: Frame, title: str) -> "Figure":
    """Lines with ranges: perplexity over dense by asked share, a panel a scope, a line a method of it.

    Columns scope, method, ratio, damage, damage_low, damage_high.
    """
    scopes = list(dict.fromkeys(frame["scope"]))
    figure, axes = facets(len(scopes), 4.3, 4.6, sharey=True)
    for panel, scope in zip(axes, scopes, strict=True):
        part = frame[frame["scope"] == scope]
        methods = sorted(set(part["method"]))
        _damage_panel(panel, part, methods)
        panel.set_title(label(scope))
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2, fontsize=8)
        panel.set_xlabel("asked share", labelpad=1)
    for panel in axes[:: facet_columns(len(axes))]:
        panel.set_ylabel("perplexity / dense")
    heading(figure, title)
    return figure


def draw_prunability(frame: Frame, title: str, best: Collection[tuple[str, str]]) -> "Figure":
    """Heatmap, logarithmic: perplexity over dense, methods by models, the methods of a scope below one another.

    Columns model_id, method, scope, damage. `best` are the models and methods that are marked.
    """
    from matplotlib.colors import LogNorm

    wide = frame.pivot_table(index="method", columns="model_id", values="damage")
    scopes = dict(zip(frame["method"], frame["scope"], strict=True))
    medians = wide.median(axis=1)
    wide = wide.loc[sorted(wide.index, key=lambda method: (scopes[method], medians[method], method))]
    texts = wide.map(multiple, na_action="ignore")
    for model, method in best:
        texts.loc[method, model] = f"{texts.loc[method, model]} best"
    ends = [row for row in range(1, len(wide)) if scopes[wide.index[row]] != scopes[wide.index[row - 1]]]
    names = {method: label(f"{scopes[method]}: {method}", LONGEST_METHOD) for method in wide.index}
    wide = wide.rename(index=names, columns=label)
    figure, [axes] = axes_grid(4.5 + 1.2 * wide.shape[1], 2 + 0.32 * len(wide))
    draw_table(
        axes,
        wide.clip(1, WORST_DAMAGE),
        texts,
        scale=LogNorm(1, max(10.0, min(WORST_DAMAGE, float(wide.max(axis=None))))),
        colours="viridis_r",
        value_label="perplexity / dense",
        slanted=wide.shape[1] > MOST_LEVEL,
    )
    axes.hlines(ends, 0, wide.shape[1], color="black", linewidth=1.2)
    multiples_on(colorbar_axis(axes), most=WORST_DAMAGE)
    heading(figure, title)
    return figure


def draw_speed(frame: Frame, title: str) -> "Figure":
    """Scatter: latency against parameters, both over dense; the diagonal is where removal pays in full.

    Columns scope, parameters_left, latency_left.
    """
    scopes = sorted(set(frame["scope"]))
    colors = colors_of(scopes)
    figure, [axes] = axes_grid(8, 5)
    for index, scope in enumerate(scopes):
        part = frame[frame["scope"] == scope]
        text = f"{label(scope)} (n = {len(part)})"
        axes.scatter(
            part["parameters_left"], part["latency_left"], s=34, alpha=0.75, linewidths=0,
            color=colors[scope], marker=MARKERS[index], label=text,
        )  # fmt: skip
    low = min(frame["parameters_left"].min(), frame["latency_left"].min())
    axes.plot([low, 1], [low, 1], color="black", linewidth=1, linestyle="--", label="as much faster as smaller")
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set(xlabel="parameters / dense", ylabel="latency of a forward pass / dense")
    shares_on(axes.xaxis)
    shares_on(axes.yaxis)
    axes.legend(title="scope (experiments)", loc="center left", bbox_to_anchor=(1, 0.5))
    heading(figure, title)
    return figure


def draw_depth(frame: Frame, title: str) -> "Figure":
    """Triangular heatmaps: distance across a block of layers, a panel a model.

    Columns model_id, first_layer, n_layers, distance, relative_distance (0 = the row's least, 1 = its greatest).
    """
    from matplotlib.colors import Normalize

    models = list(dict.fromkeys(frame["model_id"]))
    figure, axes = facets(len(models), 3.9, 3.5)
    for panel, model in zip(axes, models, strict=True):
        part = frame[frame["model_id"] == model]
        colors, numbers = (
            part.pivot_table(index="n_layers", columns="first_layer", values=name)
            for name in ("relative_distance", "distance")
        )
        draw_cells(panel, colors, Normalize(0, 1), numbers)
        panel.invert_yaxis()
        panel.set(xlabel="first layer of the block", ylabel="layers in the block")
        panel.set_title(label(model))
    heading(figure, title)
    return figure


def _damage_panel(panel: "Axes", part: Frame, methods: list[str]) -> None:
    for index, method in enumerate(methods):
        line = part[part["method"] == method].sort_values("ratio")
        shift = 0.004 * (index - (len(methods) - 1) / 2)
        values = line["damage"].clip(upper=WORST_DAMAGE)
        low, high = (
            line[name].fillna(line["damage"]).clip(upper=WORST_DAMAGE) for name in ("damage_low", "damage_high")
        )
        panel.errorbar(
            line["ratio"] + shift,
            values,
            yerr=[(values - low).clip(lower=0), (high - values).clip(lower=0)],
            color=GREY if method in CHANCE else COLORS[index % len(COLORS)],
            marker=MARKERS[index % len(MARKERS)],
            linestyle=LINES[index // len(COLORS) % len(LINES)],
            markersize=5,
            linewidth=1.3,
            capsize=2,
            label=label(method),
        )
    panel.set_yscale("log")
    panel.axhline(1, color="black", linewidth=0.8)
    multiples_on(panel.yaxis, most=WORST_DAMAGE)
    shares_on(panel.xaxis)
    panel.set_xticks(sorted(set(part["ratio"])))


def _floor_line(panel: "Axes", floor: float) -> None:
    if floor == floor:
        panel.axhline(floor, color="black", linewidth=1, linestyle=":", label=FLOOR)
