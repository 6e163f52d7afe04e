"""Functions of expressions; status functions are answered by the scope (`evaluation.Scope.status`)."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.workflows.errors import ExpressionError
from tools.workflows.expressions.values import Value, equal, from_json, primitive, string, to_json

STATUS = frozenset({"success", "failure", "always", "cancelled"})
HASH_FILES = "hashfiles"
FIELD = re.compile(r"\{\{|\}\}|\{(\d+)\}|[{}]", re.ASCII)


@dataclass(frozen=True)
class Function:
    """A function of values and how many it takes."""

    answer: Callable[[list[Value]], Value]
    fewest: int
    most: int


def contains(given: list[Value]) -> Value:
    """Tell whether a text has a part, without case, or an array an equal item."""
    where, what = given
    if isinstance(where, list):
        return any(equal(item, what) for item in where)
    return primitive(where) and primitive(what) and string(what).upper() in string(where).upper()


def starts_with(given: list[Value]) -> Value:
    """Compare beginnings without case."""
    return all(map(primitive, given)) and string(given[0]).upper().startswith(string(given[1]).upper())


def ends_with(given: list[Value]) -> Value:
    """Compare ends without case."""
    return all(map(primitive, given)) and string(given[0]).upper().endswith(string(given[1]).upper())


def formatted(given: list[Value]) -> Value:
    """Replace {N} by the N-th argument; {{ and }} are braces."""

    def field(match: re.Match[str]) -> str:
        if match[1] is None:
            if len(match[0]) == 1:
                raise ExpressionError(f"format: a single brace in {string(given[0])!r:.200}")
            return match[0][0]
        if len(match[1]) > 3 or int(match[1]) + 1 >= len(given):
            raise ExpressionError(f"format: {match[0]:.20} has no argument")
        return string(given[int(match[1]) + 1])

    return FIELD.sub(field, string(given[0]))


def joined(given: list[Value]) -> Value:
    """Join an array's items, by a comma unless told."""
    separator = string(given[1]) if len(given) > 1 and primitive(given[1]) else ","
    if isinstance(given[0], list):
        return separator.join(map(string, given[0]))
    return string(given[0]) if primitive(given[0]) else ""


FUNCTIONS: dict[str, Function] = {
    "contains": Function(contains, 2, 2),
    "startswith": Function(starts_with, 2, 2),
    "endswith": Function(ends_with, 2, 2),
    "format": Function(formatted, 1, 255),
    "join": Function(joined, 1, 2),
    "tojson": Function(lambda given: to_json(given[0]), 1, 1),
    "fromjson": Function(lambda given: from_json(string(given[0])), 1, 1),
}


def hash_files(folder: Path, patterns: list[str]) -> str:
    """Return SHA-256 over the files' SHA-256 in order of their paths; '' if none matches. `!` takes files out."""
    chosen: set[Path] = set()
    for pattern in patterns:
        try:
            found = {path for path in folder.glob(pattern.removeprefix("!")) if path.is_file()}
        except (ValueError, NotImplementedError, IndexError) as error:
            raise ExpressionError(f"hashFiles: {error}") from None
        chosen = chosen - found if pattern.startswith("!") else chosen | found
    if not chosen:
        return ""
    digest = hashlib.sha256()
    for path in sorted(chosen):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
