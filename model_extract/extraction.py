"""From listed models to outcomes: read each one in threads, build each distinct config once in children with limits.

A model is tried with one reader after another until one gives a structure; what the others said stays in its row.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, Self

from model_extract.cross_check import compare
from model_extract.failures import UnreadableError, status_of
from model_extract.files import Cost, Files
from model_extract.listing import Context, Listing
from model_extract.readers import readers_for
from model_extract.readers.meta_device import PRELOAD
from model_extract.readers.meta_device import read as build
from model_extract.reading import Blueprint, Reader, ReadRequest, Refusal, Structure
from model_extract.sources import SOURCES
from model_extract.text import storable
from model_extract.wanted import PICKLES
from pipeline.engines import Limits, Outcome, Task, engine_for
from pipeline.settings import Settings
from store.records import CrossCheckRecord, ExtractionReason, ExtractionRecord

_MAX_TEXT = 4000  # characters of an error that are kept
# How a child ends that met the memory limit inside a library which does not survive it.
_MEMORY_DEATHS = ("SIGKILL", "SIGABRT", "SIGSEGV")
_AHEAD = 1000  # models that are read or waiting to be read at a time
_BUILT_TOGETHER = 100  # new configs; fewer when nothing else has been read for a while
_PATIENCE_SECONDS = 0.3
# Answers of the Hub that hold for all files of a model: no other reader is tried.
_FINAL = frozenset({"gated", "not_found", "rate_limited", "network"})

BuildKey = tuple[str, str, str]  # reader, source and config hash: what is built once


@dataclass(frozen=True)
class Known:
    """What a config built, now or in an earlier run."""

    reader: str
    source: str
    config_hash: str
    structure_id: str
    model_type: str
    architecture: str
    detail: str | None


@dataclass(frozen=True)
class Extracted:
    """The outcome of one model; `structures` are those that it gave first, `cross_check` compares two views of it."""

    record: ExtractionRecord
    structures: tuple[Structure, ...] = ()
    cross_check: CrossCheckRecord | None = None


@dataclass
class _Work:
    """One model on its way: the readers still to try, what the earlier ones said, and its other view."""

    listing: Listing
    readers: list[Reader]
    files: Files | None = None
    refusals: list[tuple[str, Refusal]] = field(default_factory=list)
    blueprint: Blueprint | None = None  # of the last config that was read
    is_to_build: bool = False
    header: Structure | Refusal | None = None

    @property
    def cost(self) -> Cost:
        return self.files.cost if self.files else Cost()


def extract(
    listings: Iterable[Listing],
    known: Mapping[BuildKey, Known],
    context: Context,
    load: Callable[[str], Structure],
) -> Iterator[Extracted]:
    """Yield one outcome for each listing, in the order in which they come. `run_id` is left empty.

    `known` is what was built before; `load` returns such a structure by its id. Models are read while others are built,
    so that one slow answer keeps nothing else waiting.
    """
    built_here = dict(known)
    fresh: dict[BuildKey, list[_Work]] = {}
    with _Reading(context, listings) as reading:
        while reading.is_busy() or fresh:
            finished = reading.take()
            for work, structure in finished:
                if structure is not None:
                    yield Extracted(_record(work, structure=structure), (structure,))
                elif not work.is_to_build:
                    yield Extracted(_record(work))
                elif _key(work) in built_here:
                    yield _reused(work, built_here[_key(work)], load)
                else:
                    fresh.setdefault(_key(work), []).append(work)
            if finished and len(fresh) < _BUILT_TOGETHER and reading.is_busy():
                continue
            for work, built, seconds in _build(fresh, context.settings):
                if isinstance(built, Structure):
                    built_here.setdefault(_key(work), _as_known(work, built))
                    yield _built(work, built, seconds)
                elif _goes_on(work, built):
                    reading.start(work)
                else:
                    yield Extracted(_record(work, seconds))
            fresh = {}


class _Reading:
    """Reads models in threads, which wait for the network most of the time, `_AHEAD` of them at a time."""

    def __init__(self, context: Context, listings: Iterable[Listing]) -> None:
        self._context = context
        self._waiting = iter(listings)
        self._running = 0
        self._finished: SimpleQueue[tuple[_Work, Future[Structure | None]]] = SimpleQueue()
        self._pool = ThreadPoolExecutor(context.settings.hub_threads)
        self._draw()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def is_busy(self) -> bool:
        """Return whether there is more to come."""
        return self._running > 0

    def start(self, work: _Work) -> None:
        """Read a model with the readers that it has left."""
        self._running += 1
        future = self._pool.submit(_read, work, self._context)
        future.add_done_callback(lambda done: self._finished.put((work, done)))

    def take(self) -> list[tuple[_Work, Structure | None]]:
        """Return what was read since the last time, waiting `_PATIENCE_SECONDS` at most for the first one."""
        taken: list[tuple[_Work, Structure | None]] = []
        with suppress(Empty):
            while self._running:
                work, future = self._finished.get(timeout=0 if taken else _PATIENCE_SECONDS)
                self._running -= 1
                taken.append((work, future.result()))
        self._draw()
        return taken

    def _draw(self) -> None:
        for listing in islice(self._waiting, _AHEAD - self._running):
            self.start(_Work(listing, readers_for(listing, self._context.settings.views)))


def _read(work: _Work, context: Context) -> Structure | None:
    """Try the readers in turn: return a structure, or None when one is to be built or all of them refuse."""
    work.is_to_build = False
    while work.readers:
        try:
            work.files = work.files or SOURCES[work.listing.source].files(work.listing, context)
            reading = work.readers[0].read(work.listing, work.files, context.settings)
        except UnreadableError as error:
            if not _goes_on(work, Refusal(error.reason, error.detail)):
                return None
            continue
        if isinstance(reading, Structure):
            return reading
        work.blueprint, work.is_to_build = reading, True
        if context.settings.views == "both" and work.header is None:
            work.header = _other_view(work, work.files, context)
        return None
    if not work.refusals:
        work.refusals.append(("none", _nothing_to_read(work.listing, context.settings)))
    return None


def _other_view(work: _Work, files: Files, context: Context) -> Structure | Refusal | None:
    reader = next((reader for reader in work.readers[1:] if reader.name == "safetensors-header"), None)
    if reader is None:
        # Some are tagged so and have none at the top. Without this answer they would be read again in every run.
        return Refusal("no_weights", "no safetensors file at the top") if work.listing.has_weights else None
    try:
        reading = reader.read(work.listing, files, context.settings)
    except UnreadableError as error:
        return Refusal(error.reason, error.detail)
    assert isinstance(reading, Structure)
    return reading


def _goes_on(work: _Work, refusal: Refusal) -> bool:
    """Note what a reader said and return whether another one may be tried."""
    work.refusals.append((work.readers.pop(0).name, refusal))
    return bool(work.readers) and refusal.reason not in _FINAL


def _nothing_to_read(listing: Listing, settings: Settings) -> Refusal:
    """Return why no reader suits a model, from the files that are listed."""
    names = listing.files or ()
    if settings.views == "header":
        pickles = any(name.endswith(PICKLES) for name in names)
        return (
            Refusal("pickle_only", "no safetensors or GGUF file; pickles are never opened")
            if pickles
            else Refusal("no_weights", "no safetensors or GGUF file")
        )
    if any(name.endswith(PICKLES) for name in names):
        return Refusal("pickle_only", "pickled weights without a config.json; pickles are never opened")
    return Refusal("no_config", "no config.json, no safetensors or GGUF file, no index of components")


def _key(work: _Work) -> BuildKey:
    assert work.blueprint is not None
    return work.readers[0].name, work.listing.source, work.blueprint.key


def _build(
    fresh: Mapping[BuildKey, list[_Work]], settings: Settings
) -> Iterator[tuple[_Work, Structure | Refusal, float]]:
    """Yield what became of every model that has one of the configs; the first of each carries the time."""
    by_name = {"/".join(key): works for key, works in fresh.items()}
    tasks = [Task(name, _request(works[0])) for name, works in sorted(by_name.items())]
    limits = Limits(settings.model_memory, settings.model_seconds, confined=True)
    engine = engine_for(settings)
    for outcome in engine.run(build, tasks, workers=settings.worker_count, limits=limits, preload=PRELOAD):
        built = outcome.value if isinstance(outcome.value, Structure) else _refusal(outcome)
        for place, work in enumerate(by_name[outcome.key]):
            yield work, built, 0.0 if place else outcome.seconds


def _request(work: _Work) -> ReadRequest:
    assert work.blueprint is not None
    return work.blueprint.request


def _refusal(outcome: Outcome[Structure | Refusal]) -> Refusal:
    """Return why a task gave no structure: its own answer, or what became of its process."""
    if isinstance(outcome.value, Refusal):
        return outcome.value
    reasons: dict[str, ExtractionReason] = {"timeout": "timeout", "out_of_memory": "out_of_memory"}
    if outcome.status == "crashed" and outcome.detail.endswith(_MEMORY_DEATHS):
        reasons["crashed"] = "out_of_memory"
    return Refusal(reasons.get(outcome.status, "bad_config"), outcome.detail)


def _built(work: _Work, structure: Structure, seconds: float) -> Extracted:
    record = _record(work, seconds, structure=structure)
    return Extracted(
        record, _with_header(work, structure), _cross_check(work, structure.summary.structure_id, structure)
    )


def _reused(work: _Work, known: Known, load: Callable[[str], Structure]) -> Extracted:
    """Return the outcome of a model whose config was built before; that structure is loaded only to be compared."""
    record = replace(
        _record(work),
        structure_id=known.structure_id,
        architecture=known.architecture,
        detail=_joined(*_told(work), known.detail),
    )
    if not isinstance(work.header, Structure):
        return Extracted(record, (), _cross_check(work, known.structure_id, None))
    return Extracted(record, (work.header,), _cross_check(work, known.structure_id, load(known.structure_id)))


def _as_known(work: _Work, structure: Structure) -> Known:
    assert work.blueprint is not None
    return Known(
        reader=work.readers[0].name,
        source=work.listing.source,
        config_hash=work.blueprint.key,
        structure_id=structure.summary.structure_id,
        model_type=work.blueprint.model_type or "",
        architecture=structure.architecture or "",
        detail=_joined(work.files.note if work.files else None, structure.note),
    )


def _with_header(work: _Work, structure: Structure) -> tuple[Structure, ...]:
    return (structure, work.header) if isinstance(work.header, Structure) else (structure,)


def _cross_check(work: _Work, structure_id: str, structure: Structure | None) -> CrossCheckRecord | None:
    """Return the comparison of a model's two views; None = not asked for, no header, or none that came this time."""
    header = work.header
    if header is None or (isinstance(header, Refusal) and header.reason in (*_FINAL, "timeout")):
        return None
    return CrossCheckRecord(
        run_id="",
        model_id=work.listing.model_id,
        source=work.listing.source,
        revision=work.listing.revision,
        config_structure=structure_id,
        header_structure=header.summary.structure_id if isinstance(header, Structure) else None,
        **_compared(work, structure, header),
    )


def _compared(work: _Work, structure: Structure | None, header: Structure | Refusal) -> dict[str, Any]:
    if isinstance(header, Refusal) or structure is None:
        return {"verdict": "no_header", "shared": 0, "only_config": 0, "only_header": 0, "detail": None}
    assert work.blueprint is not None
    found = compare(
        structure, header.tensors or (), own_code=work.blueprint.own_code, quantised=work.blueprint.quantised
    )
    return {**asdict(found), "detail": found.detail or None}


def _record(work: _Work, seconds: float = 0.0, *, structure: Structure | None = None) -> ExtractionRecord:
    """Return the row of a model: extracted where there is a structure, else with the first reader's reason."""
    refused_by, refusal = work.refusals[0] if work.refusals else (None, None)
    reason = None if structure or refusal is None else refusal.reason
    note = structure.note if structure else None
    reader = refused_by if reason else work.readers[0].name
    model_type = work.blueprint.model_type if work.blueprint else None
    return ExtractionRecord(
        run_id="",
        model_id=work.listing.model_id,
        source=work.listing.source,
        revision=work.listing.revision,
        status="extracted" if reason is None else status_of(reason),
        reason=reason,
        reader=reader or "none",
        detail=_joined(*_told(work), work.files.note if work.files else None, note),
        seconds=seconds,
        bytes_downloaded=work.cost.n_bytes,
        requests=work.cost.requests,
        structure_id=structure.summary.structure_id if structure else None,
        config_hash=work.blueprint.key if work.blueprint else None,
        model_type=model_type,
        architecture=storable(structure.architecture) if structure and structure.architecture else None,
    )


def _told(work: _Work) -> Iterator[str]:
    """Yield what the readers said: the words alone when there is one, each with its reader's name otherwise."""
    for name, refusal in work.refusals:
        alone = len(work.refusals) == 1 and not work.readers
        yield refusal.detail if alone else f"{name}: {refusal.reason}: {refusal.detail}"
    if isinstance(work.header, Refusal):
        yield f"safetensors-header: {work.header.reason}: {work.header.detail}"


def _joined(*parts: str | None) -> str | None:
    text = "; ".join(part for part in parts if part)
    return storable(text)[:_MAX_TEXT] or None
