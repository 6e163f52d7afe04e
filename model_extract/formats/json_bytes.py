"""From bytes nobody vouches for to JSON values (RFC 8259), with limits that hold before anything is parsed."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from model_extract.failures import UnreadableError
from store.records import ExtractionReason

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_NO_STRUCTURE = bytes(set(range(256)) - set(b"[]{},:"))
# Brackets, commas and colons, and quotes: an object of four such signs becomes one of some 200 bytes. A safetensors
# header has some 15 a tensor.
_MOST_SIGNS = 4_000_000


@dataclass(frozen=True)
class JsonRules:
    """What one kind of document may be, and the reasons for refusing it.

    Strict means as RFC 8259 has it, with unique names: a byte order mark, NaN, Infinity, half of a surrogate pair and
    two equal keys in one object are refused. Otherwise they pass, and of equal keys the last one counts.
    """

    what: str
    max_bytes: int
    malformed: ExtractionReason
    too_big: ExtractionReason
    max_depth: int = 40
    strict: bool = True


def parse_object(content: bytes, rules: JsonRules) -> dict[str, Any]:
    """Return the JSON object in `content`. Raises `UnreadableError` with the rules' reasons."""
    value = parse_json(content, rules)
    if not isinstance(value, dict):
        raise UnreadableError(rules.malformed, f"{rules.what}: expected a JSON object, got {type(value).__name__}")
    return value


def parse_json(content: bytes, rules: JsonRules) -> Any:
    """Return the JSON value in `content` (UTF-8). Raises `UnreadableError` with the rules' reasons."""
    if len(content) > rules.max_bytes:
        raise UnreadableError(rules.too_big, f"{rules.what} has more than {rules.max_bytes:,} bytes")
    _check_structure(content, rules)
    try:
        if rules.strict:
            return _parse_strictly(content)
        return json.loads(content.decode("utf-8-sig"))
    except ValueError as error:  # bad UTF-8, bad JSON, a number of thousands of digits
        raise UnreadableError(rules.malformed, f"{rules.what} is no valid JSON: {error}") from error


def _check_structure(content: bytes, rules: JsonRules) -> None:
    """Refuse what is nested too deeply, is not balanced, or would become too many objects."""
    if content.count(b'"') > _MOST_SIGNS:
        raise UnreadableError(rules.too_big, f"{rules.what} has more than {_MOST_SIGNS:,} quotes")
    structure = _outside_strings(content).translate(None, _NO_STRUCTURE)
    if len(structure) > _MOST_SIGNS:
        raise UnreadableError(rules.too_big, f"{rules.what} has more than {_MOST_SIGNS:,} brackets, commas and colons")
    if not _is_balanced(structure.translate(None, b",:"), rules.max_depth):
        detail = f"{rules.what} is no valid JSON: brackets do not match or nest more than {rules.max_depth} levels deep"
        raise UnreadableError(rules.malformed, detail)


def _outside_strings(content: bytes) -> bytes:
    """Return a JSON text without its strings; right up to the first place where it is no JSON."""
    if b"\\" in content:  # pairs of backslashes first: what then stands before a quote escapes it
        content = content.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(content.split(b'"')[::2])


def _is_balanced(brackets: bytes, max_depth: int) -> bool:
    """Return whether brackets match in pairs, at most `max_depth` levels deep: each round takes the innermost away."""
    for _ in range(max_depth):
        if not brackets:
            break
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return not brackets


def _parse_strictly(content: bytes) -> Any:
    value = json.loads(content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    if _SURROGATE.search(content):
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # a UnicodeEncodeError is a ValueError
    return value


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("two equal keys in one object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
