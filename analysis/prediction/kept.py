"""Measurements that are committed with the code: models that were trained and pruned elsewhere, weights not kept.

`analysis/measurements/README.md` says how they were made. They count only where they can be compared with the store's.
"""

import csv
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from analysis.prediction.models import ModelRow

FOLDER = Path(__file__).parent.parent / "measurements"
MODELS, DAMAGES, PROVENANCE = "models.csv", "damage.csv", "provenance.toml"
# The one of pruning.experiments.specification that this report reads; a test compares them.
PROTOCOL_VERSION = 2
Row = TypeVar("Row")


@dataclass(frozen=True)
class KeptDamage:
    """The measured perplexity over dense of one model, method and ratio."""

    source: str
    model_id: str
    method: str
    method_version: int
    scope: str
    ratio: float
    n_windows: int
    damage: float


@dataclass(frozen=True)
class Provenance:
    """Where kept measurements come from; `evaluation` is the hash of the evaluation text, `date` UTC."""

    commit: str
    date: str
    protocol_version: int
    evaluation: str
    seed: int


@dataclass(frozen=True)
class Kept:
    """Kept measurements."""

    provenance: Provenance
    models: tuple[ModelRow, ...]
    damages: tuple[KeptDamage, ...]


@cache
def kept_measurements(folder: Path = FOLDER) -> Kept:
    """Return what the folder holds."""
    provenance = Provenance(**tomllib.loads((folder / PROVENANCE).read_text(encoding="utf-8")))
    return Kept(provenance, tuple(read_rows(folder / MODELS, ModelRow)), tuple(read_rows(folder / DAMAGES, KeptDamage)))


def usable(
    kept: Kept, own: Sequence[ModelRow], versions: Mapping[str, int]
) -> tuple[list[ModelRow], list[KeptDamage], str | None]:
    """Return the models and damages that can stand beside the store's own, and why others cannot (None = all can).

    Protocol and evaluation text must be the store's. A model that the store measured itself and a method whose version
    differs from the store's are left out.
    """
    fault = _fault(kept.provenance, {row.evaluation for row in own})
    if fault:
        return [], [], fault
    known = {(row.model_id, row.revision) for row in own}
    models = [row for row in kept.models if (row.model_id, row.revision) not in known]
    places = {(row.source, row.model_id) for row in models}
    mine = [row for row in kept.damages if (row.source, row.model_id) in places]
    damages = [row for row in mine if versions.get(row.method, row.method_version) == row.method_version]
    stale = sorted({row.method for row in mine} - {row.method for row in damages})
    return models, damages, f"the store has other versions of {', '.join(stale)}" if stale else None


def _fault(provenance: Provenance, evaluations: Collection[str | None]) -> str | None:
    if provenance.protocol_version != PROTOCOL_VERSION:
        return f"they follow protocol {provenance.protocol_version}, the report reads {PROTOCOL_VERSION}"
    if provenance.evaluation not in evaluations:
        return "the store's models were measured on another evaluation text"
    return None


def read_rows(path: Path, row: type[Row]) -> list[Row]:
    """Return a CSV file that `tabular.csv_text` wrote as rows of a flat dataclass."""
    hints = get_type_hints(row)
    names = [field.name for field in fields(row)]  # pyright: ignore[reportArgumentType]
    with path.open(encoding="utf-8", newline="") as lines:
        return [row(**{name: _value(line[name], hints[name]) for name in names}) for line in csv.DictReader(lines)]


def _value(text: str, annotation: Any) -> Any:
    kinds = [kind for kind in get_args(annotation) or (annotation,) if kind is not NoneType]
    if not text and NoneType in get_args(annotation):
        return None
    return text == "True" if kinds == [bool] else kinds[0](text)
