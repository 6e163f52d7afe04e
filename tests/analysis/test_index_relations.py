"""Derived relations, the command that prints rows by name, and the pieces that the index is written with."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest
from typer.testing import CliRunner

from analysis.__main__ import app
from analysis.cited import Cited, number_rows
from analysis.comparison import DAMAGE_BOUND
from analysis.document import Bullets, Joined, Link, Number, Paragraph, Table, paragraph
from analysis.links import only_existing
from analysis.markdown import Page, render_page
from analysis.numbers import FORMS
from analysis.relations.scopes import BestRow, best_rows, headroom_rows, scope_rows
from analysis.section import Answers
from analysis.sections.index.prunability import PRUNABILITY_SECTION, shown_rows
from store import Store
from store.records import CheckRecord
from tests.analysis.conftest import Built
from tests.analysis.synthetic import REFERENCES, UNPAIRED, damage_of, fill_all

BEST = {"layer": "depth-angular", "neuron": "mlp-maxmin", "weight": "magnitude"}
RANDOM = {"neuron": "mlp-random", "weight": "random"}


def test_the_best_of_each_scope_stands_beside_its_baselines(full: Built) -> None:
    rows = best_rows(Answers(full.store))
    assert {(row.model_id, row.scope) for row in rows} == {(model, scope) for model in REFERENCES for scope in BEST}
    for row in rows:
        assert (row.method, row.ratio) == (BEST[row.scope], 0.5)
        assert row.damage == pytest.approx(damage_of(row.method, 0.5), rel=1e-9)
        assert row.family_id == row.model_id
        trivial = "depth-last" if row.scope == "layer" else None
        random = RANDOM.get(row.scope)
        assert (row.trivial, row.random) == (trivial, random), "nobody measured random layers; no baseline beats itself"
        for name, damage in ((trivial, row.trivial_damage), (random, row.random_damage)):
            assert damage == (pytest.approx(damage_of(name, 0.5), rel=1e-9) if name else None)
    scopes = [row.scope for row in rows]
    assert scopes == sorted(scopes)


def test_a_scope_is_summed_up_over_models(full: Built) -> None:
    rows = scope_rows(Answers(full.store))
    assert {row.scope: row.method for row in rows} == BEST
    for row in rows:
        mine = [found.damage for found in best_rows(Answers(full.store)) if found.scope == row.scope]
        assert (row.damage, row.least_damage, row.greatest_damage) == (median(mine), min(mine), max(mine))
        assert row.n_models == row.n_compared == len(REFERENCES)
        assert row.n_clear == len(REFERENCES) - 1, f"{UNPAIRED} has no losses by window"
        assert row.latency_left == pytest.approx({"layer": 0.55, "neuron": 0.8, "weight": 1.0}[row.scope])


def test_headroom_is_the_greatest_ratio_within_the_bound(full: Built) -> None:
    assert all(row.method is row.ratio is None for row in headroom_rows(Answers(full.store)))
    with Store.open(None) as store:
        fill_all(store)
        store.connection.execute("DELETE FROM window_losses")
        for key, factor in (("mlp-maxmin-0.1", 1.05), ("mlp-random-0.25", 1.0999), ("mlp-maxmin-0.25", 1.1001)):
            store.connection.execute(
                "UPDATE metrics SET value = $factor * 8.3 WHERE metric = 'perplexity' "
                "AND experiment_key IN (SELECT experiment_key FROM experiments WHERE experiment_key LIKE '%' || $key "
                "AND model_id = (SELECT model_id FROM experiments JOIN metrics USING (experiment_key) "
                "WHERE method = 'dense' AND metric = 'perplexity' AND abs(value - 8.3) < 1e-9))",
                {"factor": factor, "key": key},
            )
        answers = Answers(store)
        found = [row for row in headroom_rows(answers) if row.method]
        shown = [row for row in number_rows(PRUNABILITY_SECTION.render(answers)) if row.query == "headroom_by_scope"]
    [row] = found
    assert (row.scope, row.method, row.ratio) == ("neuron", "mlp-random", 0.25)
    assert row.damage is not None and row.damage == pytest.approx(1.0999) and row.damage < DAMAGE_BOUND
    assert [one.text for one in shown] == ["25 %", "1.10 x"]


def best_row() -> BestRow:
    return BestRow(
        "layer", "hub", "m", None, "x", 0.5, 1.0, None, None, None, None, None, None, 5, 1, None, None, None, None
    )


def test_a_long_leaderboard_shows_the_first_of_each_scope() -> None:
    row = best_row()
    rows = [replace(row, scope=scope, model_id=str(number)) for scope in "abc" for number in range(40)]
    shown = shown_rows(rows)
    assert [(one.scope, one.model_id) for one in shown] == [(scope, str(n)) for scope in "abc" for n in range(10)]
    assert shown_rows(rows[:30]) == rows[:30]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store on the disk."""
    path = tmp_path_factory.mktemp("store") / "arborist.duckdb"
    with Store.open(path) as store:
        fill_all(store)
        store.insert([CheckRecord("run", None, "reference", "ref-opt", "text_apart", "ok", "=1+1, fine")])
    return path


def printed(stored: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["query", *arguments, "--store", str(stored)])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("name", ["families", "best_by_scope", "constants", "index_totals"])
def test_the_command_prints_the_rows_of_a_query(name: str, stored: Path, full: Built) -> None:
    rows = [*csv.DictReader(io.StringIO(printed(stored, name)))]
    lines = [json.loads(line) for line in printed(stored, name, "--json").splitlines()]
    assert len(rows) == len(lines) > 0
    assert [*rows[0]] == [key for key in lines[0] if key != "event"]
    if f"csv_data/{name}.csv" in full.files:
        assert printed(stored, name) == full.text(f"csv_data/{name}.csv")
    assert len(printed(stored, name, "--limit", "1").splitlines()) == 2


def test_what_a_spreadsheet_would_run_is_printed_as_text(stored: Path) -> None:
    assert "'=1+1" in printed(stored, "checks")


def test_an_unknown_query_is_answered_with_near_ones(stored: Path) -> None:
    result = CliRunner().invoke(app, ["query", "familes", "--store", str(stored)])
    assert result.exit_code == 2
    assert "families" in result.stderr


def test_links_to_files_that_are_not_there_become_text() -> None:
    here, gone = Link("here", "a.md#part"), Link("gone", "b.md")
    blocks = (
        paragraph(here, gone, Joined(("(", gone, here, ")"), strong=True)),
        Bullets(((gone, "words"), (here, gone), ("words", gone))),
        Table((), ((here, gone),)),
    )
    assert [only_existing(block, {"a.md"}) for block in blocks] == [
        paragraph(here, "gone", Joined(("(", "gone", here, ")"), strong=True)),
        Bullets(((here, "gone"), ("words", "gone"))),
        Table((), ((here, "gone"),)),
    ]


def test_joined_spans_keep_their_spaces_and_nothing_else() -> None:
    number = Number("1,234", 1234, "many", "q", "n", ())
    spans = (Joined((" has ", number, " <b>models</b> * "), strong=True), number, "end")
    page = render_page(Page("t", "s", (("part", (Paragraph(spans),)),), ""))
    assert "** has 1,234 &lt;b&gt;models&lt;/b&gt; \\* ** 1,234 end" in page


def test_a_number_says_how_it_is_found() -> None:
    row = replace(best_row(), model_id="a;b=c", damage=1.234, damage_high=3.0)
    cited = Cited("best", ("scope", "model_id"))
    [listed] = number_rows([paragraph(cited.number(row, "damage", "times"))])
    assert (listed.text, listed.value, listed.query, listed.column) == ("1.23 x", 1.234, "best", "damage")
    assert json.loads(listed.key) == {"scope": "layer", "model_id": "a;b=c"}
    assert cited.counted(row, "n_seeds", "family")[1] == " family"
    assert cited.interval(row, "damage_low", "damage_high", "plain") == ()
    assert cited.known(row, "budget", "plain", "none") == "none"


def test_forms_write_units() -> None:
    wanted = {"many": "3", "percent": "300 %", "exact_percent": "300.0 %", "times": "3.00 x", "exact_times": "3.000 x"}
    assert {name: FORMS[name](3) for name in wanted} == wanted
