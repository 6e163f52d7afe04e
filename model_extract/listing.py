"""What a source gives: models as it lists them, and their files on demand."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Self

from model_extract.files import Files
from pipeline.settings import Settings
from store.records import SightingRecord, SourceName

if TYPE_CHECKING:
    from hub import Hub


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
    files: tuple[str, ...] | None = None
    listed_parameters: int | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes a model one model: source, id and revision."""
        return self.source, self.model_id, self.revision

    def sighting(self, run_id: str) -> SightingRecord:
        """Return the row of `sightings` of one run."""
        return SightingRecord(run_id=run_id, **{own.name: getattr(self, own.name) for own in fields(self)})


@dataclass(frozen=True)
class Context:
    """What sources work with: the settings, and the Hub, to which nothing is sent unless a source asks it.

    A with block closes its connections.
    """

    settings: Settings

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "hub" in self.__dict__:
            self.hub.close()

    @cached_property
    def hub(self) -> "Hub":
        """The Hub, with the limits that the settings give."""
        from hub import Hub, Policy

        settings = self.settings
        policy = Policy(
            seconds=settings.hub_seconds,
            silence_seconds=min(8.0, settings.hub_seconds),
            longest_wait_seconds=settings.hub_wait,
            pause_seconds=settings.hub_pause,
        )
        return Hub(policy, threads=settings.hub_threads)


@dataclass(frozen=True)
class QueryStop:
    """Where one query of a listing stood: `cursor` None = at its end; `taken` models were kept so far."""

    cursor: str | None
    page: int
    taken: int


@dataclass(frozen=True)
class Stop:
    """Where a listing stood when it was stopped, by query; empty = it has not begun."""

    queries: Mapping[str, QueryStop] = field(default_factory=dict)


@dataclass(frozen=True)
class ListedPage:
    """Models that were listed together. A source without paging gives pages without a query."""

    listings: tuple[Listing, ...]
    query: str | None = None
    page: int = 1
    cursor: str | None = None
    skipped: int = 0
    note: str | None = None


@dataclass(frozen=True)
class Source:
    """A plug-in that lists models.

    `list_pages` goes on from where it stood; `files` gives access to a model's files, and its methods raise
    `UnreadableError` and run in threads. `check` raises `UsageError` for what cannot be listed at all, before anything
    starts.
    """

    name: SourceName
    list_pages: Callable[[Context, Stop], Iterator[ListedPage]]
    files: Callable[[Listing, Context], Files]
    check: Callable[[Settings], None]


def always_ready(_: Settings) -> None:
    """Accept any settings: the source needs none."""


def pages_of(listings: Iterator[Listing], size: int = 500) -> Iterator[ListedPage]:
    """Yield the listings of a source without paging in pages of `size`."""
    page: list[Listing] = []
    for listing in listings:
        page.append(listing)
        if len(page) == size:
            yield ListedPage(tuple(page))
            page = []
    if page:
        yield ListedPage(tuple(page))
