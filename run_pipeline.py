"""The whole pipeline: `python run_pipeline.py --all`, or any of its stages."""

from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Protocol, cast

import typer

from pipeline.cli import new_app, with_settings
from pipeline.errors import StageError, UsageError
from pipeline.progress import Progress
from pipeline.settings import Settings
from pipeline.stages import StageName, StagePlan, StageReport, tell_plan

if TYPE_CHECKING:
    from store import Store

STAGE_MODULES: dict[StageName, str] = {
    "extract": "model_extract.stage",
    "process": "data_processing.stage",
    "prune": "pruning.stage",
    "analyze": "analysis.stage",
}

app = new_app("Mine architectures, group them into families, prune their representatives, write the report.")


class Stage(Protocol):
    """What a stage's module offers."""

    def check(self, settings: Settings) -> None: ...

    def run(self, store: "Store", settings: Settings, progress: Progress) -> StageReport: ...

    def plan(self, store: "Store", settings: Settings) -> StagePlan: ...


@app.command()
@with_settings(*Settings.model_fields)
def main(
    settings: Settings,
    progress: Progress,
    all_stages: Annotated[bool, typer.Option("--all", help="run every stage")] = False,
    extract: Annotated[bool, typer.Option("--extract", help="stage 1: list models, read their structure")] = False,
    process: Annotated[bool, typer.Option("--process", help="stage 2: families and representatives")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="stage 3: pruning experiments")] = False,
    analyze: Annotated[bool, typer.Option("--analyze", help="stage 4: report")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what would run, download and take; do nothing")
    ] = False,
) -> None:
    """Run the chosen stages in order on one store. The same command goes on where it was stopped."""
    from store import Store

    asked: dict[StageName, bool] = {"extract": extract, "process": process, "prune": prune, "analyze": analyze}
    stages: list[StageName] = [name for name, wanted in asked.items() if wanted or all_stages]
    if not stages:
        raise UsageError("nothing to run: give --all or some of --extract, --process, --prune, --analyze")
    modules: dict[StageName, Stage] = {name: cast(Stage, import_module(STAGE_MODULES[name])) for name in stages}
    for module in modules.values():
        module.check(settings)
    if "prune" in modules and not dry_run:
        from pruning.devices import check_machine

        check_machine(settings)  # before the hours of the stages that come first
    # A dry run leaves nothing behind, not even an empty store.
    with Store.open(settings.store if settings.store.exists() or not dry_run else None) as store:
        for name, module in modules.items():
            if dry_run:
                tell_plan(module.plan(store, settings), progress)
            else:
                _run_stage(name, module, store, settings, progress)
    if not dry_run:
        progress.note(f"store: {settings.store}")


def _run_stage(name: StageName, module: Stage, store: "Store", settings: Settings, progress: Progress) -> None:
    progress.note(f"{name}: starts")
    started = monotonic()
    try:
        report = module.run(store, settings, progress)
    except UsageError as error:
        raise StageError(f"stage {name}: {error}") from error
    seconds = monotonic() - started
    counts = ", ".join(f"{count:,} {what}" for what, count in report.counts.items())
    text = "\n".join([f"{name}: done in {seconds:.0f} s: {counts or 'nothing to count'}", *report.notes])
    progress.result(text, stage=name, seconds=round(seconds, 1), counts=report.counts, notes=report.notes)


if __name__ == "__main__":
    app()
