"""The prunability leaderboard against the formulas that the synthetic store was made of, and on worked examples."""

import pytest

from analysis.baselines import BASELINES
from analysis.document import Table
from analysis.leaderboard import leaderboard_rows, standings
from analysis.section import Answers
from analysis.sections.prune.standings import standings_tables
from store import Store
from tests.analysis.conftest import Built
from tests.analysis.synthetic import METHODS, RATIOS, REFERENCES, UNPAIRED, damage_of


def test_every_result_stands_once_beside_its_baselines(full: Built) -> None:
    rows = leaderboard_rows(Answers(full.store))
    places = {(row.model_id, row.method, row.ratio) for row in rows}
    assert len(rows) == len(places) == len(REFERENCES) * len(METHODS) * len(RATIOS)
    for row in rows:
        baselines = BASELINES[row.scope]
        assert row.family_id == row.model_id  # as in fill_families
        assert row.damage == pytest.approx(damage_of(row.method, row.ratio))
        compared = {baselines.random: row.random_damage, baselines.trivial: row.trivial_damage}
        wanted = {name: damage_of(name, row.ratio) if name in METHODS else None for name in baselines.names}
        if row.method == baselines.random:
            wanted = dict.fromkeys(baselines.names)
        if row.method == baselines.trivial:
            wanted[row.method] = None
        assert compared == pytest.approx(wanted)


def test_the_best_of_a_scope_is_the_least_damage(full: Built) -> None:
    rows = leaderboard_rows(Answers(full.store))
    best = {(row.scope, row.method) for row in rows if row.best_of_scope}
    assert best == {("weight", "magnitude"), ("layer", "depth-angular"), ("neuron", "mlp-maxmin")}


def test_families_stand_scope_by_scope_from_the_least_damage(full: Built) -> None:
    found = standings(Answers(full.store))
    assert [(item.scope, item.damage) for item in found] == sorted((item.scope, item.damage) for item in found)
    assert len(found) == len(REFERENCES) * 3
    for item in found:
        assert (item.ratio, item.n_models, item.n_methods) == (0.5, 1, 2)
        assert item.damage == pytest.approx(damage_of(item.method, 0.5))
        paired = item.family_id != UNPAIRED  # without losses by window nothing is clear
        assert item.n_random_clear == (paired and BASELINES[item.scope].random in METHODS)
        assert item.n_trivial_clear == (paired and item.method != BASELINES[item.scope].trivial)


def test_a_family_of_several_models_has_the_median_and_the_widest_interval(full: Built) -> None:
    store = full.store
    with Store.open(None) as merged:
        for (table,) in store.rows("SELECT table_name FROM duckdb_tables() WHERE table_name NOT LIKE '%migration%'"):
            merged.connection.register("copied", store.connection.sql(f"SELECT * FROM {table}").to_arrow_table())
            merged.connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM copied")
            merged.connection.unregister("copied")
        merged.connection.execute("UPDATE families SET family_id = 'one' WHERE source = 'reference'")
        merged.connection.execute(
            "UPDATE metrics SET value = value * 4, ci_high = ci_high * 4 WHERE metric = 'perplexity' "
            "AND experiment_key = 'ref-opt-magnitude-0.5'"
        )
        found = {item.scope: item for item in standings(Answers(merged))}
    assert {item.family_id for item in found.values()} == {"one"}
    weight = found["weight"]
    assert (weight.n_models, weight.method) == (len(REFERENCES), "magnitude")
    assert weight.damage == pytest.approx(damage_of("magnitude", 0.5))
    assert weight.damage_high == pytest.approx(4 * 1.03 * damage_of("magnitude", 0.5))


def test_the_page_has_a_table_a_scope(full: Built) -> None:
    tables = [block for block in standings_tables(Answers(full.store)) if isinstance(block, Table)]
    assert [len(table.rows) for table in tables] == [len(REFERENCES)] * 3
    assert all(len(row) == len(table.columns) for table in tables for row in table.rows)
