"""The header of a GGUF file: metadata and every tensor's name, type and shape, without its data.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3). As ggml's own reader does, arrays
in arrays are refused and tensors must follow one another, each padded to the alignment. Sizes of blocks:
https://github.com/ggml-org/llama.cpp/blob/master/gguf-py/gguf/constants.py (GGML_QUANT_SIZES).
"""

import math
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from model_extract.failures import UnreadableError
from model_extract.formats.tensors import MAX_ELEMENTS, MAX_NAME_LENGTH, MAX_TENSORS, Tensor

MAX_HEADER_BYTES = 64_000_000  # vocabularies of 260,000 tokens with their merges take some 10 MB
_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MOST_PAIRS = 100_000
_LONGEST_KEY = 65_535  # bytes, of the format
_MOST_DIMENSIONS = 4  # of the format
_LONGEST_TEXT = 1000  # bytes; longer values, such as chat templates, are left out
_LONGEST_ARRAY = 64  # numbers; longer arrays and arrays of texts, such as vocabularies, are left out
_ALIGNMENT = "general.alignment"
_DEFAULT_ALIGNMENT = 32
_MOST_ALIGNMENT = 2**20

# Type id -> name, elements of a block, bytes of a block. Missing ids were given up by the format.
_TYPES = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
    42: ("Q2_0", 64, 18),
}
QUANTISED_TYPES = frozenset(name for name, block, _ in _TYPES.values() if block > 1)

# Metadata types: numbers of a fixed size by their id; the rest have their own readers.
_NUMBERS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_BOOL, _TEXT, _ARRAY = 7, 8, 9
_WORD, _LONG = _NUMBERS[4], _NUMBERS[10]

Value = int | float | bool | str | tuple[int | float | bool, ...]


@dataclass(frozen=True)
class GgufHeader:
    """What a header says, tensors in its order; long texts and long or textual arrays are left out of `metadata`."""

    version: int
    metadata: dict[str, Value]
    tensors: tuple[Tensor, ...]


@dataclass(frozen=True)
class NeedMore:
    """The header is longer than what was given: try again with the first `n_bytes` of the file."""

    n_bytes: int


class _ShortError(Exception):
    """The header goes on behind the bytes that are there. Never leaves this module."""

    def __init__(self, needed: int) -> None:
        super().__init__(needed)
        self.needed = needed


def parse_gguf(content: bytes, file_size: int | None = None) -> GgufHeader | NeedMore:
    """Return what the header at the beginning of `content` says, or how much of the file is needed to read it.

    `file_size` is that of the whole file in bytes; None = unknown, and whether all data are there is not checked.
    Raises `UnreadableError` with `bad_header`, or `header_too_big` above `MAX_HEADER_BYTES`.
    """
    cursor = _Cursor(content)
    try:
        version, n_tensors, n_pairs = _read_counts(cursor)
        metadata = _read_metadata(cursor, n_pairs)
        infos = [_read_tensor(cursor) for _ in range(n_tensors)]
    except _ShortError as short:
        return _need_more(short.needed, len(content), file_size)
    _check_places(infos, cursor.position, _alignment(metadata), file_size)
    if len({tensor.name for tensor, _, _ in infos}) < len(infos):
        raise _bad("two tensors have one name")
    kept = {key: value for key, value in metadata.items() if value is not None}
    return GgufHeader(version, kept, tuple(tensor for tensor, _, _ in infos))


class _Cursor:
    """A place in the bytes of a header."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.position = 0

    def skip(self, n_bytes: int) -> int:
        """Go on by `n_bytes` and return where they begin. Raises `_ShortError` where they are not all there."""
        start, self.position = self.position, self.position + n_bytes
        if self.position > MAX_HEADER_BYTES:
            raise UnreadableError("header_too_big", f"a header of more than {MAX_HEADER_BYTES:,} bytes")
        if self.position > len(self.content):
            raise _ShortError(self.position)
        return start

    def number(self, layout: struct.Struct) -> int | float:
        return layout.unpack_from(self.content, self.skip(layout.size))[0]

    def count(self, layout: struct.Struct, most: int, what: str) -> int:
        value = int(self.number(layout))
        if value > most:
            raise _bad(f"{what}: {value:,}; the limit is {most:,}")
        return value

    def text(self, most: int, what: str) -> bytes:
        length = self.count(_LONG, most, what)
        start = self.skip(length)
        return self.content[start : start + length]


def _need_more(needed: int, given: int, file_size: int | None) -> NeedMore:
    """Ask for twice as much, so that a long header takes few requests."""
    if file_size is not None and needed > file_size:
        raise _bad(f"the file ends after {file_size:,} bytes, inside its header")
    most = MAX_HEADER_BYTES if file_size is None else min(file_size, MAX_HEADER_BYTES)
    return NeedMore(min(max(needed, 2 * given), most))


def _read_counts(cursor: _Cursor) -> tuple[int, int, int]:
    """Return version, number of tensors and number of metadata pairs."""
    start = cursor.skip(len(_MAGIC))
    if cursor.content[start : cursor.position] != _MAGIC:
        raise _bad("the file does not begin with GGUF")
    version = int(cursor.number(_WORD))
    if version not in _VERSIONS:
        raise _bad(_why_not(version))
    n_tensors = cursor.count(_LONG, MAX_TENSORS, "tensors")
    return version, n_tensors, cursor.count(_LONG, _MOST_PAIRS, "metadata")


def _why_not(version: int) -> str:
    swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
    if swapped in _VERSIONS:
        return "big-endian files are not read"
    return f"GGUF version {version}; versions 2 and 3 are read"


def _read_metadata(cursor: _Cursor, n_pairs: int) -> dict[str, Value | None]:
    metadata: dict[str, Value | None] = {}
    for _ in range(n_pairs):
        key = cursor.text(_LONGEST_KEY, "length of a key").decode("ascii", "replace")
        if not (key and key.isascii() and key.isprintable()) or key in metadata:
            raise _bad(f"metadata key {key[:100]!r} is no name or stands twice")
        metadata[key] = _read_value(cursor, int(cursor.number(_WORD)))
    return metadata


def _read_value(cursor: _Cursor, kind: int) -> Value | None:
    """Return a value, or None for one that is left out."""
    if kind == _TEXT:
        text = cursor.text(MAX_HEADER_BYTES, "length of a text")
        return text.decode("utf-8", "backslashreplace") if len(text) <= _LONGEST_TEXT else None
    return _read_array(cursor) if kind == _ARRAY else _number_reader(cursor, kind)()


def _read_array(cursor: _Cursor) -> tuple[int | float | bool, ...] | None:
    kind = int(cursor.number(_WORD))
    length = cursor.count(_LONG, MAX_HEADER_BYTES, "length of an array")
    if kind == _TEXT:
        _skip_texts(cursor, length)
        return None
    read = _number_reader(cursor, kind)
    if length <= _LONGEST_ARRAY:
        return tuple(read() for _ in range(length))
    cursor.skip(length * (1 if kind == _BOOL else _NUMBERS[kind].size))
    return None


def _skip_texts(cursor: _Cursor, n_texts: int) -> None:
    """Go on behind an array of texts: some 100,000 in most files, so without a call for each."""
    content, position, last = cursor.content, cursor.position, len(cursor.content) - _LONG.size
    for _ in range(n_texts):
        if position > last:
            break
        position += _LONG.size + _LONG.unpack_from(content, position)[0]
    else:
        cursor.skip(position - cursor.position)
        return
    cursor.skip(position + _LONG.size - cursor.position)


def _number_reader(cursor: _Cursor, kind: int) -> Callable[[], int | float | bool]:
    if kind == _BOOL:
        return lambda: _read_bool(cursor)
    if kind not in _NUMBERS:
        raise _bad(f"metadata of unknown type {kind}")
    return lambda: cursor.number(_NUMBERS[kind])


def _read_bool(cursor: _Cursor) -> bool:
    value = cursor.content[cursor.skip(1)]
    if value > 1:
        raise _bad(f"expected a truth value of 0 or 1, got {value}")
    return value == 1


def _read_tensor(cursor: _Cursor) -> tuple[Tensor, int, int]:
    """Return a tensor, the offset of its data from their beginning, and their size, both in bytes."""
    try:
        name = cursor.text(MAX_NAME_LENGTH, "length of a tensor's name").decode("utf-8")
    except UnicodeDecodeError as error:
        raise _bad(f"a tensor's name is no UTF-8: {error}") from error
    rank = cursor.count(_WORD, _MOST_DIMENSIONS, "dimensions")
    sizes = [cursor.count(_LONG, MAX_ELEMENTS, "size of a dimension") for _ in range(rank)]
    kind, offset = int(cursor.number(_WORD)), int(cursor.number(_LONG))
    if kind not in _TYPES:
        raise _bad(f"tensor {name[:100]!r} has the unknown type {kind}")
    type_name, block, block_bytes = _TYPES[kind]
    n_elements = math.prod(sizes)
    if n_elements > MAX_ELEMENTS or (sizes[0] if sizes else 1) % block:
        raise _bad(f"tensor {name[:100]!r}: shape does not fit {type_name}, blocks of {block}")
    # GGUF counts dimensions from the innermost, everybody else from the outermost.
    return Tensor(name, type_name, tuple(reversed(sizes))), offset, n_elements // block * block_bytes


def _alignment(metadata: dict[str, Value | None]) -> int:
    value = metadata.get(_ALIGNMENT, _DEFAULT_ALIGNMENT)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _MOST_ALIGNMENT or value & (value - 1):
        raise _bad(f"{_ALIGNMENT}: expected a power of two, got {value!r}")
    return value


def _check_places(
    infos: Iterable[tuple[Tensor, int, int]], header_size: int, alignment: int, file_size: int | None
) -> None:
    expected = end = 0
    for tensor, offset, size in infos:
        if offset != expected:
            raise _bad(f"tensor {tensor.name[:100]!r} lies at byte {offset:,} of the data, expected {expected:,}")
        end = offset + size
        expected = -(-end // alignment) * alignment
    if file_size is not None and end and -(-header_size // alignment) * alignment + end > file_size:
        raise _bad(f"the header describes {end:,} bytes of data in a file of {file_size:,} bytes")


def _bad(detail: str) -> UnreadableError:
    return UnreadableError("bad_header", detail)
