"""Every model type that the installed transformers registers, at its default config. No network, no weights."""

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from model_extract.auto_classes import registered_types, task_of
from model_extract.listing import Config, Listing, Source, always_ready
from pipeline.settings import Settings

REPAIRS_FILE = Path(__file__).resolve().parent.parent / "repairs.toml"


def list_models(_: Settings) -> Iterator[Listing]:
    """Yield every registered type in alphabetical order; the revision is the library's version."""
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


def read_config(listing: Listing, _: Settings) -> Config:
    """Return the default config of a type, completed where `repairs.toml` knows how."""
    values: dict[str, Any] = {"model_type": listing.model_id}
    repair = repairs().get(listing.model_id)
    if repair is None:
        return Config(values)
    return Config({**values, **repair["values"]}, note=f"default config completed: {repair['reason']}")


@cache
def repairs() -> dict[str, dict[str, Any]]:
    """Return the table of repairs: model type -> values and reason."""
    return tomllib.loads(REPAIRS_FILE.read_text(encoding="utf-8"))


SOURCE = Source("builtin", list_models, read_config, always_ready)
