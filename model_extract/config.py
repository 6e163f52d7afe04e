"""Reading a config.json: from bytes nobody vouches for to a dictionary that is safe to build from."""

import json
import re
from typing import Any

from model_extract.failures import UnreadableError
from store.provenance import content_hash

CONFIG_BYTES = 4_000_000  # a config.json has a few kB; the largest real ones, with 2.4 MB, list label names
_DEEPEST = 40  # levels of nesting
_KEY = re.compile(r"[A-Za-z0-9<|][ -~]{0,199}")
# Keys that say where a config comes from or how its numbers are stored, not what is built.
_VOLATILE = frozenset({"transformers_version", "torch_dtype", "dtype", "use_pretrained_backbone", "name_or_path"})
OWN_CODE = "auto_map"  # key that names the repository's own code
# Keys that would load code, kernels or quantised layers. `_attn_implementation`, which named code to download in a
# hole of 2026, starts with an underscore: no such key is passed on.
_DANGEROUS = frozenset({OWN_CODE, "custom_pipelines", "trust_remote_code", "code_revision", "quantization_config"})


def parse_config(content: bytes) -> dict[str, Any]:
    """Return the JSON object in `content` (UTF-8, a byte order mark is accepted).

    Raises `UnreadableError` with `bad_config`, or `config_too_big` above `CONFIG_BYTES`.
    """
    if len(content) > CONFIG_BYTES:
        raise UnreadableError("config_too_big", f"config.json has more than {CONFIG_BYTES:,} bytes")
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # ValueError: bad UTF-8, bad JSON, a number of thousands of digits
        raise UnreadableError("bad_config", f"no valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise UnreadableError("bad_config", f"expected a JSON object, got {type(value).__name__}")
    return value


def canonical_config(config: dict[str, Any]) -> dict[str, Any]:
    """Return what of a config decides the outcome: volatile and dangerous keys dropped at every level.

    That a repository brings code of its own stays visible as `auto_map: true`; where the code is, is dropped.
    Raises `UnreadableError` with `bad_config` when it is nested too deeply.
    """
    marker = {OWN_CODE: True} if OWN_CODE in config else {}
    return {**_clean(config, 0), **marker}


def config_hash(canonical: dict[str, Any]) -> str:
    """Return the hash of a canonical config."""
    return content_hash(canonical)


def is_safe(key: str) -> bool:
    """Return whether a key may be passed on: named plainly, loading no code, no kernels and no quantised layers."""
    named_safely = _KEY.fullmatch(key) is not None and not key.endswith("_implementation")
    return named_safely and key not in _VOLATILE and key not in _DANGEROUS


def _clean(value: Any, level: int) -> Any:
    if level > _DEEPEST:
        raise UnreadableError("bad_config", f"nested more than {_DEEPEST} levels deep")
    if isinstance(value, dict):
        return {key: _clean(inner, level + 1) for key, inner in value.items() if is_safe(key)}
    if isinstance(value, list):
        return [_clean(inner, level + 1) for inner in value]
    return value
