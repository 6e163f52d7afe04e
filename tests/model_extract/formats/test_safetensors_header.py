"""Headers of safetensors files, with the library's own reader and writer as the oracle."""

import json
import re
import struct
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, deserialize
from safetensors.torch import save

from model_extract.formats.safetensors_header import MAX_HEADER_BYTES, header_length, parse_header
from model_extract.formats.tensors import Tensor
from tests.model_extract.formats.refusals import reason_of

DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.uint8: "U8",
    torch.bool: "BOOL",
    torch.complex64: "C64",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
}
ENTRY = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'


def whole_file(header: bytes, n_data: int) -> bytes:
    return struct.pack("<Q", len(header)) + header + bytes(n_data)


def split(file: bytes) -> bytes:
    return file[8 : 8 + header_length(file)]


def entry(dtype: str, shape: Sequence[object], begin: object, end: object) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def library_accepts(file: bytes) -> bool:
    try:
        deserialize(file)
    except SafetensorError:
        return False
    return True


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=20).filter(lambda name: name != "__metadata__"),
        st.tuples(st.sampled_from(sorted(DTYPES, key=str)), st.lists(st.integers(0, 3), max_size=3)),
        max_size=5,
    ),
    # Of no tensors and an empty dictionary the library writes a header that it does not read.
    st.none() | st.dictionaries(st.text(), st.text(), min_size=1, max_size=3),
)
def test_what_the_library_writes_is_read_back(
    tensors: dict[str, tuple[torch.dtype, list[int]]], metadata: dict[str, str] | None
) -> None:
    file = save({name: torch.zeros(shape, dtype=dtype) for name, (dtype, shape) in tensors.items()}, metadata)
    header = parse_header(split(file), len(file))
    expected = {Tensor(name, DTYPES[dtype], tuple(shape)) for name, (dtype, shape) in tensors.items()}
    assert (set(header.tensors), len(header.tensors)) == (expected, len(tensors))
    assert header.metadata == (metadata or {})
    assert header.n_bytes == len(file) - 8 - header_length(file)


VALID = json.dumps(
    {
        "__metadata__": {"format": "pt"},
        "a.weight": entry("F32", [2, 3], 0, 24),
        "a.bias": entry("F16", [2], 24, 28),
        "empty": entry("I64", [0, 5], 28, 28),
        "b": entry("U8", [], 28, 29),
    },
    separators=(",", ":"),
)
N_DATA = 29
NUMBERS = st.sampled_from([-1, 0, 1, 2, 3, 4, 24, 28, 29, 2**31, 2**61, 2**63 - 1, 2**64, 1.0, "true", "null", '"1"'])


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Return the valid header with one number, one type, one name, one piece or one character changed."""
    kind = draw(st.sampled_from(["number", "dtype", "name", "character", "cut", "twice"]))
    if kind in ("number", "dtype", "name"):
        pattern = {"number": r"\d+", "dtype": r"F32|F16|I64|U8", "name": r"dtype|shape|data_offsets|__metadata__"}[kind]
        new = {"number": NUMBERS, "dtype": st.sampled_from(["F4", "F64", "F8_E8M0", "f32", "X"])}.get(kind, st.text())
        place = draw(st.sampled_from(list(re.finditer(pattern, VALID))))
        return VALID[: place.start()] + str(draw(new)) + VALID[place.end() :]
    place, end = sorted(draw(st.tuples(st.integers(0, len(VALID)), st.integers(0, len(VALID)))))
    if kind == "character":
        return VALID[:place] + draw(st.sampled_from(list('{}[]",: \n\t0-eE\\\x00é'))) + VALID[place + 1 :]
    return VALID[:place] + VALID[end:] if kind == "cut" else VALID[:end] + VALID[place:end] + VALID[end:]


def is_stricter_here(text: str) -> bool:
    """Return whether a header breaks a rule of the format that the library does not apply."""

    def pairs_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.append(len(dict(pairs)) < len(pairs))
        return dict(pairs)

    found: list[bool] = [not text.startswith("{"), not text.rstrip(" ").endswith("}")]
    document = json.loads(text, object_pairs_hook=pairs_of)
    entries = [value for key, value in document.items() if key != "__metadata__"]
    found.append(document.get("__metadata__", {}) is None or any(isinstance(value, list) for value in entries))
    return any(found)


@settings(max_examples=600, deadline=None)
@given(mutated(), st.integers(0, 8))
def test_a_changed_header_is_refused_where_the_library_refuses_it(text: str, padding: int) -> None:
    header = text.encode() + b" " * padding
    assume(len(header) >= 2)
    file = whole_file(header, N_DATA)
    reason = reason_of(parse_header, header, len(file))
    if reason is None:
        assert library_accepts(file)
    else:
        assert reason == "bad_header"
        assert not library_accepts(file) or is_stricter_here(header.decode())


def test_the_worked_example_is_read() -> None:
    header = parse_header(VALID.encode(), 8 + len(VALID) + N_DATA)
    assert header.tensors == (
        Tensor("a.weight", "F32", (2, 3)),
        Tensor("a.bias", "F16", (2,)),
        Tensor("empty", "I64", (0, 5)),
        Tensor("b", "U8", ()),
    )
    assert (header.metadata, header.n_bytes) == ({"format": "pt"}, N_DATA)
    assert parse_header(VALID.encode(), None) == header


@pytest.mark.parametrize(
    ("text", "n_data"),
    [
        (f'{{"a":{ENTRY},"a":{ENTRY}}}', 4),
        (f' {{"a":{ENTRY}}}', 4),
        (f'{{"a":{ENTRY}}}\n', 4),
        ('{"a":["F32",[1],[0,4]]}', 4),
        ('{"__metadata__":null}', 0),
        ('{"__metadata__":{"a":"b","a":"c"}}', 0),
        (json.dumps({"a" * 1001: entry("U8", [1], 0, 1)}), 1),
        (json.dumps({"a": entry("U8", [1] * 65, 0, 1)}), 1),
    ],
    ids=["equal names", "space", "line feed", "list", "null", "equal metadata", "long name", "65 dimensions"],
)
def test_where_the_format_or_this_project_is_stricter_than_the_library(text: str, n_data: int) -> None:
    file = whole_file(text.encode(), n_data)
    assert library_accepts(file)
    assert reason_of(parse_header, text.encode(), len(file)) == "bad_header"


@pytest.mark.parametrize(
    ("tensors", "n_data"),
    [
        ({"a": entry("F32", [1], 4, 8)}, 8),
        ({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 0, 4)}, 4),
        ({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 8, 12)}, 12),
        ({"a": entry("F32", [1], 0, 4)}, 5),
        ({"a": entry("F32", [1], 0, 4)}, 3),
        ({"a": entry("F32", [2], 0, 4)}, 4),
        ({"a": entry("F32", [-1], 4, 0)}, 4),
        ({"a": entry("F32", [True], 0, 4)}, 4),
        ({"a": entry("F32", [1.0], 0, 4)}, 4),
        ({"a": entry("F4", [1], 0, 1)}, 1),
        ({"a": entry("F32", [2**62, 4], 0, 0)}, 0),
        ({"a": entry("F128", [1], 0, 16)}, 16),
        ({"a": {**entry("F32", [1], 0, 4), "data_offsets": [0, 4, 4]}}, 4),
        ({"a": {"dtype": "F32", "shape": [1]}}, 4),
        ({"__metadata__": {"a": 1}}, 0),
        ({"a": 1}, 0),
    ],
    ids=str,
)
def test_lies_are_refused_here_and_by_the_library(tensors: dict, n_data: int) -> None:
    header = json.dumps(tensors).encode()
    file = whole_file(header, n_data)
    assert not library_accepts(file)
    assert reason_of(parse_header, header, len(file)) == "bad_header"


@pytest.mark.parametrize(
    ("dtype", "shape", "n_bytes"),
    [("F4", [2], 1), ("F6_E2M3", [4], 3), ("F6_E3M2", [8], 6), ("F8_E8M0", [3], 3), ("F8_E5M2FNUZ", [3], 3)],
)
def test_small_types_are_counted_in_bits(dtype: str, shape: list[int], n_bytes: int) -> None:
    header = json.dumps({"a": entry(dtype, shape, 0, n_bytes)}).encode()
    file = whole_file(header, n_bytes)
    assert library_accepts(file)
    assert parse_header(header, len(file)).n_bytes == n_bytes


def test_the_library_knows_no_other_types() -> None:
    header = json.dumps({"a": entry("X", [1], 0, 1)}).encode()
    with pytest.raises(SafetensorError) as raised:
        deserialize(whole_file(header, 1))
    known = re.findall(r"`([A-Z]\w*)`", str(raised.value).partition("expected")[2])
    assert len(known) == 22
    for dtype in known:  # 8 elements of any type fill whole bytes
        sizes = [n for n in range(1, 65) if reason_of(parse_header, _eight(dtype, n), None) is None]
        assert len(sizes) == 1
        assert library_accepts(whole_file(_eight(dtype, sizes[0]), sizes[0]))


def _eight(dtype: str, n_bytes: int) -> bytes:
    return json.dumps({"a": entry(dtype, [8], 0, n_bytes)}).encode()


@pytest.mark.parametrize(
    ("length", "reason"),
    [
        (0, "bad_header"),
        (1, "bad_header"),
        (2, None),
        (MAX_HEADER_BYTES, None),
        (MAX_HEADER_BYTES + 1, "header_too_big"),
        (2**64 - 1, "header_too_big"),
    ],
)
def test_the_length_of_a_header_is_bounded(length: int, reason: str | None) -> None:
    first = struct.pack("<Q", length)
    assert reason_of(header_length, first) == reason
    assert reason or header_length(first + b"{}") == length


@given(st.binary(max_size=7))
def test_a_file_without_eight_bytes_has_no_header(first: bytes) -> None:
    assert reason_of(header_length, first) == "bad_header"


@given(st.binary(max_size=200), st.none() | st.integers(0, 300))
def test_any_bytes_give_a_header_or_a_reason(content: bytes, file_size: int | None) -> None:
    assert reason_of(parse_header, b"{" + content + b"}", file_size) in (None, "bad_header")
    assert reason_of(parse_header, content, file_size) in (None, "bad_header")


@pytest.mark.parametrize("text", ['{"a":' + "[" * 200 + "]" * 200 + "}", '{"a":' * 10_000 + "1" + "}" * 10_000])
def test_a_deep_header_is_refused_without_recursion(text: str) -> None:
    assert reason_of(parse_header, text.encode(), None) == "bad_header"
