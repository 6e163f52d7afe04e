"""Several stores into one: the parts of a plan that were done on machines of their own.

Every table is only ever added to, and every row says which run wrote it: what a store does not have yet are the rows
of the runs that it does not know. A structure is named by its content: two machines that read it at the same time both
wrote it, and it comes once, with its modules and traits.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from pipeline.errors import StoreError, StoreUnreadableError, UsageError
from store.database import Store, unreadable
from store.records import TABLES

if TYPE_CHECKING:
    import pyarrow

# What rows can do to an INSERT: a column or type that is not ours, a value that does not fit, NULL where none may be.
# The rest (disk, memory, DuckDB itself) is the trouble of the store that takes them.
_OF_ROWS = (duckdb.ProgrammingError, duckdb.DataError, duckdb.IntegrityError)
_OF_STRUCTURES = ("extracted_structures", "extracted_modules", "traits")
_NEW_ROWS = "INSERT INTO {table} BY NAME SELECT * FROM theirs WHERE {key} NOT IN (SELECT {key} FROM {known})"


@dataclass(frozen=True)
class Merged:
    """What one store gave: runs that were new, and rows of all tables, runs included."""

    path: Path
    runs: int
    rows: int


class _Part:
    """The other store. What stops its rows is remembered, since DuckDB reports it as an error of our INSERT."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.failed = False

    def rows(self, table: str) -> "pyarrow.RecordBatchReader":
        """Return the rows of a table, a batch at a time."""
        import pyarrow

        with self._noting():
            reader = self._store.connection.sql(f"SELECT * FROM {table}").to_arrow_reader()  # noqa: S608  # a name of TABLES
        return pyarrow.RecordBatchReader.from_batches(reader.schema, self._batches(reader))

    def _batches(self, reader: "Iterable[pyarrow.RecordBatch]") -> "Iterator[pyarrow.RecordBatch]":
        with self._noting():
            yield from reader

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, OSError, ValueError):  # Arrow's errors are one of the latter two
            self.failed = True
            raise


def merge(store: Store, path: Path) -> Merged:
    """Add the runs that the store at `path` has and this one has not, with all their rows, or nothing.

    The other store is first brought to this schema, where it lies; its rows come over as values, so that nothing of it
    is a query here. Merging it again adds nothing. Raises `UsageError` when there is no store at `path`, what
    `Store.open` raises, `StoreUnreadableError` when it is damaged or its tables are not those of a store, and
    `StoreError` when this store cannot take the rows: its disk is full, say.
    """
    if path.exists() and _is_open_here(store, path):
        raise UsageError(f"expected another store to merge, got {str(path)!r} twice; name the parts and not the whole")
    with Store.open(path, create=False) as other:
        part = _Part(other)
        try:
            with store.transaction():
                known = store.rows("SELECT count(*) FROM runs")[0][0]
                rows = _copy(store, part)
                runs = store.rows("SELECT count(*) FROM runs")[0][0] - known
        except duckdb.Error as error:
            if part.failed or isinstance(error, _OF_ROWS):
                raise StoreUnreadableError(unreadable(path, str(error))) from error
            raise StoreError(f"nothing of {str(path)!r} was merged: the store could not take it: {error}") from error
        finally:
            store.connection.unregister("theirs")
    return Merged(path, runs, rows)


def _copy(store: Store, part: _Part) -> int:
    """Insert the new rows of every table; the runs come last, as they say what is known."""
    return sum(_insert(store, part, table) for table in reversed(TABLES.values()))


def _insert(store: Store, part: _Part, table: str) -> int:
    known, key = (table, "structure_id") if table in _OF_STRUCTURES else ("runs", "run_id")
    store.connection.register("theirs", part.rows(table))
    return store.rows(_NEW_ROWS.format(table=table, key=key, known=known))[0][0]


def _is_open_here(store: Store, path: Path) -> bool:
    files = [file for (file,) in store.rows("SELECT path FROM duckdb_databases() WHERE path IS NOT NULL")]
    return any(Path(file).resolve() == path.resolve() for file in files)
