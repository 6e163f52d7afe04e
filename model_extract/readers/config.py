"""config.json of a model that transformers knows: fetched here, built in a child process by `meta_device.py`."""

from typing import Any

from model_extract.config import OWN_CODE, canonical_config, config_hash
from model_extract.files import Files
from model_extract.listing import Listing
from model_extract.reading import Blueprint, Reader, ReadRequest
from model_extract.text import storable
from model_extract.wanted import CONFIG
from pipeline.settings import Settings


def suits(listing: Listing) -> bool:
    """Return whether there is a config.json, as far as the listing says."""
    return listing.files is None or CONFIG in listing.files


def read(_: Listing, files: Files, settings: Settings) -> Blueprint:
    """Return the canonical config, to be built."""
    return blueprint(files.config(), settings)


def blueprint(
    config: dict[str, Any], settings: Settings, parts: tuple[tuple[str, dict[str, Any]], ...] = ()
) -> Blueprint:
    """Return what is to be built from a config as read. Raises `UnreadableError`."""
    canonical = canonical_config(config)
    model_type = canonical.get("model_type")
    seconds = settings.model_seconds / 2 if settings.shapes else None
    return Blueprint(
        request=ReadRequest(canonical, settings.max_modules, seconds, parts),
        key=config_hash({"config": canonical, "parts": parts} if parts else canonical),
        model_type=storable(model_type) if isinstance(model_type, str) else None,
        own_code=OWN_CODE in config,
        quantised=bool(config.get("quantization_config")),
    )


READER = Reader("meta-device", "config", suits, read)
