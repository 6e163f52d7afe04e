"""What a reader takes and gives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from store.records import ExtractionReason, ModuleRecord, StructureRecord


@dataclass(frozen=True)
class ReadRequest:
    """One canonical config to build."""

    config: dict[str, Any]
    max_modules: int


@dataclass(frozen=True)
class Structure:
    """What was built. `summary.run_id` is empty: the reader knows of no run."""

    summary: StructureRecord
    modules: tuple[ModuleRecord, ...]
    traits: dict[str, str]
    architecture: str
    note: str | None


@dataclass(frozen=True)
class Refusal:
    """Why nothing was built; `detail` holds the original words."""

    reason: ExtractionReason
    detail: str


@dataclass(frozen=True)
class Reader:
    """A plug-in that turns a config into a structure. `preload` names what its child processes import once."""

    name: str
    read: Callable[[ReadRequest], Structure | Refusal]
    preload: tuple[str, ...]
