"""The Hugging Face Hub: models task by task, page by page, with filters; their files on demand.

Hub API: https://huggingface.co/docs/hub/api (GET /api/models).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from urllib.parse import urlencode

from hub import Hub, HubError, valid_revision
from model_extract.files import Files, HubFiles
from model_extract.listing import Context, ListedPage, Listing, QueryStop, Source, Stop
from model_extract.text import storable
from model_extract.wanted import wanted_files
from pipeline.errors import UsageError
from pipeline.settings import Settings
from pipeline.text import count_of, printable

UNKNOWN_REVISION = "unknown"
PAGE_SIZE = 1000  # the Hub's largest page
ALL_TASKS = "all"
_MOST = 2**63 - 1  # what the store's BIGINT holds
_LONGEST_TEXT = 300  # characters of an id, a tag or a name; the Hub's own are shorter
_MOST_TAGS = 1000
_RELATIONS = ("finetune", "adapter", "merge", "quantized")
# The cursor of a listing by downloads is slow far behind its beginning and moves with the counts; the date of creation
# is indexed and never changes.
_LONG_LISTING = 10_000
_SORT_KEYS = {"downloads": "downloads", "likes": "likes", "created": "createdAt", "modified": "lastModified"}
_FIELDS = (
    "cardData",
    "createdAt",
    "downloads",
    "gated",
    "gguf",
    "lastModified",
    "library_name",
    "likes",
    "pipeline_tag",
    "safetensors",
    "sha",
    "siblings",
    "tags",
)


def list_pages(context: Context, stop: Stop) -> Iterator[ListedPage]:
    """Yield the models of each of the tasks, page by page, from where a listing stood.

    Raises `UsageError` when the Hub stops answering: a listing cut short would look like models that are gone. The
    pages until then are kept, and the next run goes on behind them.
    """
    settings, left = context.settings, context.settings.max_models or _MOST
    left -= sum(query.taken for query in stop.queries.values())
    task = None
    try:
        for task in _tasks(context):
            for page in _task_pages(context.hub, settings, task, stop, left):
                left -= len(page.listings)
                yield page
    except HubError as error:
        what = "the list of tasks" if task is None else f"the list of task {printable(task)!r}"
        raise UsageError(
            f"--source hub: {what} could not be read ({error.kind}: {error.detail}); "
            "the same command goes on from there later, or use --source builtin"
        ) from error


def files(listing: Listing, context: Context) -> Files:
    """Return a model's files at the listed commit; a gated model is asked for too: the token may allow it."""
    return HubFiles(context.hub, listing.model_id, listing.revision)


def check(settings: Settings) -> None:
    """Raise `UsageError` when the Hub may not be asked."""
    if settings.offline:
        raise UsageError("--source hub: expected a run that may ask the Hub, got --offline")


def why_unreachable(hub: Hub) -> str | None:
    """Ask the Hub for one model and return why there is no answer; None = it answers."""
    try:
        hub.page("limit=1")
    except HubError as error:
        return error.detail
    return None


def queries_of(settings: Settings, tasks: tuple[str, ...]) -> list[str]:
    """Return the query strings of a listing, one a task."""
    return [_query(settings, task) for task in tasks]


@dataclass(frozen=True)
class _Filter:
    """What the API does not filter, checked on each entry."""

    min_downloads: int
    min_likes: int
    since: datetime | None

    def takes(self, listing: Listing) -> bool:
        recent = self.since is None or (listing.last_modified is not None and listing.last_modified >= self.since)
        return (listing.downloads or 0) >= self.min_downloads and (listing.likes or 0) >= self.min_likes and recent


def _tasks(context: Context) -> tuple[str, ...]:
    named = context.settings.tasks
    tasks = context.hub.tasks() if ALL_TASKS in named else named
    return tuple(task for task in tasks if task not in context.settings.skip_tasks)


def _task_pages(hub: Hub, settings: Settings, task: str, stop: Stop, left: int) -> Iterator[ListedPage]:
    """Yield the pages of one task; one with fewer than `min_models` models gives a page with a note alone."""
    query = _query(settings, task)
    before = stop.queries.get(query, QueryStop("", 0, 0))
    if before.cursor is None or left <= 0:
        return
    held: list[ListedPage] = []
    listed = 0
    for page in _query_pages(hub, settings, query, before, left):
        listed += len(page.listings) + page.skipped
        held.append(page)
        enough = before.page > 0 or listed >= settings.min_models
        if page.cursor is None and not enough:
            note = f"task {printable(task)} is left out: {count_of(listed, 'model')}, fewer than --min-models"
            yield ListedPage((), query, page.page, None, listed, note)
        elif enough:
            yield from held
            held = []


def _query_pages(hub: Hub, settings: Settings, query: str, before: QueryStop, left: int) -> Iterator[ListedPage]:
    wanted = min(settings.limit - before.taken, left)
    fits = _Filter(settings.min_downloads, settings.min_likes, _day(settings.since))
    cursor, number = before.cursor, before.page
    asked: set[str] = set()
    while wanted > 0 and cursor is not None:
        if cursor in asked:
            raise HubError("network", "the listing leads back to a page that it has had")
        asked.add(cursor)
        answer = hub.page(query, cursor or None)
        entries = [listing for listing in map(listing_of, answer.models) if listing is not None]
        taken = [listing for listing in entries if fits.takes(listing)][:wanted]
        wanted -= len(taken)
        number += 1
        over = wanted <= 0 or _none_follow(settings, entries)
        cursor = None if over else answer.cursor
        yield ListedPage(tuple(taken), query, number, cursor, len(answer.models) - len(taken))


def _none_follow(settings: Settings, entries: list[Listing]) -> bool:
    """Return whether the order says that no later model passes the filters."""
    last = entries[-1] if entries else None
    if last is None:
        return False
    keys = {"downloads": (last.downloads, settings.min_downloads), "likes": (last.likes, settings.min_likes)}
    value, least = keys.get(_sort(settings), (None, 0))
    return value is not None and value < least


def _query(settings: Settings, task: str) -> str:
    tags = [tag for tag in (settings.library, settings.license and f"license:{settings.license}") if tag]
    given = {
        "pipeline_tag": task,
        "author": settings.author,
        "search": settings.search,
        "num_parameters": settings.parameters,
        "sort": _SORT_KEYS[_sort(settings)],
        "direction": "-1",
        "limit": str(min(PAGE_SIZE, max(settings.limit, settings.min_models))),
    }
    pairs = [(name, value) for name, value in given.items() if value]
    return urlencode([*pairs, *(("filter", tag) for tag in tags), *(("expand", field) for field in _FIELDS)])


def _sort(settings: Settings) -> str:
    if settings.sort != "auto":
        return settings.sort
    return "downloads" if settings.limit <= _LONG_LISTING else "created"


def listing_of(entry: dict[str, Any]) -> Listing | None:
    """Return what an entry of a listing says of one model; None when it names none. Any value may be of any type."""
    model_id = _text(entry.get("id"))
    if not model_id:
        return None
    tags = tuple(filter(None, map(_text, _list(entry.get("tags"))[:_MOST_TAGS])))
    base_model, relation = lineage(tags, entry.get("cardData"))
    names = [_name(sibling) for sibling in _list(entry.get("siblings"))]
    present = wanted_files(filter(None, names)) if isinstance(entry.get("siblings"), list) else None
    revision = entry.get("sha")
    return Listing(
        model_id=model_id,
        source="hub",
        revision=revision if isinstance(revision, str) and valid_revision(revision) else UNKNOWN_REVISION,
        task=_text(entry.get("pipeline_tag")),
        library=_text(entry.get("library_name")),
        downloads=_count(entry.get("downloads")),
        likes=_count(entry.get("likes")),
        license=next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), None),
        base_model=base_model,
        base_model_relation=relation,
        gated=None if entry.get("gated") is None else bool(entry["gated"]),
        tags=tags,
        has_weights="safetensors" in tags or any(name.endswith(".safetensors") for name in present or ()),
        created_at=_moment(entry.get("createdAt")),
        last_modified=_moment(entry.get("lastModified")),
        files=present,
        listed_parameters=_total(entry.get("safetensors")) or _total(entry.get("gguf")),
    )


def lineage(tags: tuple[str, ...], card: Any) -> tuple[str | None, str | None]:
    """Return the declared base model and the relation to it.

    From `base_model:RELATION:ID` tags, else `base_model:ID` tags, else the card's `base_model` and
    `base_model_relation`. Of several bases, as a merge has them, the first is kept: all of them stay in the tags.
    """
    bases = [tag.removeprefix("base_model:") for tag in tags if tag.startswith("base_model:")]
    related = [base.partition(":") for base in bases if base.partition(":")[0] in _RELATIONS]
    if related:
        return related[0][2], related[0][0]
    if bases:
        return bases[0], None
    fields = card if isinstance(card, dict) else {}
    declared = fields.get("base_model")
    first = _text(declared[0] if isinstance(declared, list) and declared else declared)
    relation = fields.get("base_model_relation")
    return first, relation if first and isinstance(relation, str) and relation in _RELATIONS else None


def _text(value: Any) -> str | None:
    """Return a text of a listing in a form that can be stored; None for anything else.

    One that is too long for what it stands for is cut and gets a hash of the whole.
    """
    if not isinstance(value, str):
        return None
    text = storable(value)
    if len(text) <= _LONGEST_TEXT:
        return text
    return f"{text[: _LONGEST_TEXT - 20]}…{blake2b(text.encode(), digest_size=8).hexdigest()}"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _name(sibling: Any) -> str | None:
    name = sibling.get("rfilename") if isinstance(sibling, dict) else None
    return name if isinstance(name, str) else None


def _total(value: Any) -> int | None:
    return _count(value.get("total")) if isinstance(value, dict) else None


def _count(value: Any) -> int | None:
    """Return a number of a listing; None for what is none, or too large to be stored."""
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return value if is_count and 0 <= value <= _MOST else None


def _moment(value: Any) -> datetime | None:
    """Return a time of a listing in UTC without its zone, as the store keeps it; None for what is none."""
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, TypeError, OverflowError):
        return None


def _day(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


SOURCE = Source("hub", list_pages, files, check)
