"""Curves and bars of analyses: a panel a model or a form, one vertical scale for all of them."""

from typing import TYPE_CHECKING, Any

from pictures.style import COLORS, LINEAR_UP_TO, LINES, MARKERS, Frame, facets, heading, label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# With more lines or bars a group, a legend says nothing that can be found again in the panel.
_MOST_NAMED = 24


def draw_curves(
    frame: Frame, title: str, *, x_label: str, value_label: str, logarithmic: bool = False, shared: bool = True
) -> "Figure":
    """Lines: a panel each value of `panel`, a line each value of `line`. Columns panel, line, x, value.

    `logarithmic`: the vertical axis. Points without a value are left out of their line.
    """
    panels, lines = (list(dict.fromkeys(frame[column])) for column in ("panel", "line"))
    figure, axes = facets(len(panels), 4.3, 3.4, sharey=shared)
    for panel, name in zip(axes, panels, strict=True):
        part = frame[(frame["panel"] == name) & frame["value"].notna()]
        for index, line in enumerate(lines):
            points = part[part["line"] == line].sort_values("x", kind="stable")
            panel.plot(points["x"], points["value"], label=label(str(line)), **_line_style(index, len(points)))
        panel.set_title(label(str(name)))
        panel.set(xlabel=x_label, ylabel=value_label, yscale="log" if logarithmic else "linear")
        panel.yaxis.set_major_formatter("{x:g}")
    _legend(figure, len(lines))
    heading(figure, title)
    return figure


def draw_bars(frame: Frame, title: str, *, group_label: str, value_label: str, logarithmic: bool = False) -> "Figure":
    """Bars: a panel each value of `panel`, a group of bars each `group`, a colour each `bar`.

    Columns panel, group, bar, value. Groups that are whole numbers stand in order. A bar that is given twice shows the
    mean, one without a value is left out. `logarithmic`: the vertical axis is, beyond a thousandth on both sides of 0.
    """
    panels, bars = (list(dict.fromkeys(frame[column])) for column in ("panel", "bar"))
    figure, axes = facets(len(panels), 5.2, 3.4, sharey=True)
    width = 0.8 / len(bars)
    for panel, name in zip(axes, panels, strict=True):
        part = frame[frame["panel"] == name]
        groups = _groups(part)
        means = part.groupby(["group", "bar"], sort=False)["value"].mean()
        for index, bar in enumerate(bars):
            heights = [means.get((group, bar), float("nan")) for group in groups]
            places = [place + (index - (len(bars) - 1) / 2) * width for place in range(len(groups))]
            panel.bar(places, heights, width=width, color=COLORS[index % len(COLORS)], label=label(str(bar)))
        step = -(-len(groups) // 16)
        panel.set_xticks(range(0, len(groups), step), [label(str(group), 12) for group in groups[::step]])
        panel.set_title(label(str(name)))
        panel.set(xlabel=group_label, ylabel=value_label)
        panel.grid(visible=False, axis="x")
        if logarithmic:
            panel.set_yscale("symlog", linthresh=LINEAR_UP_TO)
            panel.yaxis.set_major_formatter("{x:g}")
    _legend(figure, len(bars))
    heading(figure, title)
    return figure


def _groups(part: Frame) -> list[int | str]:
    known = list(dict.fromkeys(part["group"].dropna()))
    if all(isinstance(group, int | float) and group == int(group) for group in known):
        return sorted(int(group) for group in known)
    return known


def _line_style(index: int, points: int) -> dict[str, Any]:
    """Return colour, line and marker: markers where they do not merge into a band."""
    return {
        "color": COLORS[index % len(COLORS)],
        "linestyle": LINES[index // len(COLORS) % len(LINES)],
        "marker": MARKERS[index % len(MARKERS)] if points <= 20 else "",
        "markersize": 4,
        "linewidth": 1.3,
    }


def _legend(figure: "Figure", names: int) -> None:
    """Name the lines or bars once below all panels, when they can be told apart."""
    if 1 < names <= _MOST_NAMED:
        handles, texts = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, texts, loc="outside lower center", ncols=4)
