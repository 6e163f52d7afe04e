"""Pictures of the index."""

from typing import TYPE_CHECKING

from pictures.style import COLORS, MARKERS, Frame, axes_grid, counts_on, heading

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_growth(frame: Frame, title: str) -> "Figure":
    """Steps: what the store held after each run, a panel a measure, each from 0.

    Columns run_id, n_models, n_structures, n_families, n_experiments; a missing value is not drawn.
    """
    from matplotlib.ticker import MaxNLocator

    names = ("n_models", "n_structures", "n_families", "n_experiments")
    figure, axes = axes_grid(10, 3.2, 1, len(names), sharex=True)
    places = range(1, len(frame) + 1)
    for index, (panel, name) in enumerate(zip(axes, names, strict=True)):
        panel.plot(
            places, frame[name], color=COLORS[index], marker=MARKERS[index], drawstyle="steps-post", clip_on=False
        )
        panel.set_title(name.removeprefix("n_"))
        panel.set(xlabel="run, oldest first", ylim=(0, 1.15 * max(1, frame[name].max())))
        panel.set_xlim(0.5, len(frame) + 0.5)
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        counts_on(panel.yaxis)
    heading(figure, title)
    return figure
