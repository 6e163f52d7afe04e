"""What was measured as files: one CSV an analysis, and its pictures."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.text import spreadsheet_safe
from pruning.analyses.drawing import pictures_of
from pruning.analyses.specification import Order
from pruning.depth.output import write_file
from store import Query, Store

_QUERIES = Path(__file__).resolve().parent / "queries"


@dataclass(frozen=True)
class FindingRow:
    """A number of an analysis, as in the table `redundancy`."""

    model_id: str
    revision: str
    analysis: str
    component: str
    measure: str | None
    variant: str | None
    target: str | None
    layer: int | None
    other_layer: int | None
    head: int | None
    other_head: int | None
    x: float | None
    value: float
    unit: str
    n: int | None
    seed: int
    analysis_key: str | None


FINDINGS = Query(_QUERIES / "findings.sql", FindingRow)


def check_folder(folder: Path) -> None:
    """Make the folder that receives the files. Raises `UsageError` when there can be none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--output: expected a folder, got {str(folder)!r}: {error.strerror}") from error


def export(store: Store, orders: Iterable[Order], folder: Path) -> list[Path]:
    """Write NAME.csv and NAME-*.png of every analysis that has numbers, over those that are there already.

    Raises `UsageError` when a file cannot be written.
    """
    keys = [*dict.fromkeys(order.key for order in orders)]
    found: dict[str, list[FindingRow]] = {}
    for row in store.fetch(FINDINGS, keys=keys):
        found.setdefault(row.analysis, []).append(row)
    written = []
    for name, rows in found.items():
        written.append(_write(folder / f"{name}.csv", csv_bytes(FindingRow, rows)))
        pictures = pictures_of(name, rows)
        written += [_write(folder / f"{name}-{picture}.png", content) for picture, content in pictures.items()]
    return written


def csv_bytes(row_type: type, rows: Sequence[Any]) -> bytes:
    """Return rows as CSV that a spreadsheet takes for data, never for formulas; None is an empty cell."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(field.name for field in fields(row_type))
    writer.writerows([_cell(value) for value in astuple(row)] for row in rows)
    return buffer.getvalue().encode("utf-8")


def _cell(value: Any) -> Any:
    return spreadsheet_safe(value) if isinstance(value, str) else value


def _write(path: Path, content: bytes) -> Path:
    write_file(path, content, overwrite=True)
    return path
