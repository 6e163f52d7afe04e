"""Which models a run looks at: the sources behind a `--source`, and what they list."""

from collections.abc import Iterator

from model_extract import hub
from model_extract.listing import Listing
from model_extract.sources import SOURCES, SOURCES_OF_CHOICE, SOURCES_WHEN_THE_HUB_ANSWERS
from pipeline.progress import Progress
from pipeline.settings import Settings


def choose_sources(settings: Settings, progress: Progress) -> tuple[str, ...]:
    """Return the names of the sources to list, checked.

    `auto` asks the Hub once and says in one line what it takes instead when there is no answer. Raises `UsageError`.
    """
    names = SOURCES_OF_CHOICE.get(settings.source) or _automatic(settings, progress)
    for name in names:
        SOURCES[name].check(settings)
    return names


def list_all(names: tuple[str, ...], settings: Settings) -> Iterator[Listing]:
    """Yield every model of the sources once: a model that is listed under two tasks belongs to the first."""
    seen: set[tuple[str, str, str]] = set()
    for name in names:
        for listing in SOURCES[name].list_models(settings):
            if listing.key not in seen:
                seen.add(listing.key)
                yield listing


def _automatic(settings: Settings, progress: Progress) -> tuple[str, ...]:
    why = "--offline" if settings.offline else hub.why_unreachable()
    if why is None:
        return SOURCES_WHEN_THE_HUB_ANSWERS
    progress.note(f"source: builtin and reference, because the Hub is not asked ({why})")
    return SOURCES_OF_CHOICE["builtin"]
