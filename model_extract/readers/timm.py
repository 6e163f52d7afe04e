"""A model of timm: its config names the architecture, which transformers' wrapper builds where timm is installed."""

from model_extract.failures import UnreadableError
from model_extract.files import Files
from model_extract.listing import Listing
from model_extract.readers.config import blueprint
from model_extract.reading import Blueprint, Reader
from model_extract.wanted import CONFIG
from pipeline.settings import Settings

_LIBRARY = "timm"
_WRAPPER = "timm_wrapper"  # model_type in transformers
_KEPT = ("architecture", "num_classes", "global_pool", "model_args")


def suits(listing: Listing) -> bool:
    """Return whether the listing says that timm made the model."""
    return listing.library == _LIBRARY and CONFIG in (listing.files or (CONFIG,))


def read(_: Listing, files: Files, settings: Settings) -> Blueprint:
    """Return the wrapper's config, to be built. Raises `UnreadableError`."""
    config = files.config()
    if not isinstance(config.get("architecture"), str):
        raise UnreadableError("bad_config", "expected the name of a timm architecture under the key architecture")
    kept = {name: config[name] for name in _KEPT if name in config}
    return blueprint({"model_type": _WRAPPER, **kept}, settings)


READER = Reader("timm", "config", suits, read)
