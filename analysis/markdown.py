"""The document model as GitHub-flavoured markdown. Everything that is not markup by type is escaped.

References: https://github.github.com/gfm/ (tables 4.10, autolinks 6.9), https://spec.commonmark.org/0.31.2/.
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from analysis.document import (
    Block,
    Bullets,
    Code,
    Inline,
    Joined,
    Link,
    Number,
    Paragraph,
    Picture,
    Statistics,
    Strong,
    Subheading,
    Table,
)
from pipeline.text import printable

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_TEXT = 300
# Pages of so many sections begin with the list of them.
LONG_PAGE = 4
# Keeps an @, a :// and a www. from being read as a mention or an address, also by a reader that looks for addresses in
# the parsed text; takes no room.
WORD_JOINER = "\u2060"

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;"}
_SPECIAL = re.compile(r"[\\`*_\[\]~$]")
_LEADING = re.compile(r"^(\s*)([#+=:-])")
_LEADING_NUMBER = re.compile(r"^(\s*\d+)([.)])(?=\s|$)")


class Markdown(str):
    """Text that is markdown already: the environment writes it as it is."""

    __slots__ = ()


class Page(NamedTuple):
    """One report file: parts are (title, blocks)."""

    title: str
    stamp: str
    parts: tuple[tuple[str, tuple[Block, ...]], ...]
    root: str  # the way from this file to the report's root: "" or "../"


def escape(text: str) -> str:
    """Return plain text that every markdown reader shows as it is: no markup, no link, no mention, one line."""
    line = printable(text.encode("utf-8", "backslashreplace").decode("utf-8"), LONGEST_TEXT)
    line = _SPECIAL.sub(lambda match: "\\" + match.group(), line)
    line = "".join(_ENTITIES.get(character, character) for character in line)
    line = _LEADING_NUMBER.sub(r"\1\\\2", _LEADING.sub(r"\1\\\2", line))
    line = re.sub(r":(?=//)", rf"\\:{WORD_JOINER}", line)
    line = re.sub(r"(?i)\b(mailto|xmpp):", r"\1\\:", line)
    line = re.sub(r"(?i)(www)\.", rf"\1{WORD_JOINER}\\.", line)
    return line.replace("@", "@" + WORD_JOINER).strip()


def render_page(page: Page) -> str:
    """Return the text of a report file."""
    text = _environment().get_template("page.md.j2").render(page=page)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(  # noqa: S701  # HTML escaping is the wrong one here; `finalize` escapes for markdown
        loader=FileSystemLoader(TEMPLATES),
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["block"] = _block
    environment.filters["navigation"] = _navigation
    return environment


def _navigation(page: Page) -> Markdown:
    """Return the way back to the index and, of a long page, the headings on it."""
    titles = [title for title, _ in page.parts] if len(page.parts) >= LONG_PAGE else []
    back = [f"[Index]({page.root}README.md)"] if page.root else []
    return Markdown(
        " · ".join([*back, *(f"[{escape(title)}](#{_anchor(title)})" for title in titles if _anchor(title))])
    )


def _anchor(title: str) -> str:
    """Return what GitHub calls a heading: lower case, hyphens for spaces, nothing else but letters and digits."""
    return re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")


def _finalize(value: Any) -> str:
    return value if isinstance(value, Markdown) else escape(str(value))


def _block(block: Block, root: str) -> Markdown:
    """Return one block as markdown."""
    match block:
        case Paragraph(spans):
            return Markdown(_inline(spans, root))
        case Bullets(items):
            return Markdown("\n".join(f"- {_inline(item, root)}" for item in items))
        case Subheading(text):
            return Markdown(f"### {escape(text)}")
        case Table():
            return Markdown(_table(block, root))
        case Picture():
            return Markdown(_picture(block, root))
        case Statistics(name, title):
            return Markdown(f"{escape(title)}: [{name}.txt]({root}statistics_txt/{name}.txt)")


def _inline(spans: Iterable[Inline], root: str) -> str:
    return " ".join(_span(span, root) for span in spans)


def _span(span: Inline, root: str) -> str:
    match span:
        case Strong(text):
            return f"**{escape(text)}**"
        case Link(text, target):
            return f"[{escape(text)}]({root}{target})"
        case Code(text):
            return f"`{text}`"
        case Number(text):
            return escape(text)
        case Joined(parts, strong):
            written = "".join(_part(part, root) for part in parts)
            return f"**{written}**" if strong else written
        case str():
            return escape(span)


def _part(part: str | Number | Link, root: str) -> str:
    """Return a part of a joined span with the spaces at its ends, which `escape` takes away."""
    if not isinstance(part, str):
        return _span(part, root)
    inner = part.strip(" ")
    before = len(part) - len(part.lstrip(" "))
    return " " * before + escape(inner) + " " * (len(part) - before - len(inner))


def _table(table: Table, root: str) -> str:
    head = " | ".join(escape(column.title) for column in table.columns)
    rule = " | ".join("---:" if column.numeric else "---" for column in table.columns)
    rows = (" | ".join(_span(cell, root) for cell in row) for row in table.rows)
    return "\n".join(f"| {line} |" for line in (head, rule, *rows))


def _picture(picture: Picture, root: str) -> str:
    image = f"![{escape(picture.alt)}]({root}images/{picture.name}.png)"
    numbers = f"[numbers]({root}csv_data/{picture.name}.csv)"
    return f"{image}\n\n{escape(picture.caption)} {numbers}"
