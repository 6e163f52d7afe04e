"""Pictures of predicted against measured damage."""

from typing import TYPE_CHECKING

from pictures.style import COLORS, MARKERS, Frame, facets, heading, label, label_outer, multiples_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Beyond these perplexities over dense a point is drawn at the edge.
LEAST, MOST = 0.8, 1e4
# Up to these greatest values there is room for several ticks a decade.
NARROW, WIDE = 5.0, 300.0


def draw_left_out(frame: Frame, title: str) -> "Figure":
    """Scatters, logarithmic: predicted against measured perplexity over dense, a panel a scope.

    Each panel has its own range; the diagonal is a perfect prediction. Columns scope, measured, by_mean, by_model: of
    families that were left out.
    """
    scopes = sorted(set(frame["scope"]))
    figure, axes = facets(len(scopes), 3.7, 3.6)
    for panel, scope in zip(axes, scopes, strict=True):
        _panel(panel, frame[frame["scope"] == scope])
        panel.set_title(label(scope))
    label_outer(axes, "measured perplexity / dense", "predicted")
    for panel in axes:
        panel.tick_params(labelbottom=True, labelleft=True)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    heading(figure, title)
    return figure


def _panel(panel: "Axes", part: Frame) -> None:
    looks = (("by_mean", "mean of the same method and ratio", 1), ("by_model", "structure and cheap scores", 0))
    numbers = part[["measured", "by_mean", "by_model"]].clip(LEAST, MOST)
    for column, text, index in looks:
        panel.scatter(
            numbers["measured"], numbers[column], s=20, alpha=0.7, linewidths=0, color=COLORS[index],
            marker=MARKERS[index], label=text,
        )  # fmt: skip
    ends = (float(numbers.min(axis=None)) / 1.08, float(numbers.max(axis=None)) * 1.08)
    panel.plot(ends, ends, color="black", linewidth=0.9, label="as measured")
    panel.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    narrow = ends[1] < NARROW
    for axis in (panel.xaxis, panel.yaxis):
        multiples_on(axis, steps=(1, 1.2, 1.5, 2, 3, 5) if narrow else (1, 3) if ends[1] < WIDE else (1,))
