"""Options of an analysis: from what a file or a flag says into its frozen dataclass, strictly."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import UsageError, unknown_name
from pruning.analyses.records import Analysis


def read_options(analysis: Analysis[Any], given: Mapping[str, Any]) -> Any:
    """Return the options of an analysis; what is not given has its default. Lists become tuples.

    Raises `UsageError` for an unknown name, with near matches, for a value of another type and for a list that names
    something twice.
    """
    known = [field.name for field in fields(analysis.options)]
    for name in given:
        if name not in known:
            raise unknown_name(f"option of {analysis.name}", str(name), known)
    try:
        # JSON, because its strict mode takes a list for a tuple and a whole number for a fraction, and nothing else.
        text = json.dumps(given, default=str, allow_nan=False)
        options = TypeAdapter(analysis.options).validate_json(text, strict=True)
    except ValidationError as error:
        raise UsageError("\n".join(_explain(analysis, problem) for problem in error.errors())) from error
    except ValueError as error:
        raise UsageError(f"options of {analysis.name}: expected finite numbers ({error})") from error
    for name in known:
        _check_once(f"{analysis.name}.{name}", getattr(options, name))
    return options


def read_flag(analysis: Analysis[Any], name: str, text: str) -> Any:
    """Return the value that a flag writes: as in TOML, bare words as text, and words with commas as a list."""
    annotation = get_type_hints(analysis.options).get(name)
    listed = get_origin(annotation) is tuple
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    if isinstance(value, str) and listed:
        return [_word(annotation, part.strip()) for part in value.split(",") if part.strip()]
    return [value] if listed and not isinstance(value, list) else value


def options_json(values: Any) -> str:
    """Return options, or a mapping of some of them, as canonical JSON: keys sorted, no spaces."""
    plain = values if isinstance(values, Mapping) else asdict(values)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _check_once(name: str, value: Any) -> None:
    """Raise `UsageError` for a list with an element that stands there twice."""
    if isinstance(value, tuple) and len(set(value)) < len(value):
        raise UsageError(f"option {name}: expected each once, got {', '.join(map(str, value))}")


def _word(annotation: Any, text: str) -> Any:
    """Return one element of a list: a number where the list holds numbers."""
    try:
        return text if str in get_args(annotation) else json.loads(text)
    except ValueError:
        return text


def _explain(analysis: Analysis[Any], problem: Any) -> str:
    place, given = problem["loc"], problem.get("input")
    name = str(place[0]) if place else ""
    expected = _type_text(get_type_hints(analysis.options).get(name))
    return f"option {analysis.name}.{name}: expected {expected}, got {given!r} ({problem['msg']})"


def _type_text(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)
