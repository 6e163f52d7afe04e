"""Bringing an older store to the present schema.

`schema.sql` is the schema of today, for new stores. A change to it adds a file `NNNN_what.sql` beside this one, with
the statements that take a store from version NNNN-1 to NNNN; each file is applied once, in order, in a transaction of
its own. Version 1 is the first schema and has no file.
"""

import re
from pathlib import Path

import duckdb

from pipeline.errors import StoreUnreadableError

SCHEMA_FILE = Path(__file__).resolve().parent.parent / "schema.sql"
FOLDER = Path(__file__).resolve().parent


def migrate(connection: duckdb.DuckDBPyConnection, folder: Path = FOLDER, schema_file: Path = SCHEMA_FILE) -> int:
    """Create or update the tables and return the version. Raises `StoreUnreadableError` for a newer or foreign file."""
    steps = _steps(folder)
    newest = max(steps, default=1)
    found = _version(connection)
    if found is None:
        _apply(connection, schema_file.read_text(encoding="utf-8"), newest)
        return newest
    if not isinstance(found, int) or found < 1:
        raise StoreUnreadableError(f"the store has schema version {found!r}, expected a whole number from 1")
    if found > newest:
        raise StoreUnreadableError(
            f"the store has schema version {found}, this program knows up to {newest}; use a newer Arborist"
        )
    for version in range(found + 1, newest + 1):
        _apply(connection, steps[version].read_text(encoding="utf-8"), version)
    return newest


def _steps(folder: Path) -> dict[int, Path]:
    steps = {int(path.name[:4]): path for path in folder.glob("*.sql") if re.fullmatch(r"\d{4}_\w+\.sql", path.name)}
    if sorted(steps) != list(range(2, len(steps) + 2)):
        raise ValueError(f"migrations must be numbered from 0002 without gaps, got {sorted(steps)}")
    return steps


def _version(connection: duckdb.DuckDBPyConnection) -> object:
    """Return the schema version, whatever the file holds in its place; None for an empty database."""
    tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if not tables:
        return None
    if "schema_version" not in tables:
        raise StoreUnreadableError("the file is a DuckDB database of something else: it has no table schema_version")
    row = connection.execute("SELECT max(version) FROM schema_version").fetchone()
    assert row is not None
    return row[0]


def _apply(connection: duckdb.DuckDBPyConnection, sql: str, version: int) -> None:
    connection.execute("BEGIN")
    try:
        connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
        connection.execute(sql)
        connection.execute("INSERT INTO schema_version VALUES ($version)", {"version": version})
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
