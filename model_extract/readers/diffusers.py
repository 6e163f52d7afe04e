"""A pipeline of diffusers: one tree a component, from the headers of the components' weights.

Format: https://huggingface.co/docs/diffusers/using-diffusers/loading (model_index.json).
"""

from dataclasses import replace

from model_extract.failures import UnreadableError
from model_extract.files import Files
from model_extract.formats.diffusers_index import MAX_INDEX_BYTES, parse_model_index
from model_extract.formats.tensors import Tensor
from model_extract.listing import Listing
from model_extract.readers.safetensors_header import read_index, read_tensors
from model_extract.reading import Reader, Structure
from model_extract.tensor_tree import describe_tensors
from model_extract.wanted import DIFFUSERS_INDEX
from pipeline.settings import Settings

_INDEX_SUFFIX = ".safetensors.index.json"
_VARIANT = ".fp16."  # the same weights once more, in another type


def suits(listing: Listing) -> bool:
    """Return whether the model is a pipeline."""
    return DIFFUSERS_INDEX in (listing.files or ())


def read(listing: Listing, files: Files, _: Settings) -> Structure:
    """Return one tree whose children are the components that have weights; the others are named in the note."""
    pipeline = parse_model_index(files.read(DIFFUSERS_INDEX, MAX_INDEX_BYTES))
    tensors: list[Tensor] = []
    without: list[str] = []
    for component in sorted(name for name, kind in pipeline.components.items() if kind is not None):
        names = _weight_names(component, listing.files or (), files)
        if not names:
            without.append(component)
        tensors.extend(tensor._replace(name=f"{component}.{tensor.name}") for tensor in read_tensors(files, names))
    if not tensors:
        raise UnreadableError("no_weights", "no component of the pipeline has safetensors weights")
    structure = describe_tensors(tensors, "header", {"pipeline": pipeline.class_name})
    note = f"without safetensors weights: {', '.join(without)}" if without else None
    return replace(structure, architecture=pipeline.class_name, note=note)


def _weight_names(component: str, names: tuple[str, ...], files: Files) -> list[str]:
    """Return the weight files of one component: those of its index, else the first file that is no variant."""
    own = sorted(name for name in names if name.startswith(f"{component}/"))
    indexes = [name for name in own if name.endswith(_INDEX_SUFFIX)]
    if indexes:
        return [f"{component}/{name}" for name in read_index(files, indexes[0])]
    weights = [name for name in own if name.endswith(".safetensors")]
    return ([name for name in weights if _VARIANT not in name] or weights)[:1]


READER = Reader("diffusers", "own", suits, read)
