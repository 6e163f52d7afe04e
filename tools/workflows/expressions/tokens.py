"""Tokens of an expression."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tools.workflows.errors import ExpressionError
from tools.workflows.expressions.values import number_of_text

LONGEST = 21_000  # characters; GitHub's limit
Kind = Literal["string", "number", "name", "sign", "end"]
PATTERN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<string>'(?:[^']|'')*')"
    r"|(?P<number>(?:[-+]?(?:\d|\.\d)|-(?=Infinity\b))[\w.]*(?:(?<=[eE])[-+]\w+)?)"
    r"|(?P<name>[A-Za-z_][\w-]*)"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|[<>!()\[\].,*])",
    re.ASCII,
)


@dataclass(frozen=True)
class Token:
    """One token; `text` of a string is without its quotes."""

    kind: Kind
    text: str
    position: int


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens and one of kind "end"."""
    if len(text) > LONGEST:
        raise ExpressionError(f"expected at most {LONGEST} characters, got {len(text)}")
    position = 0
    while position < len(text):
        match = PATTERN.match(text, position)
        if match is None:
            hint = "; texts stand in single quotes" if text[position] in "\"'" else ""
            raise ExpressionError(f"unexpected {text[position]!r} at {position} of {text!r:.200}{hint}")
        position = match.end()
        if match.lastgroup != "space":
            yield token_of(match)
    yield Token("end", "", position)


def token_of(match: re.Match[str]) -> Token:
    """Turn a match into its token."""
    text = match.group()
    if match.lastgroup == "string":
        return Token("string", text[1:-1].replace("''", "'"), match.start())
    if match.lastgroup == "number":
        value = number_of_text(text)
        if value != value:
            raise ExpressionError(f"expected a number, got {text!r:.80}")
        return Token("number", text, match.start())
    return Token("name" if match.lastgroup == "name" else "sign", text, match.start())
