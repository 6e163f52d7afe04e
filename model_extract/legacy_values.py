"""Older spellings of config values, read as today's transformers wants them.

transformers 5 checks each field against its declared type and refuses what versions up to 4 took as it came. A value is
only touched where the class itself refuses it, and only where another reading of the same value is accepted:

    text that spells a literal   "True", "None", "1e-5": str() of a Python value, or YAML 1.1, whose floats need a dot,
                                 turned into JSON (https://yaml.org/type/float.html)
    1 for 1.0, 4096.0 for 4096   JSON has one kind of number (RFC 8259, section 6)
    several ids for one token    written before generation had a file of its own; the first one stands. Ids say how text
                                 is generated and shape no module

One name is replaced whatever the class says of it:

    rope type "mrope"            transformers' own classes of Qwen2-VL, for which it was made, read it as "default"
                                 (huggingface/transformers#33401): the usual angles, dealt out by sections. Copied into
                                 configs of other types it names nothing; angles have no parameters
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

_LITERALS = {"true": True, "false": False, "none": None, "null": None}
_LONGEST_LITERAL = 40  # characters
_LARGEST_EXACT = 2**53  # of the whole numbers that a float holds exactly
_ROPE_FIELD = "rope_parameters"
_ROPE_KEYS = frozenset({_ROPE_FIELD, "rope_scaling"})
_ROPE_TYPE_KEYS = ("rope_type", "type")
_ROPE_NAMES = {"mrope": "default"}
_TOKEN_ID = "_token_id"  # noqa: S105  # the ending of a key, no secret


def modern_value(config_class: "type[PreTrainedConfig]", key: str, value: Any) -> Any:
    """Return a key's value, or the reading of it that the config class accepts where it refuses the value itself."""
    if key in _ROPE_KEYS and isinstance(value, dict):
        return _modern_rope(value)
    field = _ROPE_FIELD if key in _ROPE_KEYS else config_class.attribute_map.get(key, key)
    if _accepts(config_class, field, value):
        return value
    return next((reading for reading in _readings(key, value) if _accepts(config_class, field, reading)), value)


def _modern_rope(parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _ROPE_NAMES.get(value, value) if key in _ROPE_TYPE_KEYS and isinstance(value, str) else value
        for key, value in parameters.items()
    }


def _accepts(config_class: "type[PreTrainedConfig]", field: str, value: Any) -> bool:
    """Return whether a value passes a field's validators; what is no field has none and takes anything.

    `__validators__` is what `huggingface_hub.dataclasses.strict` keeps of each field.
    """
    for validator in getattr(config_class, "__validators__", {}).get(field, ()):
        try:
            validator(value)
        except (TypeError, ValueError):
            return False
    return True


def _readings(key: str, value: Any) -> Iterator[Any]:
    """Yield other values that the same JSON can have meant."""
    if isinstance(value, str) and len(value) <= _LONGEST_LITERAL:
        yield from _literals(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield float(value) if abs(value) <= _LARGEST_EXACT else value
    elif isinstance(value, float) and value.is_integer():
        yield int(value)
    elif isinstance(value, list) and value and key.endswith(_TOKEN_ID):
        yield value[0]


def _literals(text: str) -> Iterator[Any]:
    if text.lower() in _LITERALS:
        yield _LITERALS[text.lower()]
    for number in (int, float):
        with suppress(ValueError):
            yield number(text)
