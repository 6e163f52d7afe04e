"""Stage 1: sources -> sightings; readers -> extractions, structures, modules, traits."""

import gc
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from model_extract.budget import plan_for_hub
from model_extract.catalog import choose_sources, list_into, listed_from
from model_extract.extraction import BuildKey, Extracted, Known, extract
from model_extract.listing import Context, Listing
from model_extract.reading import TRACER_VERSION
from model_extract.sources import SOURCES, SOURCES_OF_CHOICE
from model_extract.writer import Writer
from pipeline.engines import engine_for
from pipeline.progress import Progress
from pipeline.settings import Settings
from pipeline.stages import StagePlan, StageReport, deadline_of, left_over
from pipeline.text import count_of, printable
from store import Query, RunHandle, Store
from store.provenance import content_hash, library_versions

QUERIES = Path(__file__).resolve().parent / "queries"
KNOWN_STRUCTURES = Query(QUERIES / "known_structures.sql", Known)
PENDING_FILE = QUERIES / "pending_models.sql"

# Outcomes that another try may change, and those that another version of the libraries may.
RETRIED_REASONS = ("timeout", "out_of_memory", "network", "rate_limited")
LIBRARY_REASONS = ("unknown_type", "missing_dependency", "incomplete_config", "bad_config", "component")
CHUNK = 1000  # models that are drawn from the store at a time
_SECONDS_A_MODEL = 0.1  # of one process, for estimates


def check(settings: Settings) -> None:
    """Raise `UsageError` when a chosen source cannot be listed as set or the engine cannot start."""
    engine_for(settings).check()
    for name in SOURCES_OF_CHOICE.get(settings.source, ()):
        SOURCES[name].check(settings)


def run(store: Store, settings: Settings, progress: Progress) -> StageReport:
    """List the models of the chosen sources and extract the structure of those that are new."""
    deadline = deadline_of(settings)
    with Context(settings) as context:
        names = choose_sources(context, progress)
        with store.run("extract", settings.model_dump(mode="json")) as handle:
            listed = list_into(store, handle, names, context, progress)
            n_listed, digest = _summary(store, listed.run_ids, names)
            store.record_input(handle, digest)
            n_pending = _pending(store, settings, listed.run_ids, names)
            counts = _extract_all(store, handle, n_pending, context, progress, deadline)
        left = left_over(n_pending - sum(counts.values()), "model", settings)
        notes = [f"source: {', '.join(names)}", *listed.notes, *left, *_hub_notes(context, names)]
    return _report(notes, n_listed, n_listed - n_pending, counts)


def plan(store: Store, settings: Settings) -> StagePlan:
    """Say what `run` would list and build. The Hub is asked once, for its answer and its rate limits."""
    if settings.source == "hub" or (settings.source == "auto" and not settings.offline):
        return plan_for_hub(store, settings)
    names = SOURCES_OF_CHOICE.get(settings.source, SOURCES_OF_CHOICE["builtin"])
    for name in names:
        SOURCES[name].check(settings)
    listings = list(listed_from(names, Context(settings)))
    done = _done(store)
    new = sum(listing.key not in done for listing in listings)
    steps = (
        f"list {count_of(len(listings), 'model')} from {' and '.join(names)}",
        f"build {new:,} of them on the meta device; the others are known",
    )
    return StagePlan("extract", steps, 0, round(new * _SECONDS_A_MODEL / settings.worker_count, 1))


def _done(store: Store) -> set[tuple[str, str, str]]:
    """Return the models whose outcome stands, for an estimate."""
    rows = store.rows("SELECT source, model_id, revision, reason FROM current_extractions")
    return {(source, model, revision) for source, model, revision, reason in rows if reason not in RETRIED_REASONS}


def _summary(store: Store, run_ids: Sequence[str], names: Sequence[str]) -> tuple[int, str]:
    """Return how many models are listed, and a hash of them and of the libraries that read them."""
    cursor = store.connection.execute(
        "SELECT DISTINCT source, model_id, revision FROM sightings "
        "WHERE run_id IN (SELECT unnest($runs)) AND source IN (SELECT unnest($names)) ORDER BY ALL",
        {"runs": list(run_ids), "names": list(names)},
    )
    hashes, count = [], 0
    while rows := cursor.fetchmany(10_000):
        count += len(rows)
        hashes.append(content_hash(rows))
    return count, content_hash([list(names), library_versions(), hashes])


def _pending(store: Store, settings: Settings, run_ids: Sequence[str], names: Sequence[str]) -> int:
    """Put the models that need work into the temporary table `pending` and return how many there are."""
    sql = f"CREATE OR REPLACE TEMP TABLE pending AS {PENDING_FILE.read_text(encoding='utf-8')}"
    parameters = {
        "runs": list(run_ids),
        "sources": list(names),
        "fresh": settings.fresh,
        "retry_failed": settings.retry_failed,
        "retried": list(RETRIED_REASONS),
        "of_library": list(LIBRARY_REASONS),
        "transformers": library_versions()["transformers"],
        "views": settings.views,
        "shapes": settings.shapes,
        "tracer": TRACER_VERSION,
    }
    store.connection.execute(sql, parameters)
    return store.rows("SELECT count(*) FROM pending")[0][0]


def _pending_models(store: Store, n_pending: int, deadline: float | None) -> Iterator[Listing]:
    """Yield the pending models in their order, read a chunk at a time: a listing may have millions.

    None comes after `deadline`, a moment of `time.monotonic`; None = no limit.
    """
    for start in range(0, n_pending, CHUNK):
        rows = store.rows("SELECT * FROM pending LIMIT $size OFFSET $start", {"size": CHUNK, "start": start})
        for listing in (Listing(*row) for row in rows):
            if deadline is not None and time.monotonic() > deadline:
                return
            yield replace(listing, tags=_tuple(listing.tags), files=_tuple(listing.files))


def _extract_all(
    store: Store, handle: RunHandle, n_pending: int, context: Context, progress: Progress, deadline: float | None
) -> Counter[str]:
    counts: Counter[str] = Counter()
    if not n_pending:
        return counts
    writer = Writer(store, handle)
    with rarely_collected(), progress.track("extract", n_pending) as track:
        pending, known = _pending_models(store, n_pending, deadline), _known(store, context.settings)
        for outcome in extract(pending, known, context, writer.load):
            writer.add(outcome)
            counts[outcome.record.reason or "extracted"] += 1
            track.advance(outcome.record.model_id)
            if progress.verbose and outcome.record.reason:
                progress.note(_told(outcome))
        writer.flush()
    return counts


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Let Python's collector of cycles run seldom.

    Configs and headers become hundreds of thousands of small objects without cycles, which go when they are no longer
    used; walking them again and again took a third of the time.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _known(store: Store, settings: Settings) -> dict[BuildKey, Known]:
    """Return what was built before; nothing when everything is to be read anew."""
    if settings.fresh:
        return {}
    rows = store.fetch(
        KNOWN_STRUCTURES,
        transformers=library_versions()["transformers"],
        shapes=settings.shapes,
        tracer=TRACER_VERSION,
    )
    return {(row.reader, row.source, row.config_hash): row for row in rows}


def _told(outcome: Extracted) -> str:
    record = outcome.record
    # One line, whatever an id holds: a line of its own could pass for a word of ours.
    return printable(f"{record.model_id}: {record.status}, {record.reason}: {record.detail or 'no detail'}", 2000)


def _tuple(values: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


def _hub_notes(context: Context, names: Sequence[str]) -> list[str]:
    """Return what the run asked of the Hub, and what is left of its limits."""
    if "hub" not in names:
        return []
    traffic = context.hub.traffic
    said = (
        f"Hub: {count_of(traffic.requests, 'request')}, {traffic.retries:,} of them again, "
        f"{traffic.bytes / 1e6:,.1f} MB, {traffic.waited_seconds:,.0f} s waited, "
        f"longest {traffic.longest_seconds:.2f} s"
    )
    left = [
        f"{name}: {budget.remaining:,} of {budget.quota:,} requests left for {budget.reset_seconds:.0f} s"
        for name in ("api", "resolvers")
        if (budget := context.hub.limits.budget(name)) is not None
    ]
    return [said, *left]


def _report(notes: Sequence[str], listed: int, unchanged: int, counts: Counter[str]) -> StageReport:
    told = list(notes)
    if unchanged:
        told.append(f"{count_of(unchanged, 'model')} known from earlier runs")
    if not listed and any("directory" in note for note in notes[:1]):
        told.append("--directory lists nothing: the folder holds no config.json, no weights and no NAME.json")
    return StageReport(
        "extract", {"listed": listed, "unchanged": unchanged, **dict(sorted(counts.items()))}, tuple(told)
    )
