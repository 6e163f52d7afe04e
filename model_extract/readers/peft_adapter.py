"""A PEFT adapter: a delta on its base model, never a model of its own.

Format: https://huggingface.co/docs/peft/developer_guides/checkpoint (adapter_config.json).
"""

from dataclasses import replace

from model_extract.failures import UnreadableError
from model_extract.files import Files
from model_extract.formats.adapter_config import MAX_FILE_BYTES, AdapterConfig, parse_adapter_config
from model_extract.listing import Listing
from model_extract.readers.safetensors_header import read_tensors
from model_extract.reading import Reader, Structure
from model_extract.tensor_tree import describe_tensors
from model_extract.text import storable
from model_extract.wanted import ADAPTER_CONFIG, ADAPTER_WEIGHTS, CONFIG, top_weights
from pipeline.settings import Settings


def suits(listing: Listing) -> bool:
    """Return whether the repository holds an adapter and no whole model beside it."""
    names = listing.files or ()
    return ADAPTER_CONFIG in names and not (CONFIG in names and top_weights(names))


def read(listing: Listing, files: Files, _: Settings) -> Structure:
    """Return the adapter's own tensors as a tree, its base and rank as traits. Raises `UnreadableError`."""
    adapter = parse_adapter_config(files.read(ADAPTER_CONFIG, MAX_FILE_BYTES))
    if ADAPTER_WEIGHTS not in (listing.files or ()):
        raise UnreadableError("pickle_only", "an adapter without safetensors weights; pickles are never opened")
    structure = describe_tensors(read_tensors(files, [ADAPTER_WEIGHTS]), "adapter", _traits(adapter))
    return replace(
        structure, architecture=adapter.peft_type, note=f"a delta on {adapter.base_model or 'an unnamed base'}"
    )


def _traits(adapter: AdapterConfig) -> dict[str, str]:
    targets = adapter.target_modules
    found = {
        "adapter": adapter.peft_type,
        "adapter_base": adapter.base_model,
        "adapter_rank": None if adapter.rank is None else str(adapter.rank),
        "adapter_targets": "+".join(sorted(targets)) if isinstance(targets, tuple) else targets,
    }
    return {name: storable(value) for name, value in found.items() if value is not None}


READER = Reader("peft-adapter", "own", suits, read)
