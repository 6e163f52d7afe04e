"""CSV that spreadsheets do not run, and aligned text."""

import csv
import io
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.document import Statistics
from analysis.tabular import csv_text, statistics_text


@dataclass(frozen=True)
class Row:
    name: str
    value: float | None
    count: int
    tags: list[str]


@given(st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_no_text_cell_starts_a_formula_and_rows_stay_rows(names: list[str]) -> None:
    text = csv_text([Row(name, 0.5, 1, [name]) for name in names])
    rows = [*csv.reader(io.StringIO(text, newline=""))]
    assert [len(row) for row in rows] == [4] * (len(names) + 1)
    for row in rows[1:]:
        assert not row[0].lstrip().startswith(("=", "+", "-", "@", "\t", "\r"))
        assert not row[3].lstrip().startswith(("=", "+", "-", "@", "\t", "\r"))
        assert row[1:3] == ["0.5", "1"]


def test_numbers_are_exact_and_missing_ones_empty() -> None:
    assert csv_text([Row("=1+1", -0.1, -2, ["a", "b"]), Row("x", None, 0, [])]) == (
        "name,value,count,tags\n'=1+1,-0.1,-2,a; b\nx,,0,\n"
    )


@pytest.mark.parametrize("text", ["a;=1+1", 'a; "=1+1', "a;@sum", "a;-1+cmd"])
def test_no_formula_starts_where_a_semicolon_divides_cells(text: str) -> None:
    [_, row] = csv_text([Row(text, None, 1, [])]).splitlines()
    for cell in row.split(";"):
        assert not cell.strip('" ').startswith(("=", "@", "-"))


def test_no_rows_give_no_text() -> None:
    assert csv_text([]) == ""


def test_statistics_are_aligned() -> None:
    statistics = Statistics("s", "Kinds", ("kind", "n"), (("Linear", "12"), ("Conv\n2d", "3")))
    assert statistics_text(statistics) == "Kinds\n\nkind      n\nLinear    12\nConv\\n2d  3\n"
