"""Every model type that the installed transformers registers, at its default config. No network, no weights."""

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from model_extract.auto_classes import registered_types, task_of
from model_extract.files import DefaultConfig, Files
from model_extract.listing import Context, ListedPage, Listing, Source, Stop, always_ready, pages_of

REPAIRS_FILE = Path(__file__).resolve().parent.parent / "repairs.toml"


def list_pages(_: Context, __: Stop) -> Iterator[ListedPage]:
    """Yield every registered type in alphabetical order; the revision is the library's version."""
    return pages_of(listings())


def listings() -> Iterator[Listing]:
    """Yield what this source lists."""
    revision = f"transformers-{version('transformers')}"
    for model_type in registered_types():
        yield Listing(
            model_id=model_type,
            source="builtin",
            revision=revision,
            task=task_of(model_type),
            library="transformers",
            has_weights=False,
        )


def files(listing: Listing, _: Context) -> Files:
    """Return the default config of a type, completed where `repairs.toml` knows how."""
    values: dict[str, Any] = {"model_type": listing.model_id}
    repair = repairs().get(listing.model_id)
    if repair is None:
        return DefaultConfig(values, None)
    return DefaultConfig({**values, **repair["values"]}, f"default config completed: {repair['reason']}")


@cache
def repairs() -> dict[str, dict[str, Any]]:
    """Return the table of repairs: model type -> values and reason."""
    return tomllib.loads(REPAIRS_FILE.read_text(encoding="utf-8"))


SOURCE = Source("builtin", list_pages, files, always_ready)
