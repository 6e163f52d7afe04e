"""The store as a program: `python -m store merge PART...`, `info`."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import new_app, with_settings
from pipeline.progress import Progress
from pipeline.settings import Settings
from pipeline.text import count_of

app = new_app("The store: one DuckDB file with all that the stages found.")


@app.command()
@with_settings("store")
def merge(
    settings: Settings,
    progress: Progress,
    parts: Annotated[list[Path], typer.Argument(help="stores to take new runs from, such as those of a CI matrix")],
) -> None:
    """Add to the store what other stores have and it has not. Each of them whole or not at all; again adds nothing."""
    from store import Store
    from store.merging import merge as merge_store

    with Store.open(settings.store) as store:
        for part in parts:
            merged = merge_store(store, part)
            told = f"{part}: {count_of(merged.runs, 'new run')}, {count_of(merged.rows, 'row')}"
            progress.result(told, part=str(part), runs=merged.runs, rows=merged.rows)


@app.command()
@with_settings("store")
def info(settings: Settings, progress: Progress) -> None:
    """List the tables with their rows, and the newest run of each stage."""
    from store import Store
    from store.records import TABLES

    with Store.open(settings.store, create=False) as store:
        for table in TABLES.values():
            [(rows,)] = store.rows(f"SELECT count(*) FROM {table}")  # noqa: S608  # a name of TABLES
            progress.result(f"{rows:>12,}  {table}", table=table, rows=rows)
        newest = "SELECT stage, max(run_id), arg_max(status, run_id) FROM runs GROUP BY stage ORDER BY stage"
        for stage, run_id, status in store.rows(newest):
            progress.result(f"newest run of {stage}: {run_id}, {status}", stage=stage, run_id=run_id, status=status)


if __name__ == "__main__":
    app()
