"""A whole report of a store in which everything from outside is hostile: nothing of it becomes markup anywhere.

`pytest -m long tests/analysis/test_hostile_report.py` puts 10,000 texts through it, pictures drawn.
"""

import io
import json
import re
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from analysis.__main__ import app
from analysis.build import build_report
from analysis.document import Column, Statistics, Strong, Table, paragraph
from analysis.exports.front_matter import front_matter
from analysis.markdown import Page, render_page
from analysis.section import Answers
from analysis.tabular import csv_text, statistics_text
from pipeline.progress import JsonProgress, PlainProgress, Progress, TerminalProgress
from store import Store
from tests.analysis.report_checks import problems, unseen
from tests.analysis.synthetic_hostile import HOSTILE, fill_plain, outside_texts, plant

A_DRAW = 20


@dataclass(frozen=True)
class TextRow:
    """A row of a CSV file."""

    text: str
    again: list[str]


def hostile_texts(count: int) -> list[str]:
    """Return that many different texts that Hypothesis draws, the same ones each time."""
    drawn: dict[str, None] = {}

    patient = settings(max_examples=count // 4, deadline=None, suppress_health_check=[HealthCheck.too_slow])

    @settings(patient, database=None, derandomize=True)
    @given(st.lists(HOSTILE, min_size=A_DRAW, max_size=A_DRAW, unique=True))
    def draw(texts: list[str]) -> None:
        drawn.update(dict.fromkeys(texts))

    draw()
    assert len(drawn) >= count
    return [*drawn][-count:]  # the first draws are the simplest


def files_of(texts: Sequence[str]) -> dict[str, bytes]:
    """Return the report of a store in which the texts stand wherever text comes from outside."""
    with Store.open(None) as store:
        fill_plain(store)
        plant(store, texts)
        return build_report(Answers(store), PlainProgress())


def written(texts: Sequence[str]) -> dict[str, bytes]:
    """Return what every writer makes of every text."""
    cells = tuple((text, Strong(text), text) for text in texts)
    table = Table((Column("a"), Column("b", numeric=True), Column("c")), cells)
    parts = (("Table", (table,)), *((text, (paragraph(text),)) for text in texts))
    statistics = Statistics("s", "Texts", ("a", "b"), tuple((text, text) for text in texts))
    cards = {f"exports/cards/{n}.md": f"{front_matter({'name': text})}\n" for n, text in enumerate(texts)}
    pages = {
        "README.md": render_page(Page("t", "s", parts, "")),
        "csv_data/a.csv": csv_text([TextRow(text, [text, text]) for text in texts]),
        "statistics_txt/s.txt": statistics_text(statistics),
    }
    return {path: text.encode() for path, text in {**pages, **cards}.items()}


def spoken(progress: Progress, texts: Sequence[str]) -> None:
    for text in texts:
        progress.result(text, name=text)
        progress.note(text)
        progress.error(text)


def said(texts: Sequence[str]) -> str:
    """Return what every kind of progress prints of the texts."""
    with redirect_stdout(io.StringIO()) as output, redirect_stderr(io.StringIO()) as errors:
        for progress in (PlainProgress(), TerminalProgress(), JsonProgress()):
            spoken(progress, texts)
    return output.getvalue() + errors.getvalue()


def steering(shown: str) -> list[str]:
    """Return the lines that a terminal or GitHub's log reader would obey."""
    lines = shown.split("\n")
    return [line for line in lines if line.lstrip().startswith("::") or "##[" in line or [*unseen(line)]]


@pytest.fixture(scope="module")
def few() -> list[str]:
    return hostile_texts(240)


def test_no_file_of_a_report_carries_markup_from_outside(few: list[str]) -> None:
    files = files_of(few)
    assert problems(files) == []
    shown = sum(files[path].decode().count("script&gt;") for path in files if path.endswith(".md"))
    assert shown > 10, "hostile texts have to be in the report for this to say anything"


def test_no_writer_lets_markup_through(few: list[str]) -> None:
    assert problems(written(few)) == []


def test_nothing_printed_steers_a_terminal_or_a_log(few: list[str]) -> None:
    assert steering(said(few)) == []


def test_writing_a_hostile_report_prints_nothing_that_steers(few: list[str], tmp_path: Path) -> None:
    with Store.open(tmp_path / "hostile.duckdb") as store:
        fill_plain(store)
        plant(store, few)
    flags = ["--store", str(tmp_path / "hostile.duckdb"), "--output-dir", str(tmp_path / "out"), "-v", "--json"]
    answer = CliRunner().invoke(app, ["run", *flags])
    assert answer.exit_code == 0, answer.output
    assert steering(answer.output) == []
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert problems({path: (tmp_path / "out" / path).read_bytes() for path in manifest["files"]}) == []


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("drawn")
def test_ten_thousand_texts_leave_no_markup() -> None:
    texts = hostile_texts(10_000)
    assert problems(written(texts)) == []
    assert steering(said(texts)) == []
    with Store.open(None) as store:
        fill_plain(store)
        size = len(outside_texts(store))
    for start in range(0, len(texts), size):
        assert problems(files_of(texts[start : start + size])) == []


@pytest.mark.peer
def test_the_parser_of_github_finds_no_foreign_link_and_no_tag(few: list[str]) -> None:
    """Parse with cmark-gfm (package cmarkgfm), extensions and raw HTML on."""
    import cmarkgfm  # pyright: ignore[reportMissingImports]
    from cmarkgfm.cmark import Options  # pyright: ignore[reportMissingImports]

    ours = {"a", "code", "em", "h1", "h2", "h3", "img", "li", "p", "strong", "ul"}
    ours |= {"table", "tbody", "td", "th", "thead", "tr"}
    for path, content in {**files_of(few), **written(few)}.items():
        if path.endswith(".md"):
            text = content.decode().split("---\n", 2)[-1] if path.startswith("exports/cards/") else content.decode()
            html = cmarkgfm.github_flavored_markdown_to_html(text, options=Options.CMARK_OPT_UNSAFE)
            assert {*re.findall(r"</?([^\s>]+)", html)} <= ours, path
            for target in re.findall(r'(?:href|src)="([^"]*)"', html):
                assert re.fullmatch(r"[\w./#-]+", target), (path, target)
