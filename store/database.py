"""The store: one DuckDB file, one writer at a time, one transaction a batch."""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import duckdb

from pipeline.errors import ArboristError, StageError, StoreError, StoreLockedError, StoreUnreadableError, UsageError
from store.migrations import migrate
from store.provenance import git_commit, library_versions
from store.records import TABLES, RunStatus

if TYPE_CHECKING:
    import pandas

Row = TypeVar("Row")


@dataclass(frozen=True)
class Query(Generic[Row]):
    """A query in a file of its own and the dataclass of its rows; columns are matched by name.

    Parameters stand in the SQL as $name.
    """

    path: Path
    row: type[Row]

    def sql(self) -> str:
        """Return the text of the query."""
        return self.path.read_text(encoding="utf-8")


@dataclass(frozen=True)
class RunHandle:
    """The invocation of a stage that is in progress."""

    run_id: str
    stage: str


class Store:
    """An open store. Use it as a context manager: `with Store.open(path) as store:`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._schemas: dict[type, Any] = {}

    @classmethod
    def open(cls, path: Path | None, *, create: bool = True) -> "Store":
        """Open the store at `path`, or one in memory when it is None.

        `create=False` is for readers: a missing file is an error. Raises `StoreLockedError`, `StoreUnreadableError` or
        `UsageError`.
        """
        if path is not None:
            _check_path(path, create)
        try:
            # A store comes from other machines, too, and its views are queries: they read no file and no address.
            connection = duckdb.connect(str(path) if path else ":memory:", config={"enable_external_access": False})
        except duckdb.IOException as error:
            raise _explain_open_failure(path, error) from error
        except duckdb.Error as error:
            raise StoreUnreadableError(unreadable(path, str(error))) from error
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        store = cls(connection)
        try:
            migrate(connection)
            store._close_dead_runs()
        except duckdb.TransactionException as error:  # it can be read: nobody is to move it away
            connection.close()
            raise StoreError(f"the store {str(path)!r} takes no rows: {error}") from error
        except duckdb.Error as error:
            connection.close()
            raise StoreUnreadableError(unreadable(path, str(error))) from error
        return store

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write everything to the file and let it go."""
        self._connection.close()

    def insert(self, *batches: Sequence[Any]) -> None:
        """Insert records of any tables in one transaction: all of them or none."""
        arrows = [(TABLES[type(batch[0])], self._arrow_table(batch)) for batch in batches if batch]
        for position, (_, arrow) in enumerate(arrows):
            self._connection.register(f"incoming_{position}", arrow)
        try:
            with self.transaction():
                for position, (table, _) in enumerate(arrows):
                    sql = f"INSERT INTO {table} BY NAME SELECT * FROM incoming_{position}"  # noqa: S608  # our own names
                    self._connection.execute(sql)
        finally:
            for position in range(len(arrows)):
                self._connection.unregister(f"incoming_{position}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Group writes: committed together, or rolled back when the body raises."""
        self._connection.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def fetch(self, query: Query[Row], **parameters: Any) -> list[Row]:
        """Return the rows of a query as its dataclass."""
        cursor = self._connection.execute(query.sql(), parameters or None)
        names = [column[0] for column in cursor.description or []]
        return [query.row(**dict(zip(names, values, strict=True))) for values in cursor.fetchall()]

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a short query as tuples."""
        return self._connection.execute(sql, dict(parameters) if parameters else None).fetchall()

    def frame(self, sql: str, parameters: Mapping[str, Any] | None = None) -> "pandas.DataFrame":
        """Return the rows of a query as a pandas data frame."""
        return self._connection.execute(sql, dict(parameters) if parameters else None).df()

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB connection, for joins over registered arrays."""
        return self._connection

    @contextmanager
    def run(self, stage: str, config: Mapping[str, Any]) -> Iterator[RunHandle]:
        """Enter a stage's invocation into the ledger; its end is recorded whatever happens.

        The body calls `record_input` with what it read. An error of the project, of a file or of the database becomes
        a `StageError`. Raises `StoreError` when the store takes no entry: its disk is full, say.
        """
        handle = RunHandle(new_run_id(), stage)
        try:
            self._start(handle, config)
        except duckdb.Error as error:
            raise StoreError(f"stage {stage} did not begin: the store takes no rows: {error}") from error
        try:
            yield handle
            self._finish(handle, "done", None)
        except KeyboardInterrupt:
            self._finish(handle, "interrupted", "stopped by Ctrl-C")
            raise
        except (ArboristError, OSError, duckdb.Error) as error:
            with suppress(duckdb.Error):  # a full disk takes no more rows; the next opening closes the run
                self._finish(handle, "failed", str(error))
            raise StageError(f"stage {stage}: {error}") from error
        except BaseException as error:
            self._finish(handle, "failed", repr(error))
            raise

    def record_input(self, handle: RunHandle, input_hash: str) -> None:
        """Record the hash of all that a run read, so that the next one can tell that nothing changed."""
        self._connection.execute(
            "UPDATE runs SET input_hash = $hash WHERE run_id = $run", {"hash": input_hash, "run": handle.run_id}
        )

    def last_input(self, stage: str) -> str | None:
        """Return the input hash of the newest finished run of a stage."""
        rows = self.rows(
            "SELECT input_hash FROM runs WHERE stage = $stage AND status = 'done' ORDER BY run_id DESC LIMIT 1",
            {"stage": stage},
        )
        return rows[0][0] if rows else None

    def _start(self, handle: RunHandle, config: Mapping[str, Any]) -> None:
        self._connection.execute(
            "INSERT INTO runs VALUES ($run, $stage, $at, NULL, 'running', NULL, $config, $versions, $commit, NULL)",
            {
                "run": handle.run_id,
                "stage": handle.stage,
                "at": _now(),
                "config": json.dumps(dict(config), sort_keys=True, default=str),
                "versions": json.dumps(library_versions(), sort_keys=True),
                "commit": git_commit(),
            },
        )

    def _finish(self, handle: RunHandle, status: RunStatus, detail: str | None) -> None:
        self._connection.execute(
            "UPDATE runs SET status = $status, finished_at = $at, detail = $detail WHERE run_id = $run",
            {"status": status, "at": _now(), "detail": detail, "run": handle.run_id},
        )

    def _close_dead_runs(self) -> None:
        """Mark runs that a killed process left open: the store has one writer, so none of them lives."""
        self._connection.execute(
            "UPDATE runs SET status = 'interrupted', detail = 'the process ended without a word' "
            "WHERE status = 'running'"
        )

    def _arrow_table(self, batch: Sequence[Any]) -> Any:
        """Return records of one type as an Arrow table with the types of their database table."""
        import pyarrow

        record_type = type(batch[0])
        names = [field.name for field in fields(record_type)]
        columns = {name: [getattr(record, name) for record in batch] for name in names}
        return pyarrow.table(columns, schema=self._schema(record_type))

    def _schema(self, record_type: type) -> Any:
        """Return the Arrow schema of a record's table: typed, so that a column of None alone keeps its type."""
        if record_type not in self._schemas:
            empty = self._connection.sql(f"SELECT * FROM {TABLES[record_type]} LIMIT 0")  # noqa: S608  # a name of TABLES
            self._schemas[record_type] = empty.to_arrow_table().schema
        return self._schemas[record_type]


def new_run_id() -> str:
    """Return an identifier that sorts by time."""
    return f"{_now():%Y%m%dT%H%M%S.%f}-{secrets.token_hex(3)}"


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _check_path(path: Path, create: bool) -> None:
    if path.is_dir():
        raise UsageError(f"--store: expected a DuckDB file, got the folder {str(path)!r}")
    if not path.exists():
        if not create:
            raise UsageError(
                f"--store: no store at {str(path)!r}; run `python run_pipeline.py --extract` first or name another file"
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--store: cannot create the folder {str(path.parent)!r}: {error.strerror}") from error


def _explain_open_failure(path: Path | None, error: duckdb.Error) -> StoreError:
    if "lock" in str(error).lower():
        return StoreLockedError(
            f"the store {str(path)!r} is in use by another process; wait for it to end or give another --store. "
            f"DuckDB says: {error}"
        )
    return StoreUnreadableError(unreadable(path, str(error)))


def unreadable(path: Path | None, why: str) -> str:
    """Return what to say of a file that is no store, or none that can be read."""
    return (
        f"--store: expected a store that this version of Arborist wrote, got {str(path)!r}, which DuckDB cannot use; "
        f"move it away or name another file. DuckDB says: {why.splitlines()[0]}"
    )
