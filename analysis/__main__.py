"""`python -m analysis`: write the report, list its sections, print the rows behind its numbers."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.cli import new_app, run_command, with_settings
from pipeline.progress import Progress, make_progress
from pipeline.settings import Settings

app = new_app("Stage 4: the report, from what the store holds.")


@app.command()
@with_settings("store", "output_dir", "workers", "append_timestamp", "notebook")
def run(settings: Settings, progress: Progress) -> None:
    """Write README.md, reports/, images/, csv_data/, statistics_txt/, exports/ and site/ into the output folder."""
    from analysis import stage
    from store import Store

    stage.check(settings)
    with Store.open(settings.store, create=False) as store:
        report = stage.run(store, settings, progress)
    counts = ", ".join(f"{count:,} {what}" for what, count in report.counts.items())
    progress.result("\n".join([f"analyze: {counts}", *report.notes]), stage=report.stage, counts=report.counts)


@app.command()
def sections() -> None:
    """List the sections of the report with their file and queries."""
    from analysis.sections import SECTIONS

    progress = make_progress()

    def body() -> None:
        for section in SECTIONS:
            queries = ", ".join(query.path.name for query in section.queries)
            progress.result(f"{section.name:<16} {section.report:<16} {section.title} ({queries})")

    run_command(body, progress)


@app.command()
@with_settings("store")
def query(
    name: Annotated[str, typer.Argument(help="query or derived relation, as the report names it")],
    limit: Annotated[int, typer.Option("--limit", min=0, help="most rows to print; 0 = all")] = 0,
    *,
    settings: Settings,
    progress: Progress,
) -> None:
    """Print the rows of a query that the report asks, as CSV."""
    from analysis.catalogue import relations
    from analysis.section import Answers
    from analysis.tabular import csv_text
    from store import Store

    relation = relations()[name]
    with Store.open(settings.store, create=False) as store:
        rows = relation.rows(Answers(store))
    for index, row in enumerate(rows[: limit or None]):
        head, line = csv_text([row]).splitlines()
        progress.result(line if index else f"{head}\n{line}", **asdict(row))


if __name__ == "__main__":
    app()
