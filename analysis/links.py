"""Links of a page to files that the report has; those to any other file become plain text."""

from collections.abc import Container
from dataclasses import replace

from analysis.document import Block, Bullets, Inline, Joined, Link, Paragraph, Table


def only_existing(block: Block, paths: Container[str]) -> Block:
    """Return the block with the links to `paths` alone; an item of a list that starts with another link is left out."""
    match block:
        case Paragraph(spans):
            return Paragraph(_spans(spans, paths))
        case Bullets(items):
            return Bullets(tuple(_spans(item, paths) for item in items if _leads(item[0], paths)))
        case Table(_, rows):
            return replace(block, rows=tuple(_spans(row, paths) for row in rows))
        case _:
            return block


def _leads(span: Inline, paths: Container[str]) -> bool:
    return not isinstance(span, Link) or _file(span) in paths


def _spans(spans: tuple[Inline, ...], paths: Container[str]) -> tuple[Inline, ...]:
    return tuple(_span(span, paths) for span in spans)


def _span(span: Inline, paths: Container[str]) -> Inline:
    match span:
        case Link():
            return _link(span, paths)
        case Joined(parts):
            kept = tuple(_link(part, paths) if isinstance(part, Link) else part for part in parts)
            return replace(span, parts=kept)
        case _:
            return span


def _link(link: Link, paths: Container[str]) -> Link | str:
    return link if _file(link) in paths else link.text


def _file(link: Link) -> str:
    return link.target.split("#", maxsplit=1)[0]
