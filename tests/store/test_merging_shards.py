"""Stores of shards that mined at the same time and knew nothing of one another."""

from pathlib import Path

from store import Store
from store.merging import merge
from tests.model_extract.stage_runs import run_stage, settings_for, small_llamas, tables, write_configs


def test_a_structure_that_two_shards_found_is_one(tmp_path: Path) -> None:
    same, other = small_llamas(2).values()
    write_configs(tmp_path / "one", {"a": same, "b": other})
    write_configs(tmp_path / "two", {"c": same})
    write_configs(tmp_path / "both", {"a": same, "b": other, "c": same})
    with Store.open(tmp_path / "whole.duckdb") as whole, Store.open(None) as undisturbed:
        for part in ("one", "two"):
            with Store.open(tmp_path / f"{part}.duckdb") as store:
                run_stage(store, settings_for(tmp_path / part, shapes="true"))
            merge(whole, tmp_path / f"{part}.duckdb")
        run_stage(undisturbed, settings_for(tmp_path / "both", shapes="true"))
        merged, expected = tables(whole), tables(undisturbed)
        for table in ("structures", "modules", "traits"):
            assert merged[table] == expected[table]
        assert whole.rows("SELECT count(*) FROM structures") == [(2,)]
        assert merge(whole, tmp_path / "two.duckdb").rows == 0
