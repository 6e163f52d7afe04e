"""The picture of damage against costs."""

from typing import TYPE_CHECKING

from analysis.figures.pruning import WORST_DAMAGE
from pictures.style import COLORS, MARKERS, Frame, facets, heading, label, label_outer, multiples_on, shares_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Numbers of the front that are nearer than this to the last one are left out, share of the axis.
LEAST_GAP = 0.035


def draw_pareto(frame: Frame, title: str) -> "Figure":
    """Scatters with ranges: damage against cost, a panel a cost, a colour a scope, the front as steps with its numbers.

    Columns cost, scope, left, damage, damage_low, damage_high, front (NaN = not on the front).
    """
    costs = list(dict.fromkeys(frame["cost"]))
    scopes = sorted(set(frame["scope"]))
    figure, axes = facets(len(costs), 4.4, 4.2, sharey=True)
    for panel, cost in zip(axes, costs, strict=True):
        part = frame[frame["cost"] == cost]
        for index, scope in enumerate(scopes):
            _marks(panel, part[part["scope"] == scope], index, label(scope))
        _front(panel, part[part["front"].notna()].sort_values("front"))
        panel.set_title(label(cost))
        panel.set_yscale("log")
        multiples_on(panel.yaxis, most=WORST_DAMAGE)
        shares_on(panel.xaxis)
    label_outer(axes, "cost / dense", "perplexity / dense")
    for panel in axes:
        panel.tick_params(labelbottom=True)
    handles = {name: handle for panel in axes for handle, name in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend([*handles.values()], [*handles], loc="outside lower center", ncols=4)
    heading(figure, title)
    return figure


def _marks(panel: "Axes", part: Frame, index: int, name: str) -> None:
    if not len(part):
        return
    values = part["damage"].clip(upper=WORST_DAMAGE)
    low, high = (part[end].clip(upper=WORST_DAMAGE) for end in ("damage_low", "damage_high"))
    panel.errorbar(
        part["left"], values, yerr=[(values - low).clip(lower=0), (high - values).clip(lower=0)],
        color=COLORS[index % len(COLORS)], marker=MARKERS[index % len(MARKERS)], linestyle="none", markersize=5.5,
        elinewidth=0.7, alpha=0.75, label=name,
    )  # fmt: skip


def _front(panel: "Axes", best: Frame) -> None:
    values = best["damage"].clip(upper=WORST_DAMAGE)
    panel.plot(best["left"], values, color="black", linewidth=1.1, drawstyle="steps-post", label="Pareto front")
    least_gap = LEAST_GAP * (panel.get_xlim()[1] - panel.get_xlim()[0])
    last = float("-inf")
    for left, value, number in zip(best["left"], values, best["front"], strict=True):
        if left - last >= least_gap:
            _number(panel, left, value, f"{number:.0f}")
            last = left


def _number(panel: "Axes", left: float, value: float, text: str) -> None:
    panel.annotate(
        text, (left, value), xytext=(-5, -4), textcoords="offset points", fontsize=8,
        horizontalalignment="right", verticalalignment="top",
    )  # fmt: skip
