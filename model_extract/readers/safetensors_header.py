"""The headers of a model's safetensors files: name, type and shape of every tensor, without the weights.

Works for models with code of their own, which is not run. Format: https://github.com/huggingface/safetensors#format
"""

from collections.abc import Iterable
from dataclasses import replace

from model_extract.failures import UnreadableError
from model_extract.files import Files
from model_extract.formats.safetensors_header import LENGTH_BYTES, SafetensorsHeader, header_length, parse_header
from model_extract.formats.shard_index import MAX_INDEX_BYTES, parse_index
from model_extract.formats.tensors import MAX_TENSORS, Tensor
from model_extract.listing import Listing
from model_extract.reading import Reader, Structure
from model_extract.tensor_tree import describe_tensors
from model_extract.wanted import WEIGHTS, WEIGHTS_INDEX, top_weights
from pipeline.settings import Settings

# Headers have 62 kB on average and 84 % of them less than 100 kB: one request is enough for most.
FIRST_RANGE = 100_000


def suits(listing: Listing) -> bool:
    """Return whether there are safetensors files, as far as the listing says."""
    if listing.files is None:
        return listing.has_weights is not False
    return WEIGHTS_INDEX in listing.files or bool(top_weights(listing.files))


def read(listing: Listing, files: Files, settings: Settings) -> Structure:
    """Return the tree that the tensors' names draw. Raises `UnreadableError`."""
    tensors = read_tensors(files, _weight_names(listing, files))
    structure = describe_tensors(tensors, "header", {})
    return replace(structure, tensors=tuple(tensors)) if settings.views == "both" else structure


def read_tensors(files: Files, names: Iterable[str]) -> list[Tensor]:
    """Return the tensors of several files, all together no more than one may have. Raises `UnreadableError`."""
    tensors: list[Tensor] = []
    for name in names:
        tensors.extend(read_header(files, name).tensors)
        if len(tensors) > MAX_TENSORS:
            raise UnreadableError("bad_header", f"more than {MAX_TENSORS:,} tensors up to {name}")
    return tensors


def read_index(files: Files, name: str) -> tuple[str, ...]:
    """Return the files that an index names. Raises `UnreadableError`."""
    return parse_index(files.read(name, MAX_INDEX_BYTES)).files


def read_header(files: Files, name: str) -> SafetensorsHeader:
    """Return the header of one file: in one request when it is not longer than the first range."""
    first, file_size = files.read_range(name, 0, FIRST_RANGE)
    end = LENGTH_BYTES + header_length(first)
    if end > len(first) == FIRST_RANGE:
        rest, _ = files.read_range(name, FIRST_RANGE, end)
        first += rest
    if end > len(first):
        raise UnreadableError("bad_header", f"{name} ends inside its header")
    return parse_header(first[LENGTH_BYTES:end], file_size)


def _weight_names(listing: Listing, files: Files) -> Iterable[str]:
    """Return the weight files: those of the index, or the one file, or those that the listing names."""
    if listing.files is None:
        return _probed(files)
    if WEIGHTS_INDEX in listing.files:
        return read_index(files, WEIGHTS_INDEX)
    return [WEIGHTS] if WEIGHTS in listing.files else top_weights(listing.files)


def _probed(files: Files) -> Iterable[str]:
    """Return the weight files of a model whose files are not listed: an index is asked for first."""
    try:
        return read_index(files, WEIGHTS_INDEX)
    except UnreadableError as error:
        if error.reason not in ("no_config", "no_weights"):
            raise
        return [WEIGHTS]


READER = Reader("safetensors-header", "header", suits, read)
