"""What must hold for every file of a report, whatever texts the store holds. Each function returns what is wrong."""

import csv
import io
import json
import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

_PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_NEVER_OURS = ("html_block", "html_inline", "em_open", "s_open", "fence", "code_block", "blockquote_open", "hr",
               "ordered_list_open")  # fmt: skip
_COMMAND = re.compile("[A-Za-z0-9 .,/_-]+")
_PIPE = re.compile(r"(?<!\\)(?:\\\\)*\|")
# What readers of GitHub's markdown make links of in parsed text (GFM 6.9), and mentions.
_BARE_LINK = re.compile(r"(?i)://|www\.|mailto:\S*@\w|@(?!\u2060)")
# https://support.microsoft.com and OWASP: what makes a cell a formula, also in its wide form.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r")
_HIDDEN = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")


def problems(files: Mapping[str, bytes]) -> list[str]:
    """Return every problem as "path: what"."""
    found = []
    for path, content in files.items():
        for ending, check in _CHECKS.items():
            if path.endswith(ending):
                found += [f"{path}: {what}" for what in check(content.decode(), path, files)]
    return found


def unseen(text: str) -> Iterator[str]:
    """Find characters that steer a terminal, end a line or hide or reorder text."""
    for character in {*text} - {"\n"}:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or _HIDDEN.match(character):
            yield f"the character {character!r}"


def _markdown(text: str, path: str, files: Mapping[str, bytes]) -> Iterator[str]:
    if path.startswith("exports/cards/"):
        _, front, text = text.split("---\n", 2)
        yield from _front_matter(front)
    yield from _tables(text)
    yield from unseen(text.replace("\u2060", ""))
    for token in _tokens(_PARSER.parse(text)):
        if token.type in _NEVER_OURS or (token.type == "code_inline" and not _COMMAND.fullmatch(token.content)):
            yield f"{token.type}: {token.content[:80]!r}"
        if token.type == "text" and _BARE_LINK.search(token.content):
            yield f"an address: {token.content[:80]!r}"
        target = token.attrGet("href") or token.attrGet("src")
        if target is not None and _file_of(str(target), path) not in files:
            yield f"a link to {target!r}"


def _file_of(target: str, page: str) -> str:
    """Return the file that a link on a page leads to, without the heading in it."""
    bare = re.sub("#[a-z0-9_-]+$", "", target)
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), bare)) if bare else page


def _html(text: str, path: str, files: Mapping[str, bytes]) -> Iterator[str]:
    """Find the tags of the hostile texts; a web page has tests of its own in a browser."""
    yield from (f"the tag {tag!r}" for tag in ("<script>alert", "<img src=x", "<https:") if tag in text)


def _front_matter(text: str) -> Iterator[str]:
    if not isinstance(yaml.safe_load(text), dict):
        yield "front matter is no mapping"
    if not text.isascii() or re.search(r"[<>@|`\[\]*!]|://|(?i:www\.)", text):
        yield "front matter holds markup"


def _tables(text: str) -> Iterator[str]:
    """Count what divides cells in the source: a parser drops surplus cells and fills missing ones in."""
    columns = None
    for line in text.split("\n"):
        if not line.startswith("|"):
            columns = None
            continue
        count = len(_PIPE.findall(line))
        columns = columns or count
        if count != columns:
            yield f"{count} instead of {columns} dividers: {line[:80]!r}"


def _tokens(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _tokens(token.children or [])


def _csv(text: str, path: str, files: Mapping[str, bytes]) -> Iterator[str]:
    yield from unseen(text)
    rows = [*csv.reader(io.StringIO(text, newline=""))]
    if {len(row) for row in rows} - {len(rows[0])}:
        yield "rows of different lengths"
    if text.count("\n") != len(rows):
        yield "a cell with a line break"
    semicolons = (cell for line in text.splitlines() for cell in line.split(";")[1:])
    cells = [*(cell for row in rows for cell in row), *semicolons]
    yield from (f"a formula: {cell[:80]!r}" for cell in cells if _is_formula(cell))


def _is_formula(cell: str) -> bool:
    bare = cell.strip().lstrip('" ')
    return bare.startswith(_FORMULA) and not re.match(r"-?(\d|inf)", bare)


def _statistics(text: str, path: str, files: Mapping[str, bytes]) -> Iterator[str]:
    yield from unseen(text)
    if any(line.startswith("::") for line in text.split("\n")):
        yield "a line that GitHub's log reader obeys"


def _json(text: str, path: str, files: Mapping[str, bytes]) -> Iterator[str]:
    json.loads(text)
    yield from unseen(text)
    if "<" in text:
        yield "markup"


_CHECKS: Mapping[str, Callable[[str, str, Mapping[str, bytes]], Iterator[str]]] = {
    ".md": _markdown,
    ".csv": _csv,
    ".txt": _statistics,
    ".json": _json,
    ".html": _html,
}
