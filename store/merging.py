"""Several stores into one: the parts of a plan that were done on machines of their own.

Every table is only ever added to, and every row says which run wrote it: what a store does not have yet are the rows
of the runs that it does not know. A structure is named by its content: two machines that read it at the same time both
wrote it, and it comes once, with its modules and traits.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipeline.errors import StoreUnreadableError, UsageError
from store.database import Store, unreadable
from store.records import TABLES

_OF_STRUCTURES = ("extracted_structures", "extracted_modules", "traits")
_NEW_ROWS = "INSERT INTO {table} BY NAME SELECT * FROM theirs WHERE {key} NOT IN (SELECT {key} FROM {known})"


@dataclass(frozen=True)
class Merged:
    """What one store gave: runs that were new, and rows of all tables, runs included."""

    path: Path
    runs: int
    rows: int


def merge(store: Store, path: Path) -> Merged:
    """Add the runs that the store at `path` has and this one has not, with all their rows, or nothing.

    The other store is first brought to this schema, where it lies; its rows come over as values, so that nothing of it
    is a query here. Merging it again adds nothing. Raises `UsageError` when there is no store at `path`, what
    `Store.open` raises, and `StoreUnreadableError` when its tables are not those of a store.
    """
    if path.exists() and _is_open_here(store, path):
        raise UsageError(f"expected another store to merge, got {str(path)!r} twice; name the parts and not the whole")
    with Store.open(path, create=False) as other:
        try:
            with store.transaction():
                known = store.rows("SELECT count(*) FROM runs")[0][0]
                rows = _copy(store, other)
                runs = store.rows("SELECT count(*) FROM runs")[0][0] - known
        except duckdb.Error as error:
            raise StoreUnreadableError(unreadable(path, str(error))) from error
        finally:
            store.connection.unregister("theirs")
    return Merged(path, runs, rows)


def _copy(store: Store, other: Store) -> int:
    """Insert the new rows of every table; the runs come last, as they say what is known."""
    return sum(_insert(store, other, table) for table in reversed(TABLES.values()))


def _insert(store: Store, other: Store, table: str) -> int:
    known, key = (table, "structure_id") if table in _OF_STRUCTURES else ("runs", "run_id")
    theirs = other.connection.sql(f"SELECT * FROM {table}").to_arrow_reader()  # noqa: S608  # a name of TABLES
    store.connection.register("theirs", theirs)
    return store.rows(_NEW_ROWS.format(table=table, key=key, known=known))[0][0]


def _is_open_here(store: Store, path: Path) -> bool:
    files = [file for (file,) in store.rows("SELECT path FROM duckdb_databases() WHERE path IS NOT NULL")]
    return any(Path(file).resolve() == path.resolve() for file in files)
