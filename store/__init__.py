"""What the project knows: one DuckDB file, one writer, tables in `schema.sql`, one frozen record a row."""

from store.database import Query, RunHandle, Store

__all__ = ["Query", "RunHandle", "Store"]
