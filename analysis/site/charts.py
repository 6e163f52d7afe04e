"""The web page's charts as Vega-Lite specifications without data: the page's script gives them the tables' rows.

Every name in them is given here, so that a page does not depend on what Altair counted before.
"""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair

# Marks are told apart by shape as well as by colour.
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")
# Labels of an axis of ratios: 1.5 x, 200 x, 20k x.
MULTIPLE = "format(datum.value, datum.value < 1000 ? '.3~g' : '.3~s') + ' x'"
Specification = dict[str, Any]


@dataclass(frozen=True)
class Cost:
    """What a Pareto chart sets damage against: a column of the table of experiments, relative to the dense model."""

    key: str
    title: str


COSTS = (
    Cost("parameters_left", "Parameters left"),
    Cost("bytes_left", "Bytes left"),
    Cost("latency_left", "Latency"),
    Cost("flops_left", "FLOPs left"),
)


@cache
def pareto_specification(cost: Cost) -> Specification:
    """Return the chart of damage against a cost, with the front of what no other result is better than in both."""
    import altair as alt

    base = alt.Chart(alt.NamedData(name="rows"), width="container", height=380)
    base = base.transform_filter(f"isValid(datum.{cost.key}) && isValid(datum.damage)")
    x = alt.X(cost.key, type="quantitative", title=f"{cost.title} (share of the dense model's)").scale(zero=False)
    y = alt.Y("damage", type="quantitative", title="Perplexity over dense (1 = undamaged)")
    y = y.scale(type="log", nice=False, padding=12).axis(labelExpr=MULTIPLE, tickCount=6)
    layers = alt.layer(_front(base, cost, x, y), _points(base, cost, x.axis(format=".0%"), y))
    return _plain(layers)


def _front(base: "altair.Chart", cost: Cost, x: "altair.X", y: "altair.Y") -> "altair.Chart":
    """Draw the steps between results that no other is below at the same cost or less."""
    import altair as alt

    order: list[alt.SortField | dict[str, str]] = [alt.SortField(key, "ascending") for key in (cost.key, "damage")]
    return (
        base.transform_window(least="min(damage)", frame=[None, 0], ignorePeers=True, sort=order)
        .transform_filter("datum.damage <= datum.least")
        .mark_line(interpolate="step-after", strokeWidth=2, strokeDash=[5, 4], color="#888888")
        .encode(x=x, y=y)
        .properties(name="front")
    )


def _points(base: "altair.Chart", cost: Cost, x: "altair.X", y: "altair.Y") -> "altair.Chart":
    import altair as alt

    chosen = alt.selection_point(name="chosen_scope", fields=["scope"], bind="legend")
    fields = [
        alt.Tooltip("model", type="nominal", title="Model"),
        alt.Tooltip("method", type="nominal", title="Method"),
        alt.Tooltip("scope", type="nominal", title="Scope"),
        alt.Tooltip("ratio", type="quantitative", title="Asked of the scope", format=".0%"),
        alt.Tooltip("damage", type="quantitative", title="Perplexity over dense", format=",.3f"),
        alt.Tooltip("damage_low", type="quantitative", title="Interval from", format=",.3f"),
        alt.Tooltip("damage_high", type="quantitative", title="Interval to", format=",.3f"),
        alt.Tooltip(cost.key, type="quantitative", title=cost.title, format=".1%"),
        alt.Tooltip("n_windows", type="quantitative", title="Windows", format=",d"),
    ]
    return (
        base.mark_point(filled=True, size=70)
        .encode(
            x=x,
            y=y,
            color=alt.Color("scope", type="nominal", title="Scope"),
            shape=alt.Shape("scope", type="nominal", title="Scope").scale(range=SHAPES),
            opacity=alt.condition(chosen, alt.value(0.8), alt.value(0.08)),
            tooltip=fields,
        )
        .add_params(chosen)
        .properties(name="points")
    )


@cache
def map_specification(groups: tuple[str, ...]) -> Specification:
    """Return the map of architectures, `groups` in the order of their colours; drag moves, Alt and wheel zoom."""
    import altair as alt

    bare = alt.Axis(labels=False, ticks=False, grid=False, domain=False)
    base = alt.Chart(alt.NamedData(name="rows"), width="container", height=480).encode(
        x=alt.X("x", type="quantitative", title=None, axis=bare).scale(zero=False, padding=12),
        y=alt.Y("y", type="quantitative", title=None, axis=bare).scale(zero=False, padding=12),
    )
    return _plain(_structures(base, groups))


def _structures(base: "altair.Chart", groups: tuple[str, ...]) -> "altair.Chart":
    import altair as alt

    chosen = alt.selection_point(name="chosen_task", fields=["group"], bind="legend")
    # The wheel alone scrolls the page.
    zoom = alt.selection_interval(name="zoom", bind="scales", zoom="wheel![event.altKey]")
    fields = [
        alt.Tooltip("model", type="nominal", title="For example"),
        alt.Tooltip("task", type="nominal", title="Task"),
        alt.Tooltip("family", type="nominal", title="Family"),
        alt.Tooltip("n_models", type="quantitative", title="Models", format=",d"),
        alt.Tooltip("n_parameters", type="quantitative", title="Parameters", format=".3~s"),
    ]
    return (
        base.mark_point(filled=True)
        .encode(
            size=alt.Size("n_models", type="quantitative", legend=None).scale(range=[35, 500]),
            color=alt.Color("group", type="nominal", title="Task").scale(domain=groups),
            shape=alt.Shape("group", type="nominal", title="Task").scale(domain=groups, range=SHAPES),
            opacity=alt.condition(chosen, alt.value(0.75), alt.value(0.06)),
            order=alt.Order("n_models", type="quantitative", sort="descending"),
            tooltip=fields,
        )
        .add_params(chosen, zoom)
        .properties(name="structures")
    )


def _plain(chart: "altair.TopLevelMixin") -> Specification:
    """Return the specification without addresses and without the looks, which are the page's own."""
    found = chart.to_dict()
    return {key: value for key, value in found.items() if key not in ("$schema", "config")}
