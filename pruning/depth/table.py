"""The best block of each size, with a threshold that says how far to go."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from pipeline.errors import UsageError
from pruning.depth.scores import DepthScores
from pruning.redundancy.blocks import nearest_block

_HEADS = ("layers", "start", "removed", "score", "")
_WITHIN = "within"


@dataclass(frozen=True)
class DepthRow:
    """The block of `layers` layers with the smallest score. `within`: at most the threshold; None = there is none."""

    layers: int
    start: int
    score: float
    within: bool | None

    @property
    def removed(self) -> tuple[int, ...]:
        """Return the layers of the block, counted from 0: exactly `layers` of them."""
        return tuple(range(self.start, self.start + self.layers))


class DepthTable(tuple[DepthRow, ...]):
    """Rows by size; printed as an aligned table."""

    __slots__ = ()

    def __str__(self) -> str:
        """Return the rows as aligned text."""
        return table_text(self)


def depth_table(scores: DepthScores, threshold: float | None = None) -> DepthTable:
    """Return the best block of every size from 1 to all but one layer; of equal scores the first.

    Raises `UsageError` for a threshold that is no number of at least 0.
    """
    check_threshold(threshold)
    best = [nearest_block(scores.blocks(size)) for size in range(1, scores.layers)]
    return DepthTable(
        DepthRow(block.layers, block.start, block.value, None if threshold is None else block.value <= threshold)
        for block in best
    )


def check_threshold(threshold: float | None) -> None:
    """Raise `UsageError` for a threshold that is no number of at least 0."""
    if threshold is not None and not (isfinite(threshold) and threshold >= 0):
        raise UsageError(f"--threshold: expected a number of at least 0, got {threshold!r}")


def table_text(rows: Sequence[DepthRow]) -> str:
    """Return rows as aligned text."""
    cells = [_HEADS, *map(_cells, rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(_HEADS))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    return "\n".join(line.rstrip() for line in lines)


def table_markdown(rows: Sequence[DepthRow]) -> str:
    """Return rows as a Markdown table."""
    lines = [_HEADS, ("---:",) * len(_HEADS), *map(_cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row: DepthRow) -> tuple[str, ...]:
    last = row.start + row.layers - 1
    removed = str(row.start) if row.layers == 1 else f"{row.start}-{last}"
    return (str(row.layers), str(row.start), removed, f"{row.score:.4g}", _WITHIN if row.within else "")
