"""A writer of GGUF headers, from the text of the format alone: the oracle of the parser."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Type name -> id, elements of a block, bytes of a block.
TYPES = {"F32": (0, 1, 4), "F16": (1, 1, 2), "Q4_0": (2, 32, 18), "Q8_0": (8, 32, 34), "Q4_K": (12, 256, 144)}
VALUE_TYPES = {
    "u8": (0, "<B"),
    "i8": (1, "<b"),
    "u16": (2, "<H"),
    "i16": (3, "<h"),
    "u32": (4, "<I"),
    "i32": (5, "<i"),
    "f32": (6, "<f"),
    "bool": (7, "<B"),
    "u64": (10, "<Q"),
    "i64": (11, "<q"),
    "f64": (12, "<d"),
}


@dataclass(frozen=True)
class Stored:
    """A tensor to write; `shape` has the outermost dimension first."""

    name: str
    dtype: str
    shape: tuple[int, ...]


def text(value: str | bytes) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(content)) + content


def scalar(kind: str, value: object) -> bytes:
    number, layout = VALUE_TYPES[kind]
    return struct.pack("<I", number) + struct.pack(layout, value)


def texts(values: Sequence[str]) -> bytes:
    return struct.pack("<IIQ", 9, 8, len(values)) + b"".join(text(value) for value in values)


def numbers(kind: str, values: Sequence[object]) -> bytes:
    number, layout = VALUE_TYPES[kind]
    return struct.pack("<IIQ", 9, number, len(values)) + b"".join(struct.pack(layout, value) for value in values)


def string(value: str | bytes) -> bytes:
    return struct.pack("<I", 8) + text(value)


def header(
    metadata: Mapping[str, bytes] | Sequence[tuple[str, bytes]],
    tensors: Sequence[Stored],
    *,
    alignment: int = 32,
    version: int = 3,
) -> bytes:
    """Return the header; values of `metadata` are made by `scalar`, `string`, `texts` and `numbers`."""
    pairs = list(metadata.items()) if isinstance(metadata, Mapping) else list(metadata)
    parts = [b"GGUF", struct.pack("<IQQ", version, len(tensors), len(pairs))]
    parts += [text(key) + value for key, value in pairs]
    offset = 0
    for tensor in tensors:
        kind, _, _ = TYPES[tensor.dtype]
        sizes = tensor.shape[::-1]
        parts.append(text(tensor.name) + struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes))
        parts.append(struct.pack("<IQ", kind, offset))
        offset = aligned(offset + n_bytes(tensor), alignment)
    return b"".join(parts)


def file_size(content: bytes, tensors: Sequence[Stored], alignment: int = 32) -> int:
    """Return the size of the whole file behind a header: data of each tensor begin at a multiple of the alignment."""
    end = aligned(len(content), alignment) if tensors else len(content)
    for tensor in tensors:
        end = aligned(end, alignment) + n_bytes(tensor)
    return end


def n_bytes(tensor: Stored) -> int:
    _, block, size = TYPES[tensor.dtype]
    n_elements = 1
    for dimension in tensor.shape:
        n_elements *= dimension
    return n_elements * size // block


def aligned(position: int, alignment: int) -> int:
    while position % alignment:
        position += 1
    return position
