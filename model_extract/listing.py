"""What a source gives: models as it lists them, and their configs on demand."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from pipeline.settings import Settings
from store.records import SightingRecord, SourceName


@dataclass(frozen=True)
class Listing:
    """One model as listed: a row of `sightings` before the run is known."""

    model_id: str
    source: SourceName
    revision: str
    task: str | None = None
    library: str | None = None
    downloads: int | None = None
    likes: int | None = None
    license: str | None = None
    base_model: str | None = None
    base_model_relation: str | None = None
    gated: bool | None = None
    tags: tuple[str, ...] | None = None
    has_weights: bool | None = None
    location: str | None = None
    created_at: datetime | None = None
    last_modified: datetime | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes a model one model: source, id and revision."""
        return self.source, self.model_id, self.revision

    def sighting(self, run_id: str) -> SightingRecord:
        """Return the row of `sightings` of one run."""
        return SightingRecord(run_id=run_id, **{field.name: getattr(self, field.name) for field in fields(self)})


@dataclass(frozen=True)
class Config:
    """A config as read: the JSON object, what it cost, and what was done to it."""

    values: dict[str, Any]
    bytes_downloaded: int = 0
    requests: int = 0
    note: str | None = None


@dataclass(frozen=True)
class Source:
    """A plug-in that lists models.

    `read_config` raises `UnreadableError`; it runs in a thread beside others. `check` raises `UsageError` for what
    cannot be listed at all, before anything starts.
    """

    name: SourceName
    list_models: Callable[[Settings], Iterator[Listing]]
    read_config: Callable[[Listing, Settings], Config]
    check: Callable[[Settings], None]


def storable(text: str) -> str:
    """Return a text with what UTF-8 cannot hold (lone surrogates) written as escapes: the store takes no other."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def always_ready(_: Settings) -> None:
    """Accept any settings: the source needs none."""
