"""Indexes of models in several files."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_extract.failures import UnreadableError
from model_extract.formats.shard_index import ShardIndex, parse_index
from pipeline.settings import ROOT
from tests.model_extract.formats.refusals import reason_of

REAL = ROOT.parent / "shared/data/tensor_indexes.jsonl.gz"
FILE_NAMES = st.from_regex(r"[a-z][a-z0-9.-]{0,20}\.safetensors", fullmatch=True)


def index(files: dict[str, str], **other: object) -> bytes:
    return json.dumps({"metadata": {"total_size": 10}, "weight_map": files, **other}).encode()


@given(st.dictionaries(st.text(max_size=30), FILE_NAMES, min_size=1, max_size=8), st.integers(0, 2**63 - 1))
def test_an_index_is_read_back(weight_map: dict[str, str], total_size: int) -> None:
    expected = ShardIndex(weight_map, tuple(sorted(set(weight_map.values()))), total_size)
    assert parse_index(index(weight_map, metadata={"total_size": total_size, "tool": "x"})) == expected


@pytest.mark.parametrize(
    "name",
    [
        *("../model.safetensors", "a/model.safetensors", "/etc/passwd", "a\\model.safetensors", "..", ""),
        *("model.safetensors\n", ".safetensors", ".hidden.safetensors", "a b.safetensors", "é.safetensors"),
        *("model.msgpack", "model.safetensors.json", "x" * 300 + ".safetensors", "%2e%2e%2f.safetensors"),
        *("https://example.org/model.safetensors", "model.safetensors?x=.safetensors"),
    ],
)
def test_only_plain_names_of_safetensors_files_pass(name: str) -> None:
    assert reason_of(parse_index, index({"a": "model.safetensors", "b": name})) == "bad_header"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (index({"a": "pytorch_model-00001-of-00002.bin"}), "pickle_only"),
        (index({"a": "model.safetensors", "b": "model.pt"}), "pickle_only"),
        (index({}), "no_weights"),
        (b"{}", "bad_header"),
        (b'{"weight_map": []}', "bad_header"),
        (b'{"weight_map": {"a": 1}}', "bad_header"),
        (b'{"weight_map": {"a": "m.safetensors", "a": "n.safetensors"}}', "bad_header"),
        (index({str(n): f"{n}.safetensors" for n in range(2001)}), "bad_header"),
        (index({"a" * 1001: "m.safetensors"}), "bad_header"),
        (b" " * 25_000_001, "header_too_big"),
    ],
    ids=["pickle", "one pickle", "none", "no map", "list", "number", "twice", "2001 files", "long name", "large"],
)
def test_what_is_no_index_says_why(content: bytes, reason: str) -> None:
    assert reason_of(parse_index, content) == reason


@pytest.mark.parametrize(
    ("stated", "read"), [(None, None), ("10", None), (10.0, 10), (10**71, None), (-1, None), ([], None)]
)
def test_a_total_size_that_is_none_is_as_good_as_not_stated(stated: object, read: int | None) -> None:
    content = index({"a": "model.safetensors"}, metadata={"total_size": stated})
    assert parse_index(content).total_size == read
    assert parse_index(index({"a": "model.safetensors"}, metadata=stated)).total_size is None


@given(st.binary(max_size=200), st.binary(max_size=20))
def test_any_bytes_give_an_index_or_a_reason(content: bytes, name: bytes) -> None:
    reasons = (None, "bad_header", "pickle_only", "no_weights")
    assert reason_of(parse_index, content) in reasons
    assert reason_of(parse_index, b'{"weight_map": {"a": "' + name + b'"}}') in reasons


@pytest.mark.skipif(not REAL.exists(), reason="the shared data are not there")
def test_real_indexes_of_safetensors_are_all_read() -> None:
    reasons = []
    for line in gzip.decompress(REAL.read_bytes()).splitlines():
        record = json.loads(line)
        reasons.append((_kind(record), _reason(json.dumps(record["index"]).encode())))
    assert {kind: {reason for found, reason in reasons if found == kind} for kind, _ in reasons} == {
        "safetensors": {None},
        "bin": {"pickle_only"},
        "msgpack": {"bad_header"},
        "empty": {"no_weights"},
    }


def _kind(record: dict) -> str:
    files = list(record["index"]["weight_map"].values())
    return Path(files[0]).suffix.removeprefix(".") if files else "empty"


def _reason(content: bytes) -> str | None:
    try:
        index = parse_index(content)
    except UnreadableError as error:
        return error.reason
    assert index.weight_map == json.loads(content)["weight_map"]
    return None
