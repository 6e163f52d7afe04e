"""What is printed cannot steer a terminal or a log reader."""

import io
import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.progress import JsonProgress, PlainProgress
from pipeline.registry import Registry
from pipeline.text import count_of, printable


@given(st.text(st.characters()))
def test_printable_text_is_one_harmless_line(text: str) -> None:
    shown = printable(text, limit=80)
    assert len(shown) <= 80
    assert all(ord(character) >= 32 and not 127 <= ord(character) <= 159 for character in shown)
    assert not shown.lstrip().startswith("::")
    assert "##[" not in shown
    assert not {"\u202e", "\u061c", "\xad", "\U000e0041"} & {*shown}


def test_an_escape_sequence_is_shown_as_text() -> None:
    assert printable("\x1b[31mred\nnext") == "\\x1b[31mred\\nnext"


def test_a_log_line_never_starts_a_command() -> None:
    stream = io.StringIO()
    PlainProgress(errors=stream).note("  ::set-output name=x::y")
    assert "::set-output" not in stream.getvalue().splitlines()[0].lstrip()[:4] + "|"
    assert stream.getvalue().lstrip().startswith(": :set-output")


def test_the_older_form_of_a_command_is_broken_up_anywhere() -> None:
    assert printable("a model ##[set-output name=x]y") == "a model ## [set-output name=x]y"


def test_json_lines_hold_no_command_and_read_back(capsys: pytest.CaptureFixture[str]) -> None:
    JsonProgress().result("", name="a ##[set-output name=x]y")
    line = capsys.readouterr().out
    assert "##[" not in line
    assert json.loads(line)["name"] == "a ##[set-output name=x]y"


@pytest.mark.parametrize(("number", "noun", "text"), [(1, "model", "1 model"), (2000, "family", "2,000 families")])
def test_counts(number: int, noun: str, text: str) -> None:
    assert count_of(number, noun) == text


@dataclass(frozen=True)
class _PlugIn:
    name: str


def test_an_unknown_plug_in_is_answered_with_near_matches() -> None:
    registry = Registry("method", [_PlugIn("magnitude"), _PlugIn("wanda")])
    assert registry["wanda"].name == "wanda"
    with pytest.raises(UsageError, match=r"unknown method 'magnitud'. Did you mean magnitude.*magnitude, wanda"):
        registry["magnitud"]
    with pytest.raises(ValueError, match="two methods"):
        Registry("method", [_PlugIn("a"), _PlugIn("a")])
