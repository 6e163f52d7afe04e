"""adapter_config.json of PEFT adapters."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_extract.formats.adapter_config import AdapterConfig, parse_adapter_config
from tests.model_extract.formats.refusals import reason_of

EXAMPLE = {
    "peft_type": "LORA",
    "base_model_name_or_path": "owner/base",
    "r": 16,
    "lora_alpha": 32,
    "lora_dropout": 0.05,
    "target_modules": ["q_proj", "v_proj"],
    "task_type": "CAUSAL_LM",
    "auto_mapping": None,
}


def test_the_worked_example_is_read() -> None:
    expected = AdapterConfig("LORA", "owner/base", 16, 32.0, ("q_proj", "v_proj"), "CAUSAL_LM")
    assert parse_adapter_config(json.dumps(EXAMPLE).encode()) == expected
    assert parse_adapter_config(b"{}") == AdapterConfig(None, None, None, None, None, None)
    assert parse_adapter_config(b'{"target_modules": "all-linear"}').target_modules == "all-linear"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"peft_type": 1}, "bad_config"),
        ({"base_model_name_or_path": ["a"]}, "bad_config"),
        ({"base_model_name_or_path": "a" * 10_001}, "bad_config"),
        ({"r": "16"}, "bad_config"),
        ({"r": True}, "bad_config"),
        ({"r": -1}, "bad_config"),
        ({"r": 1.5}, "bad_config"),
        ({"r": 2**31}, "bad_config"),
        ({"lora_alpha": float("nan")}, "bad_config"),
        ({"lora_alpha": [1]}, "bad_config"),
        ({"target_modules": [1]}, "bad_config"),
        ({"target_modules": {"a": "b"}}, "bad_config"),
        ({"target_modules": ["a"] * 10_001}, "bad_config"),
        ({"task_type": False}, "bad_config"),
        ({"text": "x" * 1_000_001}, "config_too_big"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_refused_says_why(change: dict, reason: str) -> None:
    assert reason_of(parse_adapter_config, json.dumps({**EXAMPLE, **change}).encode()) == reason


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text() | st.integers())


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(EXAMPLE, VALUES)), st.binary())
def test_anything_gives_an_adapter_or_a_reason(document: dict, content: bytes) -> None:
    reasons = (None, "bad_config")
    assert reason_of(parse_adapter_config, json.dumps(document).encode()) in reasons
    assert reason_of(parse_adapter_config, content) in reasons
