"""Older spellings: read where the class refuses the value and takes a reading of it, and left alone elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoConfig, PreTrainedConfig

from model_extract.legacy_values import modern_value
from tests.model_extract.structure_oracles import build, refuse
from tests.model_extract.test_configs import JSON

SMALL = {"num_hidden_layers": 1, "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 8, "vocab_size": 16}


def class_of(model_type: str) -> type[PreTrainedConfig]:
    return type(AutoConfig.for_model(model_type))


@pytest.mark.parametrize(
    ("model_type", "key", "value", "expected"),
    [
        ("qwen3", "use_cache", "True", True),
        ("qwen3", "use_cache", "false", False),
        ("qwen3", "sliding_window", "None", None),
        ("qwen3", "rope_scaling", "None", None),
        ("qwen3", "rms_norm_eps", "1e-5", 1e-5),
        ("qwen3", "hidden_size", "4096", 4096),
        ("qwen3", "hidden_size", 4096.0, 4096),
        ("qwen3", "rms_norm_eps", 1, 1.0),
        ("gpt2", "num_attention_heads", "12", 12),  # by the name that its attribute_map gives
        ("whisper", "decoder_start_token_id", [50258, 50259], 50258),
        ("llama", "rope_scaling", {"type": "mrope", "mrope_section": [1]}, {"type": "default", "mrope_section": [1]}),
        ("llama", "rope_parameters", {"rope_type": "mrope"}, {"rope_type": "default"}),
    ],
)
def test_an_older_spelling_is_read(model_type: str, key: str, value: object, expected: object) -> None:
    found = modern_value(class_of(model_type), key, value)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    ("model_type", "key", "value"),
    [
        ("qwen3", "hidden_act", "True"),  # the field is a text
        ("qwen3", "hidden_size", 4096.5),
        ("qwen3", "hidden_size", "wide"),
        ("qwen3", "hidden_size", True),
        ("qwen3", "hidden_size", "9" * 5000),
        ("qwen3", "eos_token_id", [1, 2]),  # the field takes lists
        ("qwen3", "use_cache", "yes"),
        ("qwen3", "use_cache", 1),
        ("qwen3", "rms_norm_eps", 10**400),
        ("qwen3", "no_such_key", "True"),
        ("llama", "rope_scaling", {"type": "yarn", "factor": 4.0}),
        ("llama", "rope_scaling", {"type": ["mrope"]}),
    ],
)
def test_anything_else_is_left_as_it_is(model_type: str, key: str, value: object) -> None:
    found = modern_value(class_of(model_type), key, value)
    assert (type(found), found) == (type(value), value)


@given(st.sampled_from(["hidden_size", "rope_scaling", "eos_token_id", "tie_word_embeddings"]), JSON)
def test_no_value_raises_and_what_is_modern_stays(key: str, value: object) -> None:
    modern = modern_value(class_of("llama"), key, value)
    assert repr(modern_value(class_of("llama"), key, modern)) == repr(modern)


def test_a_config_in_older_spelling_builds_what_the_modern_one_builds() -> None:
    modern = {"model_type": "llama", **SMALL, "tie_word_embeddings": True, "rope_parameters": None}
    older = {**modern, "hidden_size": "64", "vocab_size": 16.0, "tie_word_embeddings": "True", "rope_scaling": "None"}
    assert build(older).modules == build(modern).modules
    sections = {"type": "mrope", "mrope_section": [2, 3, 3]}
    assert build({**modern, "rope_scaling": sections}).modules == build(modern).modules


def test_a_number_written_as_text_is_still_counted() -> None:
    assert refuse({"model_type": "llama", "num_hidden_layers": "1000000000"}).reason == "config_too_big"
