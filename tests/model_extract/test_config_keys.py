"""The allow-list of config keys: nothing that transformers needs is lost, nothing else passes."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import transformers
from huggingface_hub.errors import StrictDataclassError
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from model_extract.auto_classes import registered_types
from model_extract.config import is_safe
from model_extract.config_keys import OPTIONAL_KEYS, allowed_config, declared_keys
from model_extract.failures import UnreadableError
from tests.model_extract.structure_oracles import build, refuse
from tests.model_extract.test_configs import JSON

# Read with a default by model classes and declared by none, and of no weight for what is built: how a model computes,
# what it says about itself, or values that it sets itself.
WEIGHTLESS = frozenset(
    {
        *("apply_spec_augment", "beta", "decoder_pad_token_id", "decoder_start_token_id", "default_scale", "keepdim"),
        *("gradient_checkpointing", "initializer_range", "minimum_scale", "num_beams", "num_return_sequences"),
        *("onnx_export", "original_max_position_embeddings", "scaling_dim", "sliding_window", "timm_kwargs"),
        *("audio_window_size", "char_to_id", "composer_to_feature_token", "detector_config", "hidden_act"),
        *("hidden_size", "id_to_text", "image_size", "no_token_index", "patch_size", "text_decoder_lang_to_code_id"),
        *("tracker_config", "yes_token_index", "_is_quantized", "_num_audio_tokens", "_voxtral_set_max_length"),
    }
)
# In the default sub-configs of some classes, with no class that declares or reads them.
UNREAD = frozenset(
    {
        *("vocab_size", "arch", "return_idx", "freeze_at", "freeze_norm", "freeze_stem_only", "lr_mult_list"),
        *("img_size", "always_partition", "num_register_tokens", "global_pool", "hidden_size"),
    }
)
ASKED = re.compile(r'(?:getattr\([\w.]*config, "(\w+)", |hasattr\([\w.]*config, "(\w+)"\))')


@cache
def config_classes() -> tuple[type[PreTrainedConfig], ...]:
    registered = [CONFIG_MAPPING[model_type] for model_type in registered_types()]
    parts = [part for each in registered for part in parts_of(each)]
    return tuple(dict.fromkeys([*registered, *parts]))


def parts_of(config_class: type[PreTrainedConfig]) -> Iterator[type[PreTrainedConfig]]:
    for declared in config_class.sub_configs_defaults.values():
        if issubclass(declared.config_class, PreTrainedConfig):
            yield declared.config_class


def test_no_class_declares_an_unsafe_key_or_a_method() -> None:
    for config_class in config_classes():
        for key in declared_keys(config_class):
            assert is_safe(key), (config_class, key)
            assert not callable(getattr(config_class, key, None)), (config_class, key)


def test_a_written_config_of_every_type_is_read_back_whole() -> None:
    """What transformers writes of a config comes back equal through the allow-list: an oracle that knows no list."""
    lost: set[str] = set()
    compared = 0
    for model_type in registered_types():
        try:
            written = json.loads(json.dumps(AutoConfig.for_model(model_type).to_dict()))
            expected = CONFIG_MAPPING[model_type].from_dict(written).to_dict()
            found = (
                CONFIG_MAPPING[model_type].from_dict(allowed_config({**written, "model_type": model_type})).to_dict()
            )
        except (
            ImportError,
            ValueError,
            StrictDataclassError,
        ):  # a package is missing, or the class refuses its own default
            continue
        lost |= {path.rpartition(".")[2] for path in differences(expected, found)}
        compared += 1
    assert compared > 780
    assert lost <= UNREAD


def differences(expected: Any, found: Any, path: str = "") -> Iterator[str]:
    """Yield the paths at which two written configs differ, keys left out that never pass."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in filter(is_safe, map(str, expected)):
            yield from differences(expected.get(key), found.get(key), f"{path}.{key}")
    elif expected != found:
        yield path


def modelling_sources() -> Iterator[tuple[str, set[type[PreTrainedConfig]]]]:
    """Yield the text of each file of model classes with the config classes that stand beside it."""
    beside: dict[Path, set[type[PreTrainedConfig]]] = {}
    root = Path(transformers.__file__).parent
    for config_class in config_classes():
        folder = root.joinpath(*config_class.__module__.split(".")[1:-1])
        beside.setdefault(folder, set()).add(config_class)
    for folder, classes in beside.items():
        for path in folder.glob("modeling_*.py"):
            yield path.read_text(encoding="utf-8"), classes


def test_every_option_that_model_classes_ask_for_is_declared_or_listed() -> None:
    """After an upgrade of transformers this names the keys to be added to `OPTIONAL_KEYS`, or here as weightless."""
    unknown: set[str] = set()
    for text, classes in modelling_sources():
        known = {name for each in classes for name in [*declared_keys(each), *dir(each)]}
        asked = {first or second for first, second in ASKED.findall(text)}
        unknown |= asked - known
    assert unknown - WEIGHTLESS == set()
    assert unknown & OPTIONAL_KEYS == set()


def test_what_a_class_does_not_declare_is_dropped_at_every_level() -> None:
    config = {
        "model_type": "llava",
        "run": "evil.py",
        "auto_map": {"AutoModel": "evil.Model"},
        "text_config": {"model_type": "llama", "hidden_size": 8, "kernel": "owner/kernel", "vision_config": {}},
        "vision_config": {"model_type": "clip_vision_model", "num_channels": 3, "_attn_implementation": "owner/kernel"},
        "quantization_config": {"quant_method": "gptq"},
        "id2label": {"0": "yes"},
    }
    assert allowed_config(config) == {
        "model_type": "llava",
        "text_config": {"model_type": "llama", "hidden_size": 8},
        "vision_config": {"model_type": "clip_vision_model", "num_channels": 3},
        "id2label": {"0": "yes"},
    }


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        (
            {"model_type": "gpt2", "n_layer": 2, "num_hidden_layers": 2, "hidden_dim": 9},
            ["n_layer", "num_hidden_layers"],
        ),
        (
            {"model_type": "t5", "is_gated_act": True, "feed_forward_proj": "gelu"},
            ["is_gated_act", "feed_forward_proj"],
        ),
        ({"model_type": "mixtral", "head_dim": 64, "n_routed_experts": 3}, ["head_dim"]),
        ({"model_type": "qwen2_vl", "hidden_size": 64, "rope_theta": 1e6}, ["hidden_size", "rope_theta"]),
        ({"model_type": "qwen2_vl", "hidden_size": 64, "text_config": {}}, ["text_config"]),
        ({"model_type": "clip", "text_config_dict": {"hidden_size": 64, "x": 1}}, ["text_config_dict"]),
    ],
)
def test_aliases_derived_attributes_options_and_flat_halves_pass(config: dict, kept: list[str]) -> None:
    assert list(allowed_config(config)) == ["model_type", *kept]


def test_objects_without_a_class_of_their_own_are_data() -> None:
    rope = {"rope_type": "linear", "factor": 2.0, "auto_map": {"a": 1}, "full_attention": {"code_revision": "x"}}
    found = allowed_config({"model_type": "llama", "rope_parameters": rope})
    assert found["rope_parameters"] == {"rope_type": "linear", "factor": 2.0, "full_attention": {}}


def test_overrides_of_single_layers_pass_by_the_same_class() -> None:
    layers = {"0": {"intermediate_size": 8, "skip": ["mlp"], "evil": 1}, "1": None}
    found = allowed_config({"model_type": "llama", "per_layer_config": layers})
    assert found["per_layer_config"] == {"0": {"intermediate_size": 8, "skip": ["mlp"]}, "1": None}


def test_a_backbone_of_another_repository_is_no_default_backbone() -> None:
    found = refuse({"model_type": "upernet", "backbone": "owner/backbone"})
    assert (found.reason, "'owner/backbone'" in found.detail) == ("incomplete_config", True)
    inner = {"model_type": "resnet", "out_features": ["stage1", "stage2", "stage3", "stage4"]}
    given_both = {"model_type": "upernet", "backbone": "owner/backbone", "backbone_config": inner}
    assert build(given_both).modules == build({"model_type": "upernet", "backbone_config": inner}).modules


@settings(max_examples=60)
@given(st.sampled_from(["bert", "llava", "qwen2_vl", "upernet", "rag"]), st.dictionaries(st.text(), JSON), JSON)
def test_any_config_gives_declared_keys_or_a_reason(model_type: str, config: dict, inner: object) -> None:
    hostile = {**config, "text_config": inner, "per_layer_config": inner, "backbone": inner, "model_type": model_type}
    try:
        found = allowed_config(hostile)
    except UnreadableError:
        return
    names = declared_keys(CONFIG_MAPPING[model_type])
    assert set(found) <= names | {"text_config"} | declared_keys(CONFIG_MAPPING["qwen2_vl_text"])
