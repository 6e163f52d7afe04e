"""modules.json of sentence-transformers models."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_extract.formats.sentence_modules import SentenceModule, parse_modules
from tests.model_extract.formats.refusals import reason_of

EXAMPLE = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling", "kwargs": []},
]


def test_the_worked_example_is_read() -> None:
    assert parse_modules(json.dumps(EXAMPLE).encode()) == (
        SentenceModule(0, "0", "", "sentence_transformers.models.Transformer"),
        SentenceModule(1, "1", "1_Pooling", "sentence_transformers.models.Pooling"),
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"path": "../x"}, "bad_config"),
        ({"path": "/x"}, "bad_config"),
        ({"path": ".."}, "bad_config"),
        ({"path": "a/b"}, "bad_config"),
        ({"path": None}, "bad_config"),
        ({"name": "\x1b[31m"}, "bad_config"),
        ({"idx": True}, "bad_config"),
        ({"idx": "1"}, "bad_config"),
        ({"idx": 0}, "bad_config"),
        ({"type": "os"}, "bad_config"),
        ({"type": "sentence_transformers."}, "bad_config"),
        ({"type": "custom_st.Transformer"}, "remote_code"),
        ({"type": "sentence_transformers_evil.models.Pooling"}, "remote_code"),
        ({"name": "n" * 1_000_001}, "config_too_big"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_refused_says_why(change: dict, reason: str) -> None:
    assert reason_of(parse_modules, json.dumps([EXAMPLE[0], {**EXAMPLE[1], **change}]).encode()) == reason


@pytest.mark.parametrize("document", [[], {}, [1], [{**EXAMPLE[0], "idx": n} for n in range(101)], None])
def test_anything_but_a_list_of_modules_is_refused(document: object) -> None:
    assert reason_of(parse_modules, json.dumps(document).encode()) == "bad_config"


VALUES = (
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["1", "a.b", "sentence_transformers.x"])
)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(("idx", "name", "path", "type"), VALUES)), max_size=3), st.binary())
def test_anything_gives_modules_or_a_reason(document: list, content: bytes) -> None:
    reasons = (None, "bad_config", "remote_code")
    assert reason_of(parse_modules, json.dumps(document).encode()) in reasons
    assert reason_of(parse_modules, content) in reasons
