"""The allow-list: what of a config from outside reaches a transformers config class.

A config class takes any key and sets it as an attribute, and in 2026 such an attribute ran code from a repository that
nobody had trusted. So a key passes only where the class declares it: as a field, in its `attribute_map`, as a property
that can be set, or in its own `__post_init__`, which reads by name what earlier versions wrote and sets attributes that
a config may state as well. Sub-configs pass by their own class. What `config.is_safe` refuses never passes.
"""

from collections.abc import Iterator
from dataclasses import fields
from dis import get_instructions
from functools import cache
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from model_extract.config import is_safe
from model_extract.failures import UnreadableError
from model_extract.legacy_values import modern_value

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

# What `PreTrainedConfig` itself and its mixins read beside their fields.
_COMMON = frozenset(
    {
        *("model_type", "num_labels", "per_layer_config", "rope_scaling", "rope_theta", "partial_rotary_factor"),
        *("backbone", "backbone_kwargs", "use_timm_backbone", "out_features", "out_indices"),
        # Fields of every config up to transformers 4, which model classes still read.
        *("tie_word_embeddings", "is_decoder", "add_cross_attention", "cross_attention_hidden_size"),
    }
)
# What model classes ask for with a default, `getattr(config, NAME, ...)`, and no class of theirs declares, where it
# decides what is built. A test compares the list with the installed transformers.
OPTIONAL_KEYS = frozenset(
    {
        *("head_dim", "attention_head_size", "embedding_size", "hidden_sizes", "output_proj_dims", "router_bias"),
        "position_embedding_type",
        *("adapter_attn_dim", "add_adapter", "encoder_cross_output_size", "layer_types", "num_key_value_heads"),
        *("conv_act", "conv_groups", "conv_kernel_size", "max_relative_positions", "norm_rel_ebd", "position_buckets"),
        *("share_att_key", "talking_head", "spatial_pool_out_channels", "return_class_token"),
        *("shared_expert_intermediate_size", "spatial_merge_size", "dropout_rate"),  # read without a default
        *("classifier_dropout", "cls_dropout", "hidden_dropout"),
        *(f"summary_{name}" for name in ("type", "use_proj", "proj_to_labels", "activation")),
        *(f"summary_{name}_dropout" for name in ("first", "last")),
    }
)
_TEXT_HALF = "text_config"
_PER_LAYER = "per_layer_config"
_LAYER_KEYS = frozenset({"skip"})


def allowed_config(config: dict[str, Any]) -> dict[str, Any]:
    """Return what the class of a config's model type declares, older spellings of values read as today's.

    The model type must be registered. Raises `UnreadableError` with `incomplete_config` where the rest of the structure
    stands in another repository.
    """
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    return _allowed(config, CONFIG_MAPPING[config["model_type"]])


@cache
def declared_keys(config_class: "type[PreTrainedConfig]") -> frozenset[str]:
    """Return the keys that a config class declares itself or through its bases."""
    names = {field.name for field in fields(config_class)} | _COMMON | OPTIONAL_KEYS
    names.update(*config_class.attribute_map.items())  # both spellings are written
    for base in _own_bases(config_class):
        names.update(name for name, value in vars(base).items() if isinstance(value, property) and value.fset)
        after_init = vars(base).get("__post_init__")
        if isinstance(after_init, FunctionType):
            names.update(_names_in(after_init.__code__))
    return frozenset(name for name in names if is_safe(name) and not callable(getattr(config_class, name, None)))


def _own_bases(config_class: type) -> Iterator[type]:
    from transformers import PreTrainedConfig

    for base in config_class.__mro__:
        if issubclass(base, PreTrainedConfig) and base is not PreTrainedConfig:
            yield base


def _names_in(code: CodeType) -> Iterator[str]:
    """Yield the texts in a function that could be keys, and the attributes that it sets."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)
        for text in constant if isinstance(constant, tuple) else (constant,):
            if isinstance(text, str) and text.isidentifier():
                yield text
    yield from (step.argval for step in get_instructions(code) if step.opname == "STORE_ATTR")


def _allowed(config: dict[str, Any], config_class: "type[PreTrainedConfig]") -> dict[str, Any]:
    _check_backbone(config)
    names = declared_keys(config_class) | _keys_of_flat_half(config, config_class)
    return {key: _value(key, value, config_class) for key, value in config.items() if key in names}


def _check_backbone(config: dict[str, Any]) -> None:
    backbone = config.get("backbone")
    if isinstance(backbone, str) and "/" in backbone and not config.get("backbone_config"):
        raise UnreadableError("incomplete_config", f"the backbone stands in another repository: {backbone!r}")


def _keys_of_flat_half(config: dict[str, Any], config_class: "type[PreTrainedConfig]") -> frozenset[str]:
    """Return the keys of the text half where it has no object of its own: older composites wrote them on top."""
    if config.get(_TEXT_HALF) is not None:
        return frozenset()
    half = _class_of(_TEXT_HALF, {}, config_class)
    return declared_keys(half) if half else frozenset()


def _value(key: str, value: Any, config_class: "type[PreTrainedConfig]") -> Any:
    if key == _PER_LAYER and isinstance(value, dict):
        return {layer: _layer(inner, config_class) for layer, inner in value.items()}
    if isinstance(value, list):
        value = [_value(key, inner, config_class) if isinstance(inner, dict) else inner for inner in value]
    elif isinstance(value, dict):
        inner_class = _class_of(key, value, config_class)
        value = _allowed(value, inner_class) if inner_class else _data(value)
    return modern_value(config_class, key, value)


def _layer(overrides: Any, config_class: "type[PreTrainedConfig]") -> Any:
    if not isinstance(overrides, dict):
        return overrides
    own = {key: value for key, value in overrides.items() if key in _LAYER_KEYS}
    return {**_allowed(overrides, config_class), **own}


def _data(value: Any) -> Any:
    """Return an object that is no config (label names, rotary parameters): plain JSON, without unsafe keys."""
    if isinstance(value, dict):
        return {key: _data(inner) for key, inner in value.items() if is_safe(key)}
    return [_data(inner) for inner in value] if isinstance(value, list) else value


def _class_of(
    key: str, value: dict[str, Any], config_class: "type[PreTrainedConfig]"
) -> "type[PreTrainedConfig] | None":
    """Return the class that an object under a key becomes: the declared one, else that of its own model type."""
    from transformers import PreTrainedConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    declared = config_class.sub_configs_defaults.get(key.removesuffix("_dict"))
    if declared is not None and issubclass(declared.config_class, PreTrainedConfig):
        return declared.config_class
    model_type = value.get("model_type", declared.model_type if declared else None)
    return CONFIG_MAPPING[model_type] if isinstance(model_type, str) and model_type in CONFIG_MAPPING else None
