"""Command line of stage 1: `python -m model_extract run`, `python -m model_extract show MODEL`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.cli import COMMON_SETTINGS, new_app, with_settings
from pipeline.progress import Progress
from pipeline.settings import Settings, default_groups
from pipeline.text import count_of

app = new_app(
    "Lists models and reads their structure without their weights: tables sightings, extractions, modules, traits."
)

_EXTRACT_SETTINGS = tuple(default_groups()["extract"])
_DOCTOR_SETTINGS = ("store", "workers", "offline", "model_memory", "hub_seconds", "hub_wait")
_SHOW_SETTINGS = ("store", "model_seconds", "model_memory", "max_modules")


@app.command("run")
@with_settings(*(name for name in COMMON_SETTINGS if name not in ("output_dir", "device", "seed")), *_EXTRACT_SETTINGS)
def run_command(settings: Settings, progress: Progress) -> None:
    """List the models of a source and extract the structure of those that are new."""
    from model_extract.stage import run
    from store import Store

    with Store.open(settings.store) as store:
        report = run(store, settings, progress)
    for note in report.notes:
        progress.note(note)
    progress.result(", ".join(f"{name} {count:,}" for name, count in report.counts.items()), **report.counts)


@app.command("show")
@with_settings(*_SHOW_SETTINGS)
def show_command(
    settings: Settings,
    progress: Progress,
    model: Annotated[str, typer.Argument(help="model of the store, model type, checkpoint folder or config file")],
) -> None:
    """Print one model's module tree, folded: equal siblings are one line with their number."""
    from model_extract.show import find, lines
    from store import Store

    store = Store.open(settings.store, create=False) if settings.store.exists() else None
    shown = find(model, store, settings)
    modules = [asdict(module) for module in shown.modules]
    progress.result("\n".join(lines(shown)), model=model, title=shown.title, traits=shown.traits, modules=modules)


@app.command("export")
@with_settings("store")
def export_command(
    settings: Settings,
    progress: Progress,
    kind: Annotated[Literal["csv", "parquet"], typer.Option("--format", help="csv or parquet")] = "csv",
    output: Annotated[Path | None, typer.Option(help="folder (default: raw beside the store)", metavar="DIR")] = None,
) -> None:
    """Write every model's modules as a table of its own, with shapes where `--shapes` has recorded them."""
    from model_extract.export import export
    from store import Store

    folder = output or settings.store.parent / "raw"
    with Store.open(settings.store, create=False) as store:
        count = export(store, folder, kind, progress)
    progress.result(f"{count_of(count, 'model')} written below {folder}", models=count, folder=str(folder))


@app.command("doctor")
@with_settings(*_DOCTOR_SETTINGS)
def doctor_command(settings: Settings, progress: Progress) -> None:
    """Check whether this machine can mine: reach of the Hub, token, rate limits, disk, memory, versions."""
    from model_extract.doctor import examine

    faults = 0
    for check in examine(settings):
        faults += check.verdict == "fault"
        progress.result(f"{check.verdict:<6} {check.subject}: {check.words}", **asdict(check))
    if faults:
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
