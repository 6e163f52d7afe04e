"""Escaping is checked by a parser of its own: what it reads back must be the plain text, and nothing else."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from analysis.document import Bullets, Code, Column, Link, Picture, Strong, Subheading, Table, paragraph
from analysis.markdown import LONGEST_TEXT, WORD_JOINER, Page, escape, render_page
from pipeline.text import printable

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HOSTILE = st.text(
    st.one_of(
        st.sampled_from("|`*_[]()<>&!#~\\@:/.+-=$'\"{}\n\r\t\x00\x1b\u202e\u2028 ab1"), st.characters(codec="utf-8")
    ),
    max_size=60,
)
ATTACKS = (
    "a | b | c",
    "x\\| y",
    "![i](http://evil.example/x.png)",
    "[a](javascript:alert(1))",
    "<script>alert(1)</script>",
    "<https://evil.example>",
    "https://evil.example/x",
    "www.evil.example",
    "mail@evil.example",
    "@torvalds",
    "`code` | more",
    "::set-output name=x::y",
    "---\n\n# Owned\n",
    "1. one\n2. two",
    "&#124; &lt;b&gt;",
    "[x]: http://evil.example",
    "$\\frac{1}{2}$",
    "- item",
    "***bold***",
    "~~gone~~",
)
MARKUP = {
    "link_open",
    "html_inline",
    "code_inline",
    "em_open",
    "strong_open",
    "s_open",
    "image",
    "softbreak",
    "hardbreak",
}
# What GitHub turns into links beyond CommonMark (GFM 6.9) and mentions.
BARE_LINK = re.compile(r"(?i)(?<![\\])://|www\.|mailto:|@(?!\u2060)")


def inline_text(token: Token) -> str:
    return "".join(child.content for child in token.children or [])


def expected(text: str) -> str:
    """Return what a reader of the page sees, with what keeps it from being read as an address."""
    line = printable(text.encode("utf-8", "backslashreplace").decode(), LONGEST_TEXT).replace("@", "@" + WORD_JOINER)
    return re.sub("(?i)(www)(?=[.])", rf"\1{WORD_JOINER}", line.replace("://", f":{WORD_JOINER}//")).strip()


@settings(max_examples=400)
@given(HOSTILE)
@example("\ud800")
def test_a_parser_reads_back_the_plain_text(text: str) -> None:
    tokens = PARSER.parse("start " + escape(text))
    inline = [token for token in tokens if token.type == "inline"]
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert not MARKUP & {child.type for child in inline[0].children or []}
    assert inline_text(inline[0]) == f"start {expected(text)}".strip()


@given(st.one_of(HOSTILE, st.sampled_from(ATTACKS)))
def test_a_paragraph_never_becomes_another_block(text: str) -> None:
    tokens = PARSER.parse(escape(text))
    assert [token.type for token in tokens] in ([], ["paragraph_open", "inline", "paragraph_close"])


@given(st.lists(st.one_of(HOSTILE, st.sampled_from(ATTACKS)), min_size=3, max_size=9))
def test_hostile_cells_keep_the_columns(cells: list[str]) -> None:
    rows = tuple((cells[index], Strong(cells[index + 1]), cells[index + 2]) for index in range(0, len(cells) - 2, 3))
    table = Table((Column("a"), Column("b", numeric=True), Column("c")), rows)
    tokens = PARSER.parse(render_page(Page("t", "s", (("part", (table,)),), "")))
    types = [token.type for token in tokens]
    assert types.count("td_open") == 3 * len(rows)
    assert types.count("tr_open") == len(rows) + 1
    assert "html_block" not in types
    read = [inline_text(token) for token in tokens if token.type == "inline"][-3 * len(rows) :]
    # Bold text whose ends are punctuation keeps its stars in CommonMark; its text is there all the same.
    wanted = [expected(cell.text if isinstance(cell, Strong) else cell) for row in rows for cell in row]
    assert [text.strip("* ") for text in read] == [text.strip("* ") for text in wanted]


def test_attacks_leave_no_bare_link_and_no_mention() -> None:
    for attack in ATTACKS:
        assert not BARE_LINK.search(escape(attack)), attack


@given(HOSTILE)
def test_no_hostile_text_leaves_a_bare_link(text: str) -> None:
    assert not BARE_LINK.search(escape(text))


def test_our_own_commands_are_code() -> None:
    text = render_page(Page("t", "s", (("part", (paragraph("Run", Code("python a_b.py --prune")),)),), ""))
    [code] = [child for token in PARSER.parse(text) for child in token.children or [] if child.type == "code_inline"]
    assert code.content == "python a_b.py --prune"


@pytest.mark.parametrize("text", ["", "a`b", "a|b", "a\nb", "<b>", "\u202e"])
def test_text_from_outside_is_no_code(text: str) -> None:
    with pytest.raises(ValueError, match="no command of ours"):
        Code(text)


def test_a_page_shows_every_kind_of_block() -> None:
    picture = Picture("shape", "An alt | text", "n = 3.", (), lambda _: None)  # pyright: ignore[reportArgumentType]
    blocks = (
        Subheading("Sub"),
        paragraph("See", Link("the index", "README.md")),
        Bullets((("one", Strong("two")),)),
        Table((Column("name"), Column("n", numeric=True)), (("a|b", "1"),)),
        picture,
    )
    assert render_page(Page("Title", "stamp", (("Part", blocks),), "../")) == (
        "# Title\n\nstamp\n\n[Index](../README.md)\n\n"
        "## Part\n\n### Sub\n\nSee [the index](../README.md)\n\n- one **two**\n\n"
        "| name | n |\n| --- | ---: |\n| a&#124;b | 1 |\n\n"
        "![An alt &#124; text](../images/shape.png)\n\nn = 3. [numbers](../csv_data/shape.csv)\n"
    )


def test_a_long_page_begins_with_its_headings_as_github_calls_them() -> None:
    titles = ("One, two", "Size_3 & speed", "A|b", "Last")
    line = render_page(Page("t", "s", tuple((title, ()) for title in titles), "../")).split("\n")[4]
    links = [token for token in PARSER.parse(line)[1].children or [] if token.type == "link_open"]
    assert [link.attrs["href"] for link in links] == [
        "../README.md", "#one-two", "#size_3--speed", "#ab", "#last"
    ]  # fmt: skip
