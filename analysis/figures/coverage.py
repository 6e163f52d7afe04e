"""Pictures of how much of the corpus a few families stand for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pictures.style import COLORS, LINES, Frame, counts_on, facets, heading, shares_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MEASURES = (("share_models", "models"), ("share_downloads", "downloads"), ("share_parameters", "parameters"))


def draw_family_coverage(frame: Frame, title: str) -> "Figure":
    """Lines: share of models, downloads and parameters in the k largest families, a panel a set of families.

    Columns family_set, k, share_models, share_downloads, share_parameters; a measure without values is left out.
    """
    sets = list(dict.fromkeys(frame["family_set"]))
    figure, axes = facets(len(sets), 5.6, 3.9, sharex=True, sharey=True)
    for panel, name in zip(axes, sets, strict=True):
        part = frame[frame["family_set"] == name]
        for index, (column, text) in enumerate(_MEASURES):
            if part[column].notna().any():
                _line(panel, part["k"], part[column], index, text)
        panel.set_title(f"{name} (n = {int(part['n_families'].max()):,})")
        _finish(panel, "k families with most models (log)")
    axes[0].set_ylabel("share of the whole")
    heading(figure, title)
    return figure


def draw_representative_coverage(frame: Frame, title: str) -> "Figure":
    """Lines: share of models, and of downloads where known, within each distance of the first k representatives.

    Columns k, distance, share_models, share_downloads.
    """
    known = [(column, text) for column, text in _MEASURES[:2] if frame[column].notna().any()]
    figure, axes = facets(len(known), 6.4, 3.9, sharey=True)
    distances = sorted(frame["distance"].unique())
    for panel, (column, text) in zip(axes, known, strict=True):
        for index, distance in enumerate(distances):
            part = frame[frame["distance"] == distance]
            _line(panel, part["k"], part[column], index, _named(distance))
        panel.set_title(f"share of {text}")
        _finish(panel, "k representatives (log)")
    axes[0].set_ylabel("share within the distance of one of them")
    heading(figure, title)
    return figure


def _named(distance: float) -> str:
    return "the same tokens" if distance == 0 else f"similarity >= {1 - distance:.2f}"


def _line(panel: "Axes", x: Sequence[float], y: Sequence[float], index: int, text: str) -> None:
    panel.plot(
        x, y, color=COLORS[index], linestyle=LINES[index % len(LINES)], linewidth=2, drawstyle="steps-post", label=text
    )


def _finish(panel: "Axes", text: str) -> None:
    panel.set_xscale("log")
    panel.set_ylim(0, 1.02)
    panel.set_xlabel(text)
    counts_on(panel.xaxis)
    shares_on(panel.yaxis)
    panel.legend(loc="best")
