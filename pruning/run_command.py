"""What `python -m pruning run` does: run the plan, say what it is, or cut it into jobs."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.progress import Progress
from pipeline.settings import Settings
from pipeline.stages import tell_plan
from pipeline.text import count_of
from pruning import stage
from pruning.experiments.plan import make_plan
from pruning.experiments.shards import check_shards, cut, write_matrix
from store import Store


@dataclass(frozen=True)
class RunOrder:
    """What `run` was asked, beside the settings; without a file for the plan, and with no dry run, the plan is run."""

    dry_run: bool
    plan_json: Path | None
    shards: int


def run_command(asked: RunOrder, settings: Settings, progress: Progress) -> None:
    """Run the plan on the store, or only tell or write it."""
    check_shards(asked.shards)
    stage.check(settings)
    with Store.open(settings.store, create=False) as store:
        if asked.plan_json is not None:
            _write(store, asked.plan_json, asked.shards, settings, progress)
        if asked.dry_run:
            tell_plan(stage.plan(store, settings), progress)
        elif asked.plan_json is None:
            _run(store, settings, progress)


def _write(store: Store, path: Path, shards: int, settings: Settings, progress: Progress) -> None:
    plan = make_plan(store, settings)
    write_matrix(path, plan.todo, shards)
    parts = len(cut(plan.todo, shards))
    work = f"{count_of(len(plan.todo), 'experiment')} in {count_of(parts, 'job')}, about {plan.seconds:.0f} s of work"
    progress.note(f"{path}: {work}")


def _run(store: Store, settings: Settings, progress: Progress) -> None:
    report = stage.run(store, settings, progress)
    counts = ", ".join(f"{count:,} {what}" for what, count in report.counts.items())
    progress.result("\n".join([f"prune: {counts}", *report.notes]), stage=report.stage, counts=report.counts)
