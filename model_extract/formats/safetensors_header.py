"""The header of a safetensors file: every tensor's name, type and shape, without its data.

Format: https://github.com/huggingface/safetensors#format. The rules are those of its text, which the library itself
(0.8.0) applies with four exceptions: it also takes equal tensor names, other white space than spaces around the header,
an entry that is a list, and null as `__metadata__`. As in the library, keys of an entry that the format does not name
are passed over.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

from model_extract.failures import UnreadableError
from model_extract.formats.json_bytes import JsonRules, parse_object
from model_extract.formats.tensors import MAX_ELEMENTS, MAX_NAME_LENGTH, MAX_RANK, MAX_TENSORS, Tensor

LENGTH_BYTES = 8  # of the number before the header
# The format allows 100,000,000. A tensor takes some 120 bytes: this holds 200,000, four times the largest real model.
MAX_HEADER_BYTES = 25_000_000
_METADATA = "__metadata__"
_KEYS = ("dtype", "shape", "data_offsets")
_MOST_BRACKETS = 3 * MAX_TENSORS + 2
_RULES = JsonRules("the header", MAX_HEADER_BYTES, malformed="bad_header", too_big="header_too_big")
_BITS = {
    **dict.fromkeys(["F4"], 4),
    **dict.fromkeys(["F6_E2M3", "F6_E3M2"], 6),
    **dict.fromkeys(["BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"], 8),
    **dict.fromkeys(["I16", "U16", "F16", "BF16"], 16),
    **dict.fromkeys(["I32", "U32", "F32"], 32),
    **dict.fromkeys(["C64", "F64", "I64", "U64"], 64),
}

Span = tuple[int, int]  # first byte and byte after the last, from the end of the header


@dataclass(frozen=True)
class SafetensorsHeader:
    """What a header says, tensors in its order; `n_bytes` is the size of the data behind it."""

    tensors: tuple[Tensor, ...]
    metadata: dict[str, str]
    n_bytes: int


def header_length(first: bytes) -> int:
    """Return the length in bytes of the header, from the first 8 bytes of the file or more.

    Raises `UnreadableError` with `bad_header`, or `header_too_big` above `MAX_HEADER_BYTES`.
    """
    if len(first) < LENGTH_BYTES:
        raise _bad(f"expected {LENGTH_BYTES} bytes with the header's length, got {len(first)}")
    length = int.from_bytes(first[:LENGTH_BYTES], "little")
    if length > MAX_HEADER_BYTES:
        raise UnreadableError("header_too_big", f"a header of {length:,} bytes; the limit is {MAX_HEADER_BYTES:,}")
    if length < len("{}"):
        raise _bad(f"a header of {length} bytes cannot be a JSON object")
    return length


def parse_header(content: bytes, file_size: int | None) -> SafetensorsHeader:
    """Return what a header says; `content` is its text, which follows the eight bytes of its length.

    `file_size` is that of the whole file in bytes; None = unknown, and only the tensors' places are compared with one
    another. Raises `UnreadableError` with `bad_header` or `header_too_big`.
    """
    if not (content.startswith(b"{") and content.rstrip(b" ").endswith(b"}")):
        raise _bad("the header does not begin with { or does not end with } and spaces")
    read = _read_regular(content) or _read_any(content)
    if len(read.tensors) > MAX_TENSORS:
        raise _bad(f"{len(read.tensors):,} tensors; the limit is {MAX_TENSORS:,}")
    n_bytes = _covered(read.spans)
    if file_size is not None and file_size != LENGTH_BYTES + len(content) + n_bytes:
        raise _bad(f"the header describes {n_bytes:,} bytes of data in a file of {file_size:,} bytes")
    return SafetensorsHeader(tuple(read.tensors), read.metadata, n_bytes)


class _Read(NamedTuple):
    """The entries of a header; the tensors' places are not compared yet."""

    tensors: list[Tensor]
    spans: list[Span]
    metadata: dict[str, str]


def _read_any(content: bytes) -> _Read:
    """Read a header entry by entry. Raises `UnreadableError` that says what is wrong with which."""
    entries = parse_object(content, _RULES)
    metadata = _checked_metadata(entries.pop(_METADATA, {}))
    described = [_described(name, entry) for name, entry in entries.items()]
    return _Read([tensor for tensor, _ in described], [span for _, span in described], metadata)


def _read_regular(content: bytes) -> _Read | None:
    """Read a header as every writer makes it, all entries at a time; None = another form, or something is wrong.

    Twice as fast as entry by entry. Names are unique when the text has no more strings than the entries account for:
    two quotation marks a string, and no escapes.
    """
    import orjson

    if b"\\" in content or content.count(b"[") + content.count(b"{") > _MOST_BRACKETS:
        return None
    try:
        entries = orjson.loads(content)
        n_metadata = int(_METADATA in entries)
        metadata = _checked_metadata(entries.pop(_METADATA, {}))
        kinds, shapes, places = (list(map(itemgetter(key), entries.values())) for key in _KEYS)
        begins, ends = zip(*places, strict=True)
        bits = list(map(_BITS.__getitem__, kinds))
        numbers = [*chain.from_iterable(shapes), *begins, *ends]
        n_strings = 5 * len(entries) + 2 * len(metadata) + n_metadata
        regular = (
            set(map(type, numbers)) == {int}
            and min(numbers) >= 0
            and set(map(type, shapes)) == set(map(type, places)) == {list}
            and max(map(len, shapes)) <= MAX_RANK
            and max(map(len, entries)) <= MAX_NAME_LENGTH
            and content.count(b'"') == 2 * n_strings
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, UnreadableError):
        return None
    counts = list(map(math.prod, shapes)) if regular else []
    sizes = zip(begins, ends, counts, bits, strict=True) if regular else ()
    if not regular or max(counts) > MAX_ELEMENTS or any((end - begin) * 8 != n * bit for begin, end, n, bit in sizes):
        return None
    return _Read(list(map(Tensor, entries, kinds, map(tuple, shapes))), list(zip(begins, ends, strict=True)), metadata)


def _checked_metadata(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise _bad(f"{_METADATA}: expected an object of texts")
    return value


def _described(name: str, entry: Any) -> tuple[Tensor, Span]:
    """Return a tensor and where its data lie."""
    if not isinstance(entry, dict) or len(name) > MAX_NAME_LENGTH:
        raise _bad(f"tensor {_shown(name)}: expected an object under a name of up to {MAX_NAME_LENGTH:,} characters")
    dtype, shape, offsets = entry.get("dtype"), _counts(entry.get("shape")), _counts(entry.get("data_offsets"))
    if not isinstance(dtype, str) or dtype not in _BITS or shape is None or offsets is None or len(offsets) != 2:
        raise _bad(f"tensor {_shown(name)}: expected a known dtype, a shape and two data_offsets")
    begin, end = offsets
    n_elements = math.prod(shape)
    if n_elements > MAX_ELEMENTS or (end - begin) * 8 != n_elements * _BITS[dtype]:
        raise _bad(f"tensor {_shown(name)}: shape and dtype do not fit {end - begin:,} bytes")
    return Tensor(name, dtype, tuple(shape)), (begin, end)


def _counts(values: Any) -> list[int] | None:
    """Return a list of numbers of things, or None for anything else."""
    if not isinstance(values, list) or len(values) > MAX_RANK:
        return None
    for value in values:  # a generator takes twice as long, and this sees every number of every header
        # The type itself: a bool is an int in Python, and no number in JSON.
        if type(value) is not int or not 0 <= value <= MAX_ELEMENTS:
            return None
    return values


def _covered(spans: Iterable[Span]) -> int:
    """Return how many bytes the spans cover; they must leave no hole and not overlap."""
    covered = 0
    for begin, end in sorted(spans):
        if begin != covered:
            raise _bad(f"tensors leave a hole or overlap: expected one at byte {covered:,}, the next is at {begin:,}")
        covered = end
    return covered


def _shown(name: str) -> str:
    return repr(name[:100])


def _bad(detail: str) -> UnreadableError:
    return UnreadableError("bad_header", detail)
