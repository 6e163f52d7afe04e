"""Stores of several machines in one."""

import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.errors import StoreError, StoreUnreadableError, UsageError
from store import Store
from store.__main__ import app
from store.merging import Merged, merge
from store.records import TABLES, ModuleRecord, StructureRecord, TraitRecord
from tests.analysis.synthetic import fill_catalog, fill_experiments, fill_families

Content = dict[str, list[tuple[object, ...]]]
FILLS = (fill_catalog, fill_families, fill_experiments)


def contents(store: Store) -> Content:
    return {table: store.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in TABLES.values()}


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> tuple[Content, list[bytes]]:
    """What one store holds after three runs, and its file after the first, the second and the third."""
    content: Content = {}
    whole, files = tmp_path_factory.mktemp("merging") / "whole.duckdb", []
    for fill in FILLS:
        with Store.open(whole) as store:
            fill(store)
            content = contents(store)
        files.append(whole.read_bytes())
    return content, files


@pytest.fixture
def parts(snapshots: tuple[Content, list[bytes]], tmp_path: Path) -> tuple[Content, list[Path]]:
    """What one store holds after three runs, and copies of it after the first, the second and the third."""
    content, files = snapshots
    paths = [tmp_path / f"part{number}.duckdb" for number in range(len(files))]
    for path, file in zip(paths, files, strict=True):
        path.write_bytes(file)
    return content, paths


@pytest.mark.parametrize("seed", range(4))
def test_parts_in_any_order_and_any_number_give_the_whole(seed: int, parts: tuple[Content, list[Path]]) -> None:
    content, paths = parts
    chance = random.Random(seed)
    with Store.open(None) as store:
        for path in [*chance.sample(paths, 3), *chance.choices(paths, k=2)]:
            merge(store, path)
        assert contents(store) == content
        assert merge(store, paths[0]) == Merged(paths[0], 0, 0)


def mined(path: Path) -> None:
    """Leave a store with one run that found one structure."""
    with Store.open(path) as store, store.run("extract", {}) as handle:
        store.insert(
            [StructureRecord(handle.run_id, "same", "config", 1, 10, 0, None, 1)],
            [ModuleRecord("same", 0, "head", None, 1, "head", "Linear", "Linear", 10, "{}", 1)],
            [TraitRecord("same", "causal", "true")],
        )


def test_a_structure_that_two_machines_read_at_the_same_time_comes_once(tmp_path: Path) -> None:
    with Store.open(None) as store:
        for name in ("one", "two"):
            mined(tmp_path / f"{name}.duckdb")
            merge(store, tmp_path / f"{name}.duckdb")
        held = {table: len(rows) for table, rows in contents(store).items() if rows}
        assert held == {"runs": 2, "extracted_structures": 1, "extracted_modules": 1, "traits": 1}
        assert len(store.rows("SELECT * FROM structures")) == len(store.rows("SELECT * FROM modules")) == 1
        assert merge(store, tmp_path / "two.duckdb") == Merged(tmp_path / "two.duckdb", 0, 0)


def test_the_counts_are_those_of_what_was_new(parts: tuple[Content, list[Path]]) -> None:
    content, paths = parts
    with Store.open(None) as store:
        first = merge(store, paths[0])
        assert first.runs == len(store.rows("SELECT 1 FROM runs")) == 1
        rest = merge(store, paths[2])
    assert first.runs + rest.runs == len(content["runs"]) == 3
    assert first.rows + rest.rows == sum(map(len, content.values()))


def test_a_part_that_cannot_be_read_changes_nothing(parts: tuple[Content, list[Path]], tmp_path: Path) -> None:
    _, paths = parts
    broken = tmp_path / "it's broken.duckdb"
    broken.write_bytes(b"no database")
    with Store.open(tmp_path / "all.duckdb") as store:
        merge(store, paths[0])
        before = contents(store)
        for path, error in ((broken, StoreUnreadableError), (tmp_path / "none.duckdb", UsageError)):
            with pytest.raises(error):
                merge(store, path)
        with pytest.raises(UsageError, match="twice"):
            merge(store, tmp_path / "all.duckdb")
        assert contents(store) == before


def test_a_part_that_is_damaged_behind_its_beginning_changes_nothing(parts: tuple[Content, list[Path]]) -> None:
    _, paths = parts
    whole = paths[2].read_bytes()
    paths[2].write_bytes(whole[: len(whole) // 2] + bytes(byte ^ 0xFF for byte in whole[len(whole) // 2 :]))
    with Store.open(None) as store:
        with pytest.raises(StoreUnreadableError, match="part2"):
            merge(store, paths[2])
        assert not any(contents(store).values())


def test_a_store_that_cannot_take_a_part_does_not_blame_it(parts: tuple[Content, list[Path]]) -> None:
    content, paths = parts
    with Store.open(None) as store:
        store.connection.execute("SET memory_limit = '2MB'")
        with pytest.raises(StoreError, match="could not take it: Out of Memory") as caught:
            merge(store, paths[2])
        assert not isinstance(caught.value, StoreUnreadableError)
        store.connection.execute("SET memory_limit = '1GB'")
        assert not any(contents(store).values())
        merge(store, paths[2])
        assert contents(store) == content


def test_a_path_with_quotes_is_a_path(parts: tuple[Content, list[Path]], tmp_path: Path) -> None:
    content, paths = parts
    quoted = tmp_path / 'it\'s a "part"; DROP TABLE runs.duckdb'
    quoted.write_bytes(paths[2].read_bytes())
    with Store.open(None) as store:
        merge(store, quoted)
        assert contents(store) == content


def test_the_command_says_what_it_took(parts: tuple[Content, list[Path]], tmp_path: Path) -> None:
    _, paths = parts
    target = tmp_path / "target.duckdb"
    answer = CliRunner().invoke(app, ["merge", "--store", str(target), *map(str, paths)])
    assert answer.exit_code == 0, answer.output
    assert [line.split(": ")[1].split(",")[0] for line in answer.stdout.splitlines()] == ["1 new run"] * 3
    answer = CliRunner().invoke(app, ["info", "--store", str(target)])
    assert answer.exit_code == 0
    assert "newest run of process: 20261101T090000.000000-bbbbbb, done" in answer.stdout
    answer = CliRunner().invoke(app, ["merge", "--store", str(target), str(tmp_path / "absent.duckdb")])
    assert answer.exit_code == 2
    assert "no store at" in answer.output
