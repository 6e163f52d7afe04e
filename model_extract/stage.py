"""Stage 1: sources -> sightings; readers -> extractions, structures, modules, traits."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from model_extract.catalog import choose_sources, list_all
from model_extract.extraction import ConfigKey, Extracted, Known, extract
from model_extract.listing import Listing
from model_extract.readers import READERS
from model_extract.sources import SOURCES, SOURCES_OF_CHOICE
from pipeline.progress import Progress
from pipeline.settings import Settings
from pipeline.stages import StagePlan, StageReport
from pipeline.text import count_of
from store import Query, RunHandle, Store
from store.provenance import content_hash, library_versions
from store.records import StructureRecord, TraitRecord

QUERIES = Path(__file__).resolve().parent / "queries"
KNOWN_STRUCTURES = Query(QUERIES / "known_structures.sql", Known)

READER = "meta-device"
RETRIED_REASONS = frozenset({"timeout", "out_of_memory", "network", "rate_limited"})
PAGE = 500  # sightings a transaction
CHUNK = 1000  # models whose configs are held at a time
BATCH = 50  # outcomes a transaction, at most
BATCH_SECONDS = 2.0  # ... or this long
_SECONDS_A_MODEL = 0.1  # of one process, for estimates
_CONFIG_BYTES = 3_000  # mean config.json, for estimates


def check(settings: Settings) -> None:
    """Raise `UsageError` when a chosen source cannot be listed as set."""
    for name in SOURCES_OF_CHOICE.get(settings.source, ()):
        SOURCES[name].check(settings)


def run(store: Store, settings: Settings, progress: Progress) -> StageReport:
    """List the models of the chosen sources and extract the structure of those that are new."""
    names = choose_sources(settings, progress)
    with store.run("extract", settings.model_dump(mode="json")) as handle:
        listings = _see(store, handle, list_all(names, settings))
        revisions = sorted(listing.key for listing in listings)
        store.record_input(handle, content_hash([names, revisions, library_versions()]))
        done = _done(store)
        pending = [listing for listing in listings if listing.key not in done]
        counts = _extract_all(store, handle, pending, settings, progress)
    return _report(names, len(listings), len(listings) - len(pending), counts)


def plan(store: Store, settings: Settings) -> StagePlan:
    """Say what `run` would list and build. Asks the Hub nothing: what it lists is taken to be new."""
    if settings.source == "hub" or (settings.source == "auto" and not settings.offline):
        return _plan_for_hub(settings)
    names = SOURCES_OF_CHOICE.get(settings.source, SOURCES_OF_CHOICE["builtin"])
    for name in names:
        SOURCES[name].check(settings)
    listings = list(list_all(names, settings))
    done = _done(store)
    new = sum(listing.key not in done for listing in listings)
    steps = (
        f"list {count_of(len(listings), 'model')} from {' and '.join(names)}",
        f"build {new:,} of them on the meta device; the others are known",
    )
    return StagePlan("extract", steps, 0, _build_seconds(new, settings))


def _plan_for_hub(settings: Settings) -> StagePlan:
    most = settings.limit * len(settings.tasks)
    steps = [f"list up to {count_of(most, 'model')} from the Hub, tasks {', '.join(settings.tasks)}"]
    steps.append("fetch config.json of those that are new and build each distinct one on the meta device")
    if settings.source == "auto":
        steps.append("if the Hub does not answer: list and build what builtin and reference carry")
    return StagePlan("extract", tuple(steps), most * _CONFIG_BYTES, _build_seconds(most, settings))


def _build_seconds(models: int, settings: Settings) -> float:
    return round(models * _SECONDS_A_MODEL / settings.worker_count, 1)


def _see(store: Store, handle: RunHandle, listings: Iterable[Listing]) -> list[Listing]:
    """Write the sightings page by page and return the listings."""
    seen: list[Listing] = []
    for page in _pages(listings, PAGE):
        store.insert([listing.sighting(handle.run_id) for listing in page])
        seen.extend(page)
    return seen


def _done(store: Store) -> set[tuple[str, str, str]]:
    """Return the models that need no work: extracted, or failed in a way that a second try does not change."""
    rows = store.rows("SELECT source, model_id, revision, reason FROM current_extractions")
    return {(source, model, revision) for source, model, revision, reason in rows if reason not in RETRIED_REASONS}


def _extract_all(
    store: Store, handle: RunHandle, pending: Sequence[Listing], settings: Settings, progress: Progress
) -> Counter[str]:
    counts: Counter[str] = Counter()
    if not pending:
        return counts
    writer = _Writer(store, handle)
    with progress.track("extract", len(pending)) as track:
        for chunk in _pages(pending, CHUNK):
            for outcome in extract(chunk, _known(store), READERS[READER], settings):
                writer.add(outcome)
                counts[outcome.record.reason or "extracted"] += 1
                track.advance(outcome.record.model_id)
                if progress.verbose and outcome.record.reason:
                    progress.note(_told(outcome))
            writer.flush()
    return counts


def _known(store: Store) -> dict[ConfigKey, Known]:
    rows = store.fetch(KNOWN_STRUCTURES, transformers=library_versions()["transformers"])
    return {(row.source, row.config_hash): row for row in rows}


def _told(outcome: Extracted) -> str:
    record = outcome.record
    return f"{record.model_id}: {record.status}, {record.reason}: {record.detail or 'no detail'}"


class _Writer:
    """Collects outcomes and writes them in transactions: an extraction never stands without its structure."""

    def __init__(self, store: Store, handle: RunHandle) -> None:
        self._store, self._run_id = store, handle.run_id
        self._structures = {row[0] for row in store.rows("SELECT structure_id FROM extracted_structures")}
        self._batch: list[Extracted] = []
        self._written_at = time.monotonic()

    def add(self, outcome: Extracted) -> None:
        self._batch.append(outcome)
        if len(self._batch) >= BATCH or time.monotonic() - self._written_at >= BATCH_SECONDS:
            self.flush()

    def flush(self) -> None:
        records = [replace(outcome.record, run_id=self._run_id) for outcome in self._batch]
        structures: list[StructureRecord] = []
        modules: list[Any] = []
        traits: list[TraitRecord] = []
        for structure in (outcome.structure for outcome in self._batch):
            if structure is None or structure.summary.structure_id in self._structures:
                continue
            identity = structure.summary.structure_id
            self._structures.add(identity)
            structures.append(replace(structure.summary, run_id=self._run_id))
            modules.extend(structure.modules)
            traits.extend(TraitRecord(identity, name, value) for name, value in structure.traits.items())
        self._store.insert(records, structures, modules, traits)
        self._batch, self._written_at = [], time.monotonic()


def _pages(items: Iterable[Listing], size: int) -> Iterator[list[Listing]]:
    remaining = iter(items)
    while page := list(islice(remaining, size)):
        yield page


def _report(names: tuple[str, ...], listed: int, unchanged: int, counts: Counter[str]) -> StageReport:
    notes = [f"source: {', '.join(names)}"]
    if unchanged:
        notes.append(f"{count_of(unchanged, 'model')} known from earlier runs")
    if not listed and "directory" in names:
        notes.append("--directory lists nothing: the folder holds no config.json, no weights and no NAME.json")
    return StageReport(
        "extract", {"listed": listed, "unchanged": unchanged, **dict(sorted(counts.items()))}, tuple(notes)
    )
