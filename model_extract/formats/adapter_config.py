"""adapter_config.json: what an adapter of the PEFT library changes in which model.

https://huggingface.co/docs/peft/developer_guides/checkpoint
"""

from dataclasses import dataclass
from typing import Any

from model_extract.failures import UnreadableError
from model_extract.formats.json_bytes import JsonRules, parse_object

MAX_FILE_BYTES = 1_000_000
_MOST_TARGETS = 10_000
_LONGEST_TEXT = 10_000  # characters; a pattern that lists every layer has some thousands
_RULES = JsonRules("adapter_config.json", MAX_FILE_BYTES, malformed="bad_config", too_big="config_too_big")


@dataclass(frozen=True)
class AdapterConfig:
    """An adapter; None = not stated. `target_modules` are the ends of modules' names, or one text, a pattern."""

    peft_type: str | None
    base_model: str | None
    rank: int | None
    alpha: float | None
    target_modules: tuple[str, ...] | str | None
    task_type: str | None


def parse_adapter_config(content: bytes) -> AdapterConfig:
    """Return what an adapter_config.json says. Raises `UnreadableError` with `bad_config` or `config_too_big`.

    `base_model` is text from outside: a repository's name, or any path on somebody's machine.
    """
    document = parse_object(content, _RULES)
    return AdapterConfig(
        peft_type=_text(document, "peft_type"),
        base_model=_text(document, "base_model_name_or_path"),
        rank=_rank(document),
        alpha=_alpha(document),
        target_modules=_targets(document),
        task_type=_text(document, "task_type"),
    )


def _text(document: dict[str, Any], key: str) -> str | None:
    value = document.get(key)
    if value is not None and not (isinstance(value, str) and len(value) <= _LONGEST_TEXT):
        raise _bad(key, f"a text of up to {_LONGEST_TEXT:,} characters", value)
    return value


def _rank(document: dict[str, Any]) -> int | None:
    value = document.get("r")
    if value is not None and not (_is_number(value) and isinstance(value, int)):
        raise _bad("r", "a number of at least 0", value)
    return value


def _alpha(document: dict[str, Any]) -> float | None:
    value = document.get("lora_alpha")
    if value is not None and not _is_number(value):
        raise _bad("lora_alpha", "a number of at least 0", value)
    return None if value is None else float(value)


def _is_number(value: Any) -> bool:
    # NaN is not less than anything.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**31


def _targets(document: dict[str, Any]) -> tuple[str, ...] | str | None:
    value = document.get("target_modules")
    if not isinstance(value, list):
        return _text(document, "target_modules")
    if len(value) > _MOST_TARGETS or not all(isinstance(name, str) for name in value):
        raise _bad("target_modules", f"up to {_MOST_TARGETS:,} names", value)
    return tuple(value)


def _bad(key: str, expected: str, value: Any) -> UnreadableError:
    return UnreadableError("bad_config", f"{key}: expected {expected}, got {repr(value)[:100]}")
