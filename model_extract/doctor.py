"""`python -m model_extract doctor`: whether this machine can mine: reach, token, limits, disk, memory, versions."""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from hub import Hub, HubError, endpoint
from hub.limits import RateClass
from model_extract.listing import Context
from pipeline.errors import ArboristError
from pipeline.settings import Settings
from store import Store
from store.provenance import library_versions

Verdict = Literal["ok", "note", "fault"]
_DISK_BYTES = 1_000_000_000  # that a store of some 100,000 models and its working space take
_OPTIONAL = ("timm", "detectron2", "sentencepiece")  # packages without which some types are not built


@dataclass(frozen=True)
class Check:
    """One thing looked at: a fault is worth an exit status, a note is worth knowing."""

    subject: str
    verdict: Verdict
    words: str


def examine(settings: Settings) -> Iterator[Check]:
    """Yield the checks, the quick ones first."""
    yield Check("versions", "ok", ", ".join(f"{name} {number}" for name, number in library_versions().items()))
    yield from _packages()
    yield _disk(settings)
    yield _memory(settings)
    yield _store(settings)
    if settings.offline:
        yield Check("hub", "note", "not asked (--offline)")
    else:
        with Context(settings) as context:
            yield from _hub(context.hub)


def _packages() -> Iterator[Check]:
    absent = [name for name in _OPTIONAL if find_spec(name) is None]
    if absent:
        words = f"not installed: {', '.join(absent)}; types that need them end as missing_dependency"
        yield Check("optional packages", "note", words)


def _disk(settings: Settings) -> Check:
    folder = next(parent for parent in settings.store.resolve().parents if parent.exists())
    free = shutil.disk_usage(folder).free
    words = f"{free / 1e9:.1f} GB free where the store lies"
    return Check("disk", "ok" if free >= _DISK_BYTES else "fault", words)


def _memory(settings: Settings) -> Check:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    needed = settings.worker_count * settings.model_memory
    words = f"{total / 1e9:.1f} GB; {settings.worker_count} processes may add {needed / 1e9:.1f} GB"
    return Check("memory", "ok" if needed < total else "fault", words)


def _store(settings: Settings) -> Check:
    if not settings.store.exists():
        return Check("store", "ok", "none yet; the first run makes it")
    try:
        with Store.open(settings.store, create=False) as store:
            count = store.rows("SELECT count(*) FROM newest_models")[0][0]
    except ArboristError as error:
        return Check("store", "fault", str(error))
    return Check("store", "ok", f"{count:,} models")


def _hub(hub: Hub) -> Iterator[Check]:
    started = time.monotonic()
    try:
        hub.page("limit=1")
    except HubError as error:
        yield Check("hub", "fault", f"{endpoint()} gives no listing ({error.kind}: {error.detail})")
        return
    yield Check("hub", "ok", f"{endpoint()} answers in {time.monotonic() - started:.2f} s")
    yield _token(hub)
    yield from _limits(hub)


def _token(hub: Hub) -> Check:
    if not hub.has_token:
        return Check(
            "token", "note", "none: limits are lower and gated models are skipped; set HF_TOKEN for a free one"
        )
    try:
        name = hub.who()
    except HubError as error:
        return Check("token", "fault", f"could not be checked ({error.kind}: {error.detail})")
    return (
        Check("token", "ok", f"accepted, of {name}") if name else Check("token", "fault", "the Hub does not accept it")
    )


def _limits(hub: Hub) -> Iterator[Check]:
    names: tuple[RateClass, ...] = ("api", "resolvers")
    told = [(name, budget) for name in names if (budget := hub.limits.budget(name))]
    if not told:
        yield Check("rate limits", "note", "this Hub names none")
    for name, budget in told:
        words = f"{budget.remaining:,} of {budget.quota:,} requests left for {budget.reset_seconds:.0f} s"
        yield Check(f"rate limit {name}", "ok" if budget.remaining else "fault", words)
