"""The table of a benchmark: one row a trial."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pruning.evaluation import METRICS
from pruning.evaluation.records import Measurement
from pruning.library.trial import Ended

if TYPE_CHECKING:
    from pandas import DataFrame

_INTERVAL = ("low", "high")


def table(model: str, ended: Sequence[Ended], facts: Mapping[str, object]) -> "DataFrame":
    """Return the rows in their order.

    After what was tried and how it ended, one column a metric that any row has, in listing order, each followed by
    NAME_low and NAME_high where it has a 95 % interval; NaN where a row has none. `attrs` hold the facts, and the units
    and the better directions of the metrics.
    """
    from pandas import DataFrame

    metrics = [metric for metric in METRICS if any(metric.name in row.metrics for row in ended)]
    intervals = {name for row in ended for name, found in row.metrics.items() if found.ci_low is not None}
    rows = [_row(model, row, [metric.name for metric in metrics], intervals) for row in ended]
    found = DataFrame(rows)
    found.attrs = {
        **facts,
        "units": {metric.name: metric.unit for metric in metrics},
        "directions": {metric.name: metric.direction for metric in metrics},
    }
    return found


def _row(model: str, row: Ended, metrics: Sequence[str], intervals: set[str]) -> dict[str, object]:
    cells: dict[str, object] = {
        "model": model,
        **vars(row.trial),
        "status": row.status,
        "reason": row.reason,
        "detail": row.detail,
        "experiment_seconds": row.seconds,
    }
    for name in metrics:
        cells |= _cells(name, row.metrics.get(name), interval=name in intervals)
    return cells


def _cells(name: str, found: Measurement | None, *, interval: bool) -> dict[str, float | None]:
    bounds = dict(zip(_INTERVAL, (found.ci_low, found.ci_high) if found else (None, None), strict=True))
    value = {name: found.value if found else None}
    return value | {f"{name}_{bound}": limit for bound, limit in bounds.items()} if interval else value
