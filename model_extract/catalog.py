"""Which models a run looks at: the sources behind a `--source`, and their listings, page by page into the store.

A page is written with the cursor behind it in one transaction, so that a listing that was stopped goes on there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path

from hub import Hub, Policy
from model_extract.listing import Context, ListedPage, Listing, QueryStop, Stop
from model_extract.sources import SOURCES, SOURCES_OF_CHOICE, SOURCES_WHEN_THE_HUB_ANSWERS
from model_extract.sources.hub import why_unreachable
from pipeline.progress import Progress
from pipeline.settings import Settings
from pipeline.text import count_of
from store import Query, RunHandle, Store
from store.provenance import content_hash
from store.records import ListingPageRecord, SourceName

KEPT_HOURS = 24  # a listing that was stopped longer ago begins anew: the Hub has changed
QUERIES = Path(__file__).resolve().parent / "queries"
REACH_SECONDS = 3.0  # how long `--source auto` waits for the Hub's first word
# What decides which models are listed: a listing goes on only under the same words.
_LISTING_SETTINGS = (
    "tasks", "skip_tasks", "limit", "max_models", "min_models", "library", "author", "search", "license",
    "parameters", "min_downloads", "min_likes", "since", "sort",
)  # fmt: skip


@dataclass(frozen=True)
class StoppedQuery:
    """The last page of a query in a listing that its run did not finish."""

    listing_id: str
    query: str
    cursor: str | None
    page: int
    taken: int


STOPPED_LISTING = Query(QUERIES / "stopped_listing.sql", StoppedQuery)


@dataclass(frozen=True)
class Listed:
    """The runs whose sightings make the listing: this one, and those before it that it goes on from."""

    run_ids: tuple[str, ...]
    notes: tuple[str, ...]


def choose_sources(context: Context, progress: Progress) -> tuple[SourceName, ...]:
    """Return the names of the sources to list, checked.

    `auto` asks the Hub once and says in one line what it takes instead when there is no answer. Raises `UsageError`.
    """
    names = SOURCES_OF_CHOICE.get(context.settings.source) or _automatic(context.settings, progress)
    for name in names:
        SOURCES[name].check(context.settings)
    return names


def list_into(
    store: Store, handle: RunHandle, names: tuple[SourceName, ...], context: Context, progress: Progress
) -> Listed:
    """Write what the sources list into the store and return where it stands.

    Every model of the sources comes once: one that is listed under two tasks belongs to the first.
    """
    stopped = [] if context.settings.fresh else _stopped(store, context.settings)
    listing_id = stopped[0].listing_id if stopped else handle.run_id
    run_ids = _runs_of(store, listing_id, handle)
    stop = Stop({row.query: QueryStop(row.cursor, row.page, row.taken) for row in stopped})
    seen = _Seen(store, run_ids)
    notes: list[str] = []
    if stopped:
        notes.append(f"the listing goes on where it was stopped, behind {count_of(seen.count, 'model')}")
    writer = _PageWriter(store, handle.run_id, listing_id, _listing_key(context.settings))
    writer.begin(names)
    for name in names:
        for page in SOURCES[name].list_pages(context, stop):
            writer.write(name, page, [listing for listing in page.listings if seen.is_new(listing)])
            notes.extend([page.note] if page.note else [])
            if progress.verbose and page.query:
                progress.note(f"listed {count_of(seen.count, 'model')}")
    return Listed(run_ids, tuple(notes))


def listed_from(names: tuple[SourceName, ...], context: Context) -> Iterator[Listing]:
    """Yield what the sources list now, each model once, without a store."""
    seen: set[tuple[str, str, str]] = set()
    for name in names:
        for page in SOURCES[name].list_pages(context, Stop()):
            for listing in page.listings:
                if listing.key not in seen:
                    seen.add(listing.key)
                    yield listing


class _Seen:
    """Which models a listing has had, as 8 bytes each."""

    def __init__(self, store: Store, run_ids: tuple[str, ...]) -> None:
        # A new listing has no sightings yet: the query gives no rows.
        sql = "SELECT source, model_id, revision FROM sightings WHERE run_id IN (SELECT unnest($runs))"
        self._digests = {_digest(row) for row in store.rows(sql, {"runs": list(run_ids)})}

    @property
    def count(self) -> int:
        return len(self._digests)

    def is_new(self, listing: Listing) -> bool:
        digest = _digest(listing.key)
        new = digest not in self._digests
        self._digests.add(digest)
        return new


def _digest(key: tuple[str, ...]) -> bytes:
    return blake2b("\0".join(key).encode(), digest_size=8).digest()


@dataclass(frozen=True)
class _PageWriter:
    """Writes pages; those of a listing that can go on with their cursor."""

    store: Store
    run_id: str
    listing_id: str
    listing_key: str

    def begin(self, names: tuple[SourceName, ...]) -> None:
        """Enter the run into the listing, so that the newest run of a listing tells whether it came to its end."""
        if "hub" in names:
            self.store.insert([self._record("hub", ListedPage((), query="", page=0))])

    def write(self, source: SourceName, page: ListedPage, new: list[Listing]) -> None:
        sightings = [listing.sighting(self.run_id) for listing in new]
        self.store.insert(sightings, [] if page.query is None else [self._record(source, page)])

    def _record(self, source: SourceName, page: ListedPage) -> ListingPageRecord:
        return ListingPageRecord(
            run_id=self.run_id,
            listing_id=self.listing_id,
            listing_key=self.listing_key,
            source=source,
            query=page.query or "",
            page=page.page,
            cursor=page.cursor,
            n_models=len(page.listings),
            skipped=page.skipped,
        )


def _stopped(store: Store, settings: Settings) -> list[StoppedQuery]:
    since = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=KEPT_HOURS)
    return store.fetch(STOPPED_LISTING, since=since, listing_key=_listing_key(settings))


def _listing_key(settings: Settings) -> str:
    words = settings.model_dump(mode="json")
    return content_hash({name: words[name] for name in _LISTING_SETTINGS})


def _runs_of(store: Store, listing_id: str, handle: RunHandle) -> tuple[str, ...]:
    rows = store.rows("SELECT DISTINCT run_id FROM listing_pages WHERE listing_id = $id", {"id": listing_id})
    return tuple(sorted({*(row[0] for row in rows), handle.run_id}))


def _automatic(settings: Settings, progress: Progress) -> tuple[SourceName, ...]:
    once = Policy(seconds=REACH_SECONDS, silence_seconds=REACH_SECONDS, attempts=1, longest_wait_seconds=0.0)
    with Hub(once) as hub:
        why = "--offline" if settings.offline else why_unreachable(hub)
    if why is None:
        return SOURCES_WHEN_THE_HUB_ANSWERS
    progress.note(f"source: builtin and reference, because the Hub is not asked ({why})")
    return SOURCES_OF_CHOICE["builtin"]
