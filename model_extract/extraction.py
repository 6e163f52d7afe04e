"""From listed models to outcomes: read each config, build each distinct one once, in children with limits."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from model_extract.config import canonical_config, config_hash
from model_extract.failures import UnreadableError, status_of
from model_extract.listing import Config, Listing, storable
from model_extract.reading import Reader, ReadRequest, Refusal, Structure
from model_extract.sources import SOURCES
from pipeline.engine import Limits, Outcome, Task, run_tasks
from pipeline.settings import Settings
from store.records import ExtractionReason, ExtractionRecord

READING_THREADS = 12  # configs read at a time: waiting for the network, not work
_MAX_TEXT = 4000  # characters of an error that are kept
# How a child ends that met the memory limit inside a library which does not survive it.
_MEMORY_DEATHS = ("SIGKILL", "SIGABRT", "SIGSEGV")

ConfigKey = tuple[str, str]  # source and config hash: what is built once


@dataclass(frozen=True)
class ReadConfig:
    """A model whose config could be read, in canonical form."""

    listing: Listing
    config: Config
    canonical: dict
    key: ConfigKey


@dataclass(frozen=True)
class Known:
    """What a config built, now or in an earlier run."""

    source: str
    config_hash: str
    structure_id: str
    model_type: str
    architecture: str
    detail: str | None


@dataclass(frozen=True)
class Extracted:
    """The outcome of one model; `structure` is given by the model that built it."""

    record: ExtractionRecord
    structure: Structure | None = None


def extract(
    listings: Sequence[Listing], known: Mapping[ConfigKey, Known], reader: Reader, settings: Settings
) -> Iterator[Extracted]:
    """Yield one outcome for each listing, in the order in which they come. `run_id` is left empty."""
    readable: list[ReadConfig] = []
    for found in _read_configs(listings, reader, settings):
        if isinstance(found, ExtractionRecord):
            yield Extracted(found)
        else:
            readable.append(found)
    fresh: dict[ConfigKey, list[ReadConfig]] = {}
    for read in sorted(readable, key=lambda read: read.listing.key):
        if read.key in known:
            yield Extracted(_reused(read, known[read.key], reader))
        else:
            fresh.setdefault(read.key, []).append(read)
    yield from _build(fresh, reader, settings)


def _read_configs(
    listings: Sequence[Listing], reader: Reader, settings: Settings
) -> Iterator[ReadConfig | ExtractionRecord]:
    def one(listing: Listing) -> ReadConfig | ExtractionRecord:
        try:
            config = SOURCES[listing.source].read_config(listing, settings)
            canonical = canonical_config(config.values)
        except UnreadableError as error:
            return _record(listing, reader.name, 0.0, reason=error.reason, detail=error.detail)
        return ReadConfig(listing, config, canonical, (listing.source, config_hash(canonical)))

    pool = ThreadPoolExecutor(READING_THREADS)
    try:
        yield from pool.map(one, listings)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _build(fresh: Mapping[ConfigKey, list[ReadConfig]], reader: Reader, settings: Settings) -> Iterator[Extracted]:
    by_name = {"/".join(key): reads for key, reads in fresh.items()}
    tasks = [
        Task(name, ReadRequest(reads[0].canonical, settings.max_modules)) for name, reads in sorted(by_name.items())
    ]
    limits = Limits(settings.model_memory, settings.model_seconds)
    outcomes = run_tasks(reader.read, tasks, workers=settings.worker_count, limits=limits, preload=reader.preload)
    for outcome in outcomes:
        yield from _outcomes_of(outcome, by_name[outcome.key], reader)


def _outcomes_of(
    outcome: Outcome[Structure | Refusal], reads: Sequence[ReadConfig], reader: Reader
) -> Iterator[Extracted]:
    """Yield the outcome of every model that has the config; the first one carries the time and the structure."""
    for place, read in enumerate(reads):
        seconds = 0.0 if place else outcome.seconds
        if isinstance(outcome.value, Structure):
            structure = outcome.value if place == 0 else None
            yield Extracted(_built(read, outcome.value, reader, seconds), structure)
        else:
            yield Extracted(_refused(read, _refusal(outcome), reader, seconds))


def _refusal(outcome: Outcome[Structure | Refusal]) -> Refusal:
    """Return why a task gave no structure: its own answer, or what became of its process."""
    if isinstance(outcome.value, Refusal):
        return outcome.value
    reasons: dict[str, ExtractionReason] = {"timeout": "timeout", "out_of_memory": "out_of_memory"}
    if outcome.status == "crashed" and outcome.detail.endswith(_MEMORY_DEATHS):
        reasons["crashed"] = "out_of_memory"
    return Refusal(reasons.get(outcome.status, "bad_config"), outcome.detail)


def _reused(read: ReadConfig, known: Known, reader: Reader) -> ExtractionRecord:
    return _record(
        read.listing,
        reader.name,
        0.0,
        read=read,
        structure_id=known.structure_id,
        architecture=known.architecture,
        detail=known.detail,
    )


def _built(read: ReadConfig, structure: Structure, reader: Reader, seconds: float) -> ExtractionRecord:
    return _record(
        read.listing,
        reader.name,
        seconds,
        read=read,
        structure_id=structure.summary.structure_id,
        architecture=structure.architecture,
        detail=_joined(read.config.note, structure.note),
    )


def _refused(read: ReadConfig, refusal: Refusal, reader: Reader, seconds: float) -> ExtractionRecord:
    detail = _joined(read.config.note, refusal.detail)
    return _record(read.listing, reader.name, seconds, read=read, reason=refusal.reason, detail=detail)


def _record(
    listing: Listing,
    reader: str,
    seconds: float,
    *,
    read: ReadConfig | None = None,
    reason: ExtractionReason | None = None,
    detail: str | None = None,
    structure_id: str | None = None,
    architecture: str | None = None,
) -> ExtractionRecord:
    model_type = read.canonical.get("model_type") if read else None
    return ExtractionRecord(
        run_id="",
        model_id=listing.model_id,
        source=listing.source,
        revision=listing.revision,
        status="extracted" if reason is None else status_of(reason),
        reason=reason,
        reader=reader,
        detail=storable(detail[:_MAX_TEXT]) if detail else None,
        seconds=seconds,
        bytes_downloaded=read.config.bytes_downloaded if read else 0,
        requests=read.config.requests if read else 0,
        structure_id=structure_id,
        config_hash=read.key[1] if read else None,
        model_type=storable(model_type) if isinstance(model_type, str) else None,
        architecture=storable(architecture) if architecture else None,
    )


def _joined(*parts: str | None) -> str | None:
    return "; ".join(part for part in parts if part) or None
