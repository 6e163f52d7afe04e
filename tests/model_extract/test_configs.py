"""Configs from outside: what passes, what is dropped, what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_extract.config import CONFIG_BYTES, canonical_config, config_hash, parse_config
from model_extract.failures import UnreadableError
from model_extract.size import check_counts

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=15,
)


@given(st.dictionaries(st.text(), JSON))
def test_any_json_object_is_read_back(config: dict) -> None:
    assert parse_config(json.dumps(config).encode()) == config


def test_a_byte_order_mark_is_accepted() -> None:
    assert parse_config(b'\xef\xbb\xbf{"model_type": "bert"}') == {"model_type": "bert"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"model_type": "lla', "bad_config"),
        (b"", "bad_config"),
        (b"\xff\xfe", "bad_config"),
        (b"[1, 2]", "bad_config"),
        (b"[" * 100_000, "bad_config"),
        (b'{"n": ' + b"9" * 5000 + b"}", "bad_config"),
        (b" " * (CONFIG_BYTES + 1), "config_too_big"),
    ],
    ids=["broken", "empty", "no utf-8", "no object", "deep", "long number", "large"],
)
def test_what_is_no_config_says_why(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError) as raised:
        parse_config(content)
    assert raised.value.reason == reason


@given(st.binary(max_size=200))
def test_any_bytes_give_a_config_or_a_reason(content: bytes) -> None:
    try:
        assert isinstance(parse_config(content), dict)
    except UnreadableError as error:
        assert error.reason == "bad_config"


def test_keys_that_load_code_or_name_a_place_are_dropped_at_every_level() -> None:
    config = {
        "model_type": "llava",
        "auto_map": {"AutoModel": "evil.Model"},
        "_attn_implementation": "owner/kernel",
        "_attn_implementation_internal": "owner/kernel",
        "attn_implementation": "owner/kernel",
        "experts_implementation": "x",
        "quantization_config": {"quant_method": "gptq"},
        "__class__": 1,
        "key\n": 2,
        "text_config": {"_name_or_path": "/home/me", "torch_dtype": "float16", "hidden_size": 8, "auto_map": {}},
        "layers": [{"dtype": "bfloat16", "width": 1}],
    }
    expected = {"model_type": "llava", "auto_map": True, "text_config": {"hidden_size": 8}, "layers": [{"width": 1}]}
    assert canonical_config(config) == expected


def test_the_hash_ignores_order_and_what_is_volatile() -> None:
    one = {"model_type": "bert", "hidden_size": 8, "transformers_version": "4.1", "_name_or_path": "a"}
    other = {"hidden_size": 8, "model_type": "bert", "dtype": "float16"}
    assert config_hash(canonical_config(one)) == config_hash(canonical_config(other))
    assert config_hash(canonical_config({**other, "hidden_size": 9})) != config_hash(canonical_config(other))


def test_nesting_without_end_is_refused() -> None:
    config: dict = {}
    for _ in range(100):
        config = {"text_config": config}
    with pytest.raises(UnreadableError) as raised:
        canonical_config(config)
    assert raised.value.reason == "bad_config"


@pytest.mark.parametrize(
    "config",
    [
        {"num_hidden_layers": 10**9},
        {"n_layer": 1e300},
        {"encoder_layers": 600, "decoder_layers": 600},
        {"depths": [2, 2, 10**6]},
        {"vision_config": {"depth": 5000}},
        {"backbone_configs": [{"num_stages": 10}, {"num_blocks": 5000}]},
        {"num_local_experts": 10**7},
        {"layer_types": ["full_attention"] * 2000},
        {"text_config": {"num_labels": 10**8}},
    ],
)
def test_numbers_that_promise_too_many_modules_are_refused(config: dict) -> None:
    with pytest.raises(UnreadableError) as raised:
        check_counts(config, 1000)
    assert raised.value.reason == "config_too_big"


@pytest.mark.parametrize(
    "config",
    [
        {"num_hidden_layers": 126, "vocab_size": 10**9, "hidden_size": 10**9, "num_attention_heads": 10**9},
        {"num_labels": 200_000, "vision_feature_layer": -2, "num_experts": -1},
        {"num_hidden_layers": "many", "depths": [2.5, None, True]},
        {"num_hidden_layers": float("nan"), "depths": [-5]},
    ],
)
def test_widths_and_nonsense_are_not_counted(config: dict) -> None:
    assert check_counts(config, 1000) is None  # it raises where it counts too much


@pytest.mark.parametrize("key", ["num_hidden_layers", "n_layer", "n_layers", "num_decoder_layers", "encoder_layers"])
def test_a_negative_number_of_layers_is_a_bad_config(key: str) -> None:
    with pytest.raises(UnreadableError, match=f"{key}: expected a number of layers, got -3") as raised:
        check_counts({"towers": [{"text_config": {key: -3}}]}, 1000)
    assert raised.value.reason == "bad_config"
