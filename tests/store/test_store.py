"""The store: schema and records agree, one writer, all or nothing, ledger, migrations."""

import dataclasses
import os
import resource
import signal
import subprocess
import sys
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from pipeline.errors import StageError, StoreError, StoreLockedError, StoreUnreadableError, UsageError
from pipeline.settings import ROOT
from store import Store
from store.migrations import migrate
from store.records import TABLES, ExtractionRecord, SightingRecord, TraitRecord

SQL_TYPES = {str: "VARCHAR", int: ("INTEGER", "BIGINT"), float: "DOUBLE", bool: "BOOLEAN", datetime: "TIMESTAMP"}

_COLUMNS = (
    "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() "
    "WHERE table_name NOT LIKE 'duckdb_%' AND schema_name = 'main' AND NOT internal ORDER BY ALL"
)


def test_records_and_schema_have_the_same_columns_types_and_nullability() -> None:
    with Store.open(None) as store:
        for record, table in TABLES.items():
            described = store.rows(f"DESCRIBE {table}")
            hints = typing.get_type_hints(record)
            assert [row[0] for row in described] == [field.name for field in dataclasses.fields(record)], table
            for column, sql_type, nullable, *_ in described:
                allowed, optional = _python_type(hints[column])
                assert sql_type in allowed, f"{table}.{column}"
                assert (nullable == "YES") == optional, f"{table}.{column}"


def _python_type(hint: object) -> tuple[tuple[str, ...], bool]:
    arguments = typing.get_args(hint)
    optional = type(None) in arguments
    plain = next((each for each in arguments if each is not type(None)), hint) if optional else hint
    if typing.get_origin(plain) is typing.Literal:
        plain = str
    if typing.get_origin(plain) is tuple:
        return ("VARCHAR[]",), optional
    allowed = SQL_TYPES[plain]  # pyright: ignore[reportArgumentType]
    return (allowed if isinstance(allowed, tuple) else (allowed,)), optional


def test_a_batch_is_written_whole_or_not_at_all() -> None:
    with Store.open(None) as store:
        good = TraitRecord("s", "activation", "silu")
        bad = ExtractionRecord("r", None, "hub", "1", "extracted", None, "x", None, 0.0)  # pyright: ignore
        with pytest.raises(duckdb.ConstraintException):
            store.insert([good], [bad])
        assert store.rows("SELECT count(*) FROM traits") == [(0,)]
        store.insert([good])
        assert store.rows("SELECT * FROM traits") == [("s", "activation", "silu")]


def test_views_give_the_newest_state() -> None:
    with Store.open(None) as store:
        seen = SightingRecord("1", "a/b", "hub", "rev", downloads=1)
        store.insert([seen, dataclasses.replace(seen, run_id="2", downloads=5)])
        failed = ExtractionRecord("1", "a/b", "hub", "rev", "failed", "timeout", "x", None, 0.0)
        done = dataclasses.replace(failed, run_id="2", status="extracted", reason=None, config_hash="c")
        store.insert([failed, done])
        assert store.rows("SELECT downloads, first_seen_run, last_seen_run, config_hash FROM models") == [
            (5, "1", "2", "c")
        ]
        assert store.rows("SELECT status FROM current_extractions") == [("extracted",)]


def test_the_ledger_records_how_a_run_ended() -> None:
    with Store.open(None) as store:
        with store.run("extract", {"limit": 3}) as run:
            store.record_input(run, "abc")
        with pytest.raises(StageError, match="stage process: no"), store.run("process", {}):
            raise UsageError("no")
        with pytest.raises(KeyboardInterrupt), store.run("prune", {}):
            raise KeyboardInterrupt
        assert store.rows("SELECT stage, status FROM runs ORDER BY run_id") == [
            ("extract", "done"),
            ("process", "failed"),
            ("prune", "interrupted"),
        ]
        assert store.last_input("extract") == "abc"
        assert store.last_input("process") is None


HOLD = """
import sys; from pathlib import Path; from store import Store
store = Store.open(Path(sys.argv[1])); context = store.run("extract", {}); context.__enter__()
print("open", flush=True); sys.stdin.read()
"""


def test_a_second_process_gets_a_clear_error_and_a_killed_one_leaves_a_usable_store(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(StoreLockedError, match="in use by another process"):
            Store.open(path)
        os.kill(holder.pid, signal.SIGKILL)
    with Store.open(path) as store:
        assert store.rows("SELECT stage, status FROM runs") == [("extract", "interrupted")]


@contextmanager
def no_file_grows() -> Iterator[None]:
    """Refuse every write to a file, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_when_a_run_begins_ends_or_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with Store.open(path) as store:
        with no_file_grows(), pytest.raises(StoreError, match="stage prune did not begin: the store takes no rows"):
            store.run("prune", {}).__enter__()
        assert store.rows("SELECT * FROM runs") == []
    with Store.open(path) as store:
        ending = store.run("prune", {})
        ending.__enter__()
        with no_file_grows(), pytest.raises(StageError, match=r"stage prune: .*Failed to commit"):
            ending.__exit__(None, None, None)
    with no_file_grows(), pytest.raises(StoreError, match=r"store\.duckdb' takes no rows") as caught:
        Store.open(path)
    assert not isinstance(caught.value, StoreUnreadableError)
    with Store.open(path) as store:
        assert store.rows("SELECT status FROM runs") == [("interrupted",)]


def test_what_is_no_store_is_named_and_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to be read as a header" * 20, encoding="utf-8")
    with pytest.raises(StoreUnreadableError, match=r"notes\.txt"):
        Store.open(text)
    assert text.read_text(encoding="utf-8").startswith("not a database")
    with pytest.raises(UsageError, match="expected a DuckDB file, got the folder"):
        Store.open(tmp_path)
    with pytest.raises(UsageError, match=r"run_pipeline\.py --extract"):
        Store.open(tmp_path / "absent.duckdb", create=False)
    foreign = tmp_path / "foreign.duckdb"
    with duckdb.connect(str(foreign)) as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
    with pytest.raises(StoreUnreadableError, match="something else"):
        Store.open(foreign)


def test_migrations_are_applied_once_in_order(tmp_path: Path) -> None:
    schema = tmp_path / "schema.sql"
    schema.write_text("CREATE TABLE t (a INTEGER)", encoding="utf-8")
    connection = duckdb.connect()
    assert migrate(connection, tmp_path, schema) == 1
    (tmp_path / "0002_add_b.sql").write_text("ALTER TABLE t ADD COLUMN b INTEGER", encoding="utf-8")
    (tmp_path / "0003_fill_b.sql").write_text("INSERT INTO t VALUES (1, 2)", encoding="utf-8")
    assert [migrate(connection, tmp_path, schema) for _ in range(2)] == [3, 3]
    assert connection.execute("SELECT * FROM t").fetchall() == [(1, 2)]
    assert connection.execute("SELECT version FROM schema_version").fetchall() == [(1,), (2,), (3,)]
    (tmp_path / "0003_fill_b.sql").unlink()
    with pytest.raises(StoreUnreadableError, match="newer Arborist"):
        migrate(connection, tmp_path, schema)


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    schema = tmp_path / "schema.sql"
    schema.write_text("CREATE TABLE t (a INTEGER)", encoding="utf-8")
    connection = duckdb.connect()
    migrate(connection, tmp_path, schema)
    (tmp_path / "0002_bad.sql").write_text("INSERT INTO t VALUES (1); SELECT * FROM absent", encoding="utf-8")
    with pytest.raises(duckdb.CatalogException):
        migrate(connection, tmp_path, schema)
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    (tmp_path / "0004_gap.sql").write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match="without gaps"):
        migrate(connection, tmp_path, schema)


def test_a_store_of_version_1_becomes_one_of_today(tmp_path: Path) -> None:
    """The old schema, with rows, is brought up to the same tables and views as a new store has."""
    old_schema = (Path(__file__).parent / "schema_version_1.sql").read_text(encoding="utf-8")
    with duckdb.connect(str(tmp_path / "old.duckdb")) as connection:
        connection.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        connection.execute(old_schema)
        connection.execute("INSERT INTO schema_version VALUES (1)")
        connection.execute(
            "INSERT INTO modules VALUES ('s', 0, 'a.0-1', 'a', 2, 'a', 'Linear', 'Linear', 4, '{}', 2, NULL, NULL)"
        )
        connection.execute("INSERT INTO sightings (run_id, model_id, source, revision) VALUES ('r', 'a/b', 'hub', 'x')")
    with Store.open(tmp_path / "old.duckdb") as old, Store.open(None) as new:
        assert old.rows(_COLUMNS) == new.rows(_COLUMNS)
        assert old.rows("SELECT path, repeats, input_shape FROM modules") == [("a.0-1", 2, None)]
        assert old.rows("SELECT model_id, files FROM newest_models") == [("a/b", None)]
