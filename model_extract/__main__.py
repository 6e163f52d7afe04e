"""Command line of stage 1: `python -m model_extract run`, `python -m model_extract show MODEL`."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.cli import COMMON_SETTINGS, new_app, with_settings
from pipeline.progress import Progress
from pipeline.settings import Settings

app = new_app(
    "Lists models and reads their structure without their weights: tables sightings, extractions, modules, traits."
)

_EXTRACT_SETTINGS = ("tasks", "limit", "model_seconds", "model_memory", "max_modules", "hub_seconds")
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


if __name__ == "__main__":
    app()
