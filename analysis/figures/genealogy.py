"""When families appeared."""

from typing import TYPE_CHECKING

from pictures.style import COLORS, Frame, counts_on, heading, label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN_FAMILIES = 25


def draw_timeline(frame: Frame, title: str) -> "Figure":
    """Steps: families that had appeared by a day; below, from the first to the last model of the largest families.

    Columns family_id, n_models, first_created, last_created (UTC).
    """
    from matplotlib.figure import Figure

    ordered = frame.sort_values(["first_created", "family_id"], kind="stable")
    largest = ordered.loc[ordered["n_models"].nlargest(SHOWN_FAMILIES).index]
    largest = largest.sort_values(["first_created", "family_id"], kind="stable").iloc[::-1]
    figure = Figure(figsize=(11, 4.4 + 0.27 * len(largest)), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 0.5 + 0.27 * len(largest)))
    upper.step(ordered["first_created"], range(1, len(ordered) + 1), where="post", color=COLORS[0], linewidth=2)
    upper.set_ylabel("families so far")
    upper.set_ylim(bottom=0)
    counts_on(upper.yaxis)
    places = range(len(largest))
    lower.hlines(places, largest["first_created"], largest["last_created"], color="#9ecae1", linewidth=5)
    lower.plot(largest["first_created"], places, linestyle="", marker="o", color=COLORS[3], markersize=6)
    names = zip(largest["family_id"], largest["n_models"], strict=True)
    lower.set_yticks(places, [f"{label(family, 26)} ({count:,})" for family, count in names])
    lower.set_ylim(-0.7, len(largest) - 0.3)
    lower.set_xlabel("date of creation (UTC); dot: first model, bar: to the newest one; in brackets: models")
    heading(figure, title)
    return figure
