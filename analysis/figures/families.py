"""Pictures of families and names."""

from typing import TYPE_CHECKING

from analysis.numbers import percent, span
from pictures.style import COLORS, GREY, Frame, axes_grid, counts_on, heading, label, shares_on

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_families(frame: Frame, title: str) -> "Figure":
    """Bars: models a family, with the ranges of layers and parameters beside.

    Columns family_id, n_models, fewest_layers, most_layers, fewest_parameters, most_parameters, has_weights.
    """
    frame = frame.iloc[::-1]
    figure, [axes] = axes_grid(10, 2 + 0.33 * len(frame))
    for position, row in enumerate(frame.itertuples()):
        color = COLORS[0] if row.has_weights else GREY
        axes.barh(
            position, row.n_models, color=color, height=0.7, hatch="" if row.has_weights else "//", edgecolor="white"
        )
        axes.annotate(f" {row.n_models:,}  ({_ranges(row)})", (row.n_models, position), va="center", fontsize=8.5)
    axes.set_yticks(range(len(frame)), [label(family) for family in frame["family_id"]])
    axes.set_xlim(0, 1.75 * frame["n_models"].max())
    axes.grid(visible=False, axis="y")
    axes.set_ylim(-0.6, len(frame) - 0.4)
    axes.set_xlabel("models (full: a representative with weights is at hand; hatched: none)")
    counts_on(axes.xaxis)
    heading(figure, title)
    return figure


def draw_duplicates(frame: Frame, title: str) -> "Figure":
    """Bars: of one model a distinct name, the share whose structure another name has too, by level and naming rule.

    Columns rule, position, level, n_names, n_structures, duplicate_share.
    """
    rules = list(dict.fromkeys(frame["rule"]))
    levels = list(dict.fromkeys(frame.sort_values("position")["level"]))
    figure, [axes] = axes_grid(9, 4.2)
    width = 0.8 / len(rules)
    for index, rule in enumerate(rules):
        part = frame[frame["rule"] == rule].set_index("level").loc[levels]
        places = [position + (index - (len(rules) - 1) / 2) * width for position in range(len(levels))]
        text = f"{rule} (n = {part['n_names'].iloc[0]:,} names)"
        axes.bar(places, part["duplicate_share"], width * 0.92, color=COLORS[index], label=text)
        for place, share, count in zip(places, part["duplicate_share"], part["n_structures"], strict=True):
            axes.annotate(
                f"{percent(share)}\n{count:,} structures", (place, share), ha="center", va="bottom", fontsize=9
            )
    axes.set_xticks(range(len(levels)), levels)
    axes.set_ylim(0, max(0.2, 1.35 * frame["duplicate_share"].max()))
    axes.set_ylabel("structural duplicates among names")
    shares_on(axes.yaxis)
    axes.grid(visible=False, axis="x")
    axes.legend(title="naming rule", loc="upper left")
    heading(figure, title)
    return figure


def _ranges(row: object) -> str:
    """Return "12 to 48 layers, 110 M to 7 B parameters" as far as it is known."""
    values = {
        name: getattr(row, name) for name in ("fewest_layers", "most_layers", "fewest_parameters", "most_parameters")
    }
    if any(value != value or value is None for value in values.values()):
        return "structure not read"
    layers = span(values["fewest_layers"], values["most_layers"])
    return f"{layers} layers, {span(values['fewest_parameters'], values['most_parameters'])} parameters"
