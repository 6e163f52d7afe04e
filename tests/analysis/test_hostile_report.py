"""A whole report of a store in which everything from outside is hostile: nothing of it becomes markup anywhere.

`pytest -m long tests/analysis/test_hostile_report.py` puts 10,000 texts through it.
"""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from typer.testing import CliRunner

from analysis.__main__ import app
from analysis.build import build_report
from analysis.notebook import notebook_bytes
from analysis.section import Answers
from pipeline.progress import JsonProgress, PlainProgress, Progress, TerminalProgress
from store import Store
from tests.analysis.report_checks import problems
from tests.analysis.synthetic_hostile import HOSTILE, chunks, fill_plain, outside_texts, plant


def hostile_texts(count: int) -> list[str]:
    """Return that many different texts that Hypothesis draws, the same ones each time."""
    drawn: dict[str, None] = {}

    @settings(max_examples=count, database=None, derandomize=True, suppress_health_check=[*HealthCheck])
    @given(HOSTILE)
    def draw(text: str) -> None:
        drawn[text] = None

    while len(drawn) < count:
        before = len(drawn)
        draw()
        if len(drawn) == before:  # the same draws again: what is missing is told apart by a number
            drawn.update(dict.fromkeys(f"{text}{place}" for place, text in enumerate([*drawn][: count - before])))
    return [*drawn]


def files_of(texts: Sequence[str]) -> dict[str, bytes]:
    with Store.open(None) as store:
        fill_plain(store)
        plant(store, texts)
        return build_report(Answers(store), PlainProgress())


def n_outside() -> int:
    with Store.open(None) as store:
        fill_plain(store)
        return len(outside_texts(store))


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take most of the time; one test draws them."""
    monkeypatch.setattr("analysis.build.render_png", lambda picture: b"png")


@pytest.mark.usefixtures("undrawn")
def test_no_file_of_a_report_carries_markup_from_outside() -> None:
    texts = hostile_texts(n_outside())
    files = files_of(texts)
    assert problems(files) == []
    assert len(files) > 80


@pytest.mark.long
@pytest.mark.usefixtures("undrawn")
def test_ten_thousand_texts_leave_no_markup() -> None:
    texts, size = hostile_texts(10_000), n_outside()
    for part in chunks(texts, size):
        assert problems(files_of(part)) == []
