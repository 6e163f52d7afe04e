"""How every picture looks, and how it becomes the bytes of a PNG.

Colours are seaborn's "colorblind" palette (Wong, Nature Methods 8, 441, 2011); markers and text say the same again.
"""

import io
import re
import textwrap
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from pipeline.text import printable, short_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL.Image import Image

DPI = 110
COLORS = ("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#fbafe4", "#56b4e9", "#ece133")
GREY = "#949494"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "p")
LINES = ("-", "--", ":", "-.")  # once around the colours
LONGEST_LABEL = 30
FACET_COLUMNS = 3
OTHER = "other"
NO_BREAK = "\u00a0"
# A logarithmic scale of damage is linear up to this on both sides of 0, where nothing and next to nothing look alike.
LINEAR_UP_TO = 1e-3

# A pandas.DataFrame. pandas annotates most results as unions that no call below would pass.
Frame = Any

_RC: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "grid.color": "#dddddd",
    "grid.linewidth": 0.7,
    "figure.facecolor": "white",
    "legend.frameon": False,
    # Names come from outside: a dollar sign in one is no formula.
    "text.parse_math": False,
}


def png_of(draw: "Callable[[Frame], Figure]", rows: Sequence[Any]) -> bytes:
    """Return the PNG that `draw` makes of a data frame of `rows`, flat dataclasses of one type.

    The same rows give the same bytes.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import pandas

    with mpl.rc_context(_RC):
        return _small(_pixels(draw(_numeric_blanks(pandas.DataFrame(rows)))))


def axes_grid(
    width: float, height: float, rows: int = 1, columns: int = 1, **share: Any
) -> "tuple[Figure, list[Axes]]":
    """Return an empty figure (inches) and its axes, row by row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)  # who measures text needs a canvas; a figure without one makes another for each text
    grid = figure.subplots(rows, columns, squeeze=False, **share)
    return figure, [*grid.flat]


def facet_columns(count: int) -> int:
    """Return how many of `count` panels stand in a row: at most three, and four as two by two without a hole."""
    return 2 if count == 4 else min(FACET_COLUMNS, count)


def facets(count: int, width: float, height: float, **share: Any) -> "tuple[Figure, list[Axes]]":
    """Return a figure with `count` visible axes of the given size (inches), `facet_columns` a row."""
    columns = facet_columns(count)
    rows = -(-count // columns)
    figure, axes = axes_grid(columns * width, rows * height + 0.9, rows, columns, **share)
    for unused in axes[count:]:
        unused.remove()
    return figure, axes[:count]


def label_outer(axes: "Sequence[Axes]", x: str, y: str) -> None:
    """Label facets at the left edge and wherever nothing stands below."""
    columns = facet_columns(len(axes))
    for index, panel in enumerate(axes):
        lowest, leftmost = index + columns >= len(axes), index % columns == 0
        panel.tick_params(labelbottom=lowest, labelleft=leftmost)
        panel.set(xlabel=x if lowest else "", ylabel=y if leftmost else "")


def colors_of(names: Sequence[str]) -> dict[str, str]:
    """Return a colour a name, in the order given; "other" and whatever exceeds the palette is grey."""
    named = [name for name in names if name != OTHER]
    return {name: COLORS[index] if index < len(COLORS) else GREY for index, name in enumerate(named)} | {OTHER: GREY}


def label(text: str, longest: int = LONGEST_LABEL) -> str:
    """Return text from outside as a label: short, on one line, only characters that the font has."""
    known = _characters()
    return "".join(character if ord(character) in known else "?" for character in printable(text, longest))


def heading(figure: "Figure", text: str) -> None:
    """Write a figure's title, wrapped to its width; a number keeps its unit beside it and a name stays whole."""
    characters = int(figure.get_figwidth() * 9.3)
    joined = re.sub(r"(?<=\d) (?=[x%KMBT]\b|%)", NO_BREAK, label(text, 400))
    wrapped = "\n".join(textwrap.wrap(joined, characters, break_on_hyphens=False))
    figure.suptitle(wrapped, x=0.01, horizontalalignment="left", fontweight="bold", fontsize=12)


def colorbar_axis(axes: "Axes") -> Any:
    """Return the axis that carries the numbers of a heatmap's colour bar."""
    bar = axes.collections[0].colorbar
    assert bar is not None
    return bar.ax.yaxis


def counts_on(axis: Any) -> None:
    """Label an axis' ticks with short counts such as 10 K."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value) if value >= 1 else f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def shares_on(axis: Any) -> None:
    """Label an axis' ticks with fractions as percentages."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g} %"))


def multiples_on(axis: Any, *, steps: Sequence[float] = (1, 2, 3, 5), most: float = float("inf")) -> None:
    """Label a logarithmic axis of ratios as 1 x, 2 x, 5 x; at `most` stands whatever is more, too."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    axis.set_major_locator(LogLocator(10, subs=steps, numticks=12))
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{'≥ ' if value >= most else ''}{short_count(float(f'{value:.3g}'))} x")
    )
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _numeric_blanks(frame: Frame) -> Frame:
    """Return the frame with columns that hold nothing but None as columns of NaN, as partly filled ones are."""
    return frame.dropna(axis=1, how="all").reindex(columns=frame.columns)


@cache
def _characters() -> frozenset[int]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap())


def _pixels(figure: "Figure") -> "Image":
    """Return a figure as an image: drawn once, where `savefig` would draw twice and compress between."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL.Image import frombytes

    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return frombytes("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")


def _small(image: "Image") -> bytes:
    """Return a PNG with a palette of 256 colours instead of true colour: a third of the size."""
    from PIL.Image import Dither

    small = image.quantize(256, dither=Dither.NONE)
    out = io.BytesIO()
    small.save(out, format="PNG")
    return out.getvalue()
