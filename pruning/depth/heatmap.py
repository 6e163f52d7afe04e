"""The scores of all blocks as a triangle of colours."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.text import printable
from pruning.depth.output import check_file, write_file
from pruning.depth.scores import DepthScores

if TYPE_CHECKING:
    import numpy

_DPI = 110
_INCHES_A_LAYER, _FEWEST_INCHES, _MOST_INCHES = 0.28, 4.0, 24.0


def depth_heatmap(scores: DepthScores, path: Path | str, *, overwrite: bool = False) -> None:
    """Draw the scores as a PNG: across the start of a block, up its size; each row from its smallest to its greatest.

    Raises `UsageError` when a file is there already or cannot be written.
    """
    path = Path(path)
    check_file(path, overwrite=overwrite)
    write_file(path, _png(scores), overwrite=overwrite)


def scaled(scores: DepthScores) -> "numpy.ndarray":
    """Return (layers - 1, layers): row n - 1 has the blocks of n layers by start, its smallest 0 and its greatest 1.

    NaN where there is no block; a row whose scores are equal is 0.
    """
    import numpy

    table = numpy.full((scores.layers - 1, scores.layers), numpy.nan)
    for row, values in zip(table, scores.values, strict=True):
        found = numpy.asarray(values, dtype=float)
        spread = found.max() - found.min()
        row[: len(found)] = (found - found.min()) / spread if spread > 0 else 0.0
    return table


def _png(scores: DepthScores) -> bytes:
    import matplotlib as mpl

    mpl.use("Agg")
    import seaborn
    from matplotlib.figure import Figure

    side = min(max(_FEWEST_INCHES, _INCHES_A_LAYER * scores.layers), _MOST_INCHES)
    with mpl.rc_context({"font.family": ["DejaVu Sans"], "text.parse_math": False}):
        figure = Figure(figsize=(side + 1.5, side), layout="constrained")
        axes = figure.subplots()
        seaborn.heatmap(
            scaled(scores),
            ax=axes,
            cmap="viridis",
            vmin=0,
            vmax=1,
            yticklabels=[str(size) for size in range(1, scores.layers)],
            cbar_kws={"label": f"{scores.distance}, each row\nfrom its smallest (0) to its greatest (1)"},
        )
        axes.invert_yaxis()
        axes.set(xlabel="first layer of the block", ylabel="layers in the block", title=printable(scores.model, 60))
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()
