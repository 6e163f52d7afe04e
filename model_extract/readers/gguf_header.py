"""The header of a GGUF file: metadata, and name, type and shape of every tensor. The weights stay where they are."""

import re

from model_extract.failures import UnreadableError
from model_extract.files import Files
from model_extract.formats.gguf_header import GgufHeader, NeedMore, parse_gguf
from model_extract.formats.tensors import Tensor
from model_extract.listing import Listing
from model_extract.reading import Reader, Structure
from model_extract.tensor_tree import describe_tensors
from model_extract.text import storable
from pipeline.settings import Settings

FIRST_RANGE = 1_000_000  # the vocabulary stands in the header: it has some MB
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")
_NO_MODEL = ("mmproj", "imatrix")  # a projector for images, statistics of a quantisation
_TRAITS = ("general.architecture", "general.size_label")


def suits(listing: Listing) -> bool:
    """Return whether there are GGUF files."""
    return bool(_models(listing.files or ()))


def read(listing: Listing, files: Files, _: Settings) -> Structure:
    """Return the tree of the first model by name: the files of a repository are quantisations of one model."""
    names = _models(listing.files or ())
    headers = [_header(files, name) for name in _shards(names)]
    tensors: list[Tensor] = [tensor for header in headers for tensor in header.tensors]
    traits = {name: headers[0].metadata.get(name) for name in _TRAITS}
    kept = {name: storable(value) for name, value in traits.items() if isinstance(value, str)}
    return describe_tensors(tensors, "gguf", kept)


def _models(names: tuple[str, ...]) -> list[str]:
    return sorted(name for name in names if name.endswith(".gguf") and not any(word in name for word in _NO_MODEL))


def _shards(names: list[str]) -> list[str]:
    """Return the first file, or all files of its model when it is the first of several."""
    match = _SHARD.fullmatch(names[0])
    if match is None:
        return names[:1]
    stem = match["stem"]
    return [name for name in names if (shard := _SHARD.fullmatch(name)) and shard["stem"] == stem]


def _header(files: Files, name: str) -> GgufHeader:
    content, file_size = files.read_range(name, 0, FIRST_RANGE)
    while isinstance(parsed := parse_gguf(content, file_size), NeedMore):
        before = len(content)
        rest, _ = files.read_range(name, before, max(parsed.n_bytes, 2 * before))
        content += rest
        if len(content) == before:
            raise UnreadableError("bad_header", f"{name} ends inside its header")
    return parsed


READER = Reader("gguf-header", "header", suits, read)
