"""JSON from outside: what Python's parser reads is read, what is too much or no JSON is refused before it is parsed."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_extract.formats.json_bytes import JsonRules, parse_json, parse_object
from tests.model_extract.formats.refusals import reason_of

STRICT = JsonRules("the test", 100_000, malformed="bad_header", too_big="header_too_big")
LENIENT = replace(STRICT, strict=False)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_what_json_writes_is_read_back(value: object, ascii_only: bool, indent: int | None) -> None:
    content = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert parse_json(content, STRICT) == value
    assert parse_json(content, LENIENT) == value


@given(st.text(alphabet='[]{}",:\\u0a1 \n'))
def test_the_lenient_rules_read_what_python_reads(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        assert reason_of(parse_json, text.encode(), LENIENT) == "bad_header"
    else:
        assert parse_json(text.encode(), LENIENT) == expected


@given(
    st.recursive(st.text(alphabet='[]{}",:\\'), lambda inner: st.lists(inner) | st.dictionaries(st.text('\\"['), inner))
)
def test_signs_inside_texts_are_no_structure(value: object) -> None:
    assert parse_json(json.dumps(value).encode(), STRICT) == value


@given(st.binary())
def test_any_bytes_give_a_value_or_a_reason(content: bytes) -> None:
    assert reason_of(parse_json, content, STRICT) in (None, "bad_header")
    assert reason_of(parse_object, content, LENIENT) in (None, "bad_header")


@pytest.mark.parametrize(
    ("content", "strict"),
    [
        (b'\xef\xbb\xbf{"a": 1}', "bad_header"),
        (b'{"a": NaN}', "bad_header"),
        (b'{"a": -Infinity}', "bad_header"),
        (b'{"a": 1, "a": 1}', "bad_header"),
        (b'{"b": [{"a": 1, "\\u0061": 1}]}', "bad_header"),
        (b'{"a": "\\ud800"}', "bad_header"),
        (b'{"\\uDFFF": 1}', "bad_header"),
        (b'{"a": "\\ud83d\\ude00"}', None),
    ],
    ids=["mark", "nan", "infinity", "equal keys", "equal keys inside", "surrogate", "surrogate key", "pair"],
)
def test_what_only_lenient_rules_let_pass(content: bytes, strict: str | None) -> None:
    assert reason_of(parse_object, content, STRICT) == strict
    assert reason_of(parse_object, content, LENIENT) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "bad_header"),
        (b"[]", "bad_header"),
        (b'{"a": 1', "bad_header"),
        (b'{"a": 1}}', "bad_header"),
        (b'{"a": \xff}', "bad_header"),
        (b'{"n": ' + b"9" * 5000 + b"}", "bad_header"),
        (b"[" * 50_000, "bad_header"),
        (b'{"a": ' * 10_000, "bad_header"),
        (b" " * 100_001, "header_too_big"),
    ],
    ids=["empty", "list", "open", "closed twice", "no utf-8", "long number", "deep", "deep objects", "large"],
)
@pytest.mark.parametrize("rules", [STRICT, LENIENT], ids=["strict", "lenient"])
def test_what_is_refused_says_why(content: bytes, reason: str, rules: JsonRules) -> None:
    assert reason_of(parse_object, content, rules) == reason


@pytest.mark.parametrize("opened, closed", [("[", "]"), ('{"[": ', "}")])
def test_the_depth_is_counted_outside_texts(opened: str, closed: str) -> None:
    deepest = (opened * 40 + "1" + closed * 40).encode()
    assert reason_of(parse_json, deepest, STRICT) is None
    assert reason_of(parse_json, (opened * 41 + "1" + closed * 41).encode(), STRICT) == "bad_header"
    assert parse_json(json.dumps({"a": "[{" * 500, 'b"\\': "]"}).encode(), STRICT) == {"a": "[{" * 500, 'b"\\': "]"}


def test_a_text_that_would_become_too_many_objects_is_refused_unparsed() -> None:
    rules = replace(STRICT, max_bytes=10_000_000)
    content = b"[" + b"[]," * 2_100_000 + b"[]]"
    assert reason_of(parse_json, content, rules) == "header_too_big"
