"""Headers of GGUF files, against a writer made from the format's text."""

import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_extract.failures import UnreadableError
from model_extract.formats.gguf_header import MAX_HEADER_BYTES, QUANTISED_TYPES, GgufHeader, NeedMore, parse_gguf
from model_extract.formats.tensors import Tensor
from tests.model_extract.formats.gguf_writer import (
    VALUE_TYPES,
    Stored,
    file_size,
    header,
    numbers,
    scalar,
    string,
    text,
    texts,
)
from tests.model_extract.formats.refusals import reason_of

RANGES = {"u8": (0, 2**8), "i8": (-(2**7), 2**7), "u16": (0, 2**16), "i16": (-(2**15), 2**15), "u32": (0, 2**32)}
RANGES |= {"i32": (-(2**31), 2**31), "u64": (0, 2**64), "i64": (-(2**63), 2**63), "bool": (0, 2)}
KEYS = st.from_regex(r"[a-z]{1,4}(\.[a-z_0-9]{1,8}){0,2}", fullmatch=True).filter(
    lambda key: key != "general.alignment"
)


def value_of(kind: str) -> st.SearchStrategy:
    if kind.startswith("f"):
        return st.floats(allow_nan=False, width=32 if kind == "f32" else 64)
    low, end = RANGES[kind]
    return st.integers(low, end - 1)


SCALARS = st.sampled_from(sorted(VALUE_TYPES)).flatmap(lambda kind: st.tuples(st.just(kind), value_of(kind)))
SHAPES = st.lists(st.integers(0, 4), max_size=3).map(tuple)
TENSORS = st.lists(
    st.builds(Stored, st.text(min_size=1, max_size=12), st.sampled_from(["F32", "F16"]), SHAPES)
    | st.builds(Stored, st.text(min_size=1, max_size=12), st.sampled_from(["Q4_0", "Q8_0"]), st.just((3, 64)))
    | st.builds(Stored, st.text(min_size=1, max_size=12), st.just("Q4_K"), st.just((2, 256))),
    unique_by=lambda tensor: tensor.name,
    max_size=5,
)


@given(st.dictionaries(KEYS, SCALARS, max_size=5), TENSORS, st.sampled_from([8, 32, 64]), st.sampled_from([2, 3]))
def test_what_is_written_is_read_back(
    metadata: dict[str, tuple[str, object]], tensors: list[Stored], alignment: int, version: int
) -> None:
    pairs = {key: scalar(kind, value) for key, (kind, value) in metadata.items()}
    pairs["general.alignment"] = scalar("u32", alignment)
    content = header(pairs, tensors, alignment=alignment, version=version)
    expected = {key: value for key, (_, value) in metadata.items()} | {"general.alignment": alignment}
    found = parse_gguf(content, file_size(content, tensors, alignment))
    described = tuple(Tensor(tensor.name, tensor.dtype, tensor.shape) for tensor in tensors)
    assert isinstance(found, GgufHeader)
    assert (found.version, found.metadata, found.tensors) == (version, expected, described)
    assert parse_gguf(content + b"weights", None) == found


def test_the_worked_example_is_read() -> None:
    content = bytes.fromhex(
        "47475546 03000000 0100000000000000 0200000000000000"  # GGUF, version 3, one tensor, two pairs
        "0400000000000000 6e616d65 08000000 0200000000000000 6869"  # name = "hi"
        "0100000000000000 6e 04000000 07000000"  # n = 7
        "0800000000000000 612e776569676874 02000000"  # a.weight, two dimensions
        "4000000000000000 0300000000000000 08000000 0000000000000000"  # 64 inside, 3 outside, Q8_0, offset 0
    )
    assert parse_gguf(content) == GgufHeader(3, {"name": "hi", "n": 7}, (Tensor("a.weight", "Q8_0", (3, 64)),))


def test_what_is_long_is_left_out() -> None:
    metadata = {
        "tokens": texts(["a", "", "longer"] * 100),
        "scores": numbers("f32", [0.5] * 65),
        "template": string("x" * 1001),
        "flags": numbers("bool", [1] * 100),
        "few": numbers("i32", [-1] * 64),
        "pair": numbers("bool", [1, 0]),
        "none": numbers("u8", []),
        "name": string(b"a\xff"),
        "last": scalar("u8", 9),
    }
    found = parse_gguf(header(metadata, []))
    assert isinstance(found, GgufHeader)
    assert found.metadata == {"few": (-1,) * 64, "pair": (True, False), "none": (), "name": "a\\xff", "last": 9}
    assert str(found.metadata["pair"]) == "(True, False)"


EXAMPLE_TENSORS = [Stored("a.weight", "Q4_0", (3, 64)), Stored("b", "F32", (5,)), Stored("c", "F16", ())]
EXAMPLE_METADATA = {
    "general.name": string("x"),
    "tokens": texts(["a", "bc", ""]),
    "few": numbers("u16", [1, 2]),
    "many": numbers("f64", [1.0] * 70),
    "flag": scalar("bool", 1),
}
EXAMPLE = header(EXAMPLE_METADATA, EXAMPLE_TENSORS)


def test_a_header_cut_anywhere_asks_for_more_until_it_is_whole() -> None:
    whole = parse_gguf(EXAMPLE)
    assert isinstance(whole, GgufHeader)
    for length in range(len(EXAMPLE)):
        content, rounds = EXAMPLE[:length], 0
        while isinstance(found := parse_gguf(content), NeedMore):
            assert found.n_bytes > len(content)
            content, rounds = EXAMPLE[: found.n_bytes], rounds + 1
        assert found == whole
        assert rounds <= 10
        size = file_size(EXAMPLE, EXAMPLE_TENSORS)
        clipped = parse_gguf(EXAMPLE[:length], size)
        assert isinstance(clipped, NeedMore)
        assert length < clipped.n_bytes <= size
        assert reason_of(parse_gguf, EXAMPLE[:length], length) == "bad_header"


def test_a_file_must_hold_all_its_data() -> None:
    size = file_size(EXAMPLE, EXAMPLE_TENSORS)
    assert parse_gguf(EXAMPLE, size) == parse_gguf(EXAMPLE, size + 100) == parse_gguf(EXAMPLE)
    assert reason_of(parse_gguf, EXAMPLE, size - 1) == "bad_header"


def tensor_info(name: bytes, sizes: list[int], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, kind, offset)


def with_tensors(*infos: bytes) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, len(infos), 0) + b"".join(infos)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"GGML" + bytes(40), "bad_header"),
        (b"GGUF" + struct.pack("<I", 1) + bytes(40), "bad_header"),
        (b"GGUF" + struct.pack("<I", 4) + bytes(40), "bad_header"),
        (b"GGUF" + struct.pack(">I", 3) + bytes(40), "bad_header"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**63, 0), "bad_header"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**40), "bad_header"),
        (header([("a", scalar("u8", 1)), ("a", scalar("u8", 1))], []), "bad_header"),
        (header({"é": scalar("u8", 1)}, []), "bad_header"),
        (header({"": scalar("u8", 1)}, []), "bad_header"),
        (header({"a": struct.pack("<I", 13)}, []), "bad_header"),
        (header({"a": struct.pack("<IB", 7, 2)}, []), "bad_header"),
        (header({"a": struct.pack("<IIQ", 9, 9, 1)}, []), "bad_header"),
        (header({"a": struct.pack("<IIQ", 9, 4, 2**62)}, []), "bad_header"),
        (header({"a": struct.pack("<IIQ", 9, 12, 10**7)}, []), "header_too_big"),
        (header({"a": struct.pack("<IIQQ", 9, 8, 2, 2**63)}, []), "header_too_big"),
        (header({"a": struct.pack("<IQ", 8, 2**63)}, []), "bad_header"),
        (header({"a": struct.pack("<IQ", 8, MAX_HEADER_BYTES)}, []), "header_too_big"),
        (header({"general.alignment": scalar("u32", 0)}, []), "bad_header"),
        (header({"general.alignment": scalar("u32", 24)}, []), "bad_header"),
        (header({"general.alignment": string("32")}, []), "bad_header"),
        (header({"general.alignment": string("x" * 2000)}, []), "bad_header"),
        (with_tensors(tensor_info(b"a", [1], 0, 0), tensor_info(b"a", [1], 0, 32)), "bad_header"),
        (with_tensors(tensor_info(b"a", [1], 0, 32)), "bad_header"),
        (with_tensors(tensor_info(b"a", [1], 0, 0), tensor_info(b"b", [1], 0, 4)), "bad_header"),
        (with_tensors(tensor_info(b"a", [1], 0, 0), tensor_info(b"b", [1], 0, 0)), "bad_header"),
        (with_tensors(tensor_info(b"a", [33], 2, 0)), "bad_header"),
        (with_tensors(tensor_info(b"a", [], 2, 0)), "bad_header"),
        (with_tensors(tensor_info(b"a", [1], 4, 0)), "bad_header"),
        (with_tensors(tensor_info(b"a", [1], 999, 0)), "bad_header"),
        (with_tensors(tensor_info(b"a", [1] * 5, 0, 0)), "bad_header"),
        (with_tensors(tensor_info(b"a", [2**63], 0, 0)), "bad_header"),
        (with_tensors(tensor_info(b"a", [2**40, 2**40], 0, 0)), "bad_header"),
        (with_tensors(tensor_info(b"\xff", [1], 0, 0)), "bad_header"),
        (with_tensors(tensor_info(b"a" * 1001, [1], 0, 0)), "bad_header"),
    ],
)
def test_lies_are_refused(content: bytes, reason: str) -> None:
    assert reason_of(parse_gguf, content + bytes(100)) == reason


def test_a_big_endian_file_is_called_so() -> None:
    with pytest.raises(UnreadableError, match="big-endian"):
        parse_gguf(b"GGUF" + struct.pack(">IQQ", 3, 1, 1))


@settings(max_examples=500)
@given(st.integers(0, len(EXAMPLE) - 1), st.binary(max_size=9), st.integers(0, 9), st.none() | st.integers(0, 10**6))
def test_a_changed_header_is_read_or_refused(place: int, new: bytes, cut: int, size: int | None) -> None:
    content = EXAMPLE[:place] + new + EXAMPLE[place + cut :]
    assert reason_of(parse_gguf, content, size) in (None, "bad_header", "header_too_big")


@given(st.binary(max_size=200), st.integers(0, 5), st.integers(0, 5))
def test_any_bytes_give_a_header_or_a_reason(content: bytes, n_tensors: int, n_pairs: int) -> None:
    start = b"GGUF" + struct.pack("<IQQ", 3, n_tensors, n_pairs)
    assert reason_of(parse_gguf, content) in (None, "bad_header", "header_too_big")
    assert reason_of(parse_gguf, start + content) in (None, "bad_header", "header_too_big")


def test_a_vocabulary_of_real_size_is_skipped_quickly() -> None:
    metadata = {"tokens": texts(["token"] * 200_000), "merges": texts(["a b"] * 200_000)}
    content = header(metadata, EXAMPLE_TENSORS)
    started = time.process_time()
    found = parse_gguf(content)
    assert time.process_time() - started < 1
    assert isinstance(found, GgufHeader)
    assert (found.metadata, len(found.tensors)) == ({}, 3)


def test_quantised_types_are_those_with_blocks() -> None:
    assert {"Q4_0", "Q4_K", "MXFP4"} <= QUANTISED_TYPES
    assert not {"F32", "F16", "BF16", "I8"} & QUANTISED_TYPES
