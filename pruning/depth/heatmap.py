"""The scores of all blocks as a triangle of colours."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pictures.heatmaps import draw_layer_heatmaps
from pictures.style import png_of
from pruning.depth.output import check_file, write_file
from pruning.depth.scores import DepthScores

if TYPE_CHECKING:
    import numpy


def depth_heatmap(scores: DepthScores, path: Path | str, *, overwrite: bool = False) -> None:
    """Draw the scores as a PNG: across the start of a block, down its size; each row from its smallest to its greatest.

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
    import numpy

    table = scaled(scores)
    cells = [
        {"panel": "blocks", "row": int(row) + 1, "column": int(start), "value": float(table[row, start])}
        for row, start in numpy.argwhere(~numpy.isnan(table))
    ]
    draw = partial(
        draw_layer_heatmaps,
        title=scores.model,
        value_label=f"{scores.distance}, each row\nfrom its smallest (0) to its greatest (1)",
        row_label="layers in the block",
        column_label="first layer of the block",
        limits=(0.0, 1.0),
    )
    return png_of(draw, cells)
