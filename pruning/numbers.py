"""The numbers of a command: bare for JSON, as a table for people."""

from collections.abc import Mapping

from pruning.evaluation import METRICS
from pruning.evaluation.records import Measurement, shown


def values(numbers: Mapping[str, Measurement]) -> dict[str, float]:
    """Return the bare values by metric."""
    return {name: number.value for name, number in numbers.items()}


def table(columns: Mapping[str, Mapping[str, Measurement]]) -> str:
    """Return metrics, in listing order, then tasks by checkpoints as aligned text."""
    heads = ["metric", "unit", *columns]
    rows = [heads]
    units = {name: number.unit for numbers in columns.values() for name, number in numbers.items()}
    for name in [*(name for name in METRICS.names() if name in units), *(name for name in units if ":" in name)]:
        cells = [shown(numbers[name]) if name in numbers else "-" for numbers in columns.values()]
        rows.append([name, units[name], *cells])
    widths = [max(len(row[place]) for row in rows) for place in range(len(heads))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
