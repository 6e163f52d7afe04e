"""A model of sentence-transformers: a transformer of transformers, and what its output passes through.

Format: https://sbert.net/docs/sentence_transformer/usage/custom_models.html (modules.json).
"""

from typing import Any

from model_extract.config import CONFIG_BYTES, parse_config
from model_extract.failures import UnreadableError
from model_extract.files import Files
from model_extract.formats.sentence_modules import MAX_FILE_BYTES, SentenceModule, parse_modules
from model_extract.listing import Listing
from model_extract.readers.config import blueprint
from model_extract.reading import Blueprint, Reader
from model_extract.wanted import CONFIG, SENTENCE_MODULES
from pipeline.settings import Settings

_TRANSFORMER = "Transformer"
_WITH_WEIGHTS = frozenset({"Dense", "LayerNorm"})  # those that a small config of their own describes


def suits(listing: Listing) -> bool:
    """Return whether the model is one of sentence-transformers."""
    return SENTENCE_MODULES in (listing.files or ())


def read(_: Listing, files: Files, settings: Settings) -> Blueprint:
    """Return the transformer's config and the modules behind it, to be built."""
    modules = parse_modules(files.read(SENTENCE_MODULES, MAX_FILE_BYTES))
    first = modules[0]
    if _class_name(first) != _TRANSFORMER:
        raise UnreadableError("unknown_type", f"expected a Transformer as the first module, got {first.type}")
    parts = tuple((_class_name(module), _own_config(module, files)) for module in modules[1:])
    return blueprint(_json(files, _config_name(first)), settings, parts)


def _class_name(module: SentenceModule) -> str:
    return module.type.rpartition(".")[2]


def _own_config(module: SentenceModule, files: Files) -> dict[str, Any]:
    return _json(files, _config_name(module)) if _class_name(module) in _WITH_WEIGHTS else {}


def _config_name(module: SentenceModule) -> str:
    return f"{module.path}/{CONFIG}" if module.path else CONFIG


def _json(files: Files, name: str) -> dict[str, Any]:
    return parse_config(files.read(name, CONFIG_BYTES))


READER = Reader("sentence-transformers", "config", suits, read)
