"""Stage 4's impure shell: asks the store, writes the report."""

from analysis.inputs import input_hash
from analysis.output import check_folder, check_ownership, is_current, publish
from analysis.section import Answers
from pipeline.errors import UsageError
from pipeline.progress import Progress
from pipeline.settings import Settings
from pipeline.stages import StagePlan, StageReport
from store import Store

SECONDS_A_REPORT = 15.0


def check(settings: Settings) -> None:
    """Raise `UsageError` when the output folder cannot take the report."""
    check_folder(settings.output_dir)
    check_ownership(settings.output_dir, ("README.md",))


def run(store: Store, settings: Settings, progress: Progress) -> StageReport:
    """Write the report of what the store holds, or nothing when it stands there already."""
    check(settings)
    _check_store(store)
    with store.run("analyze", {"output_dir": settings.output_dir}) as handle:
        answers = Answers(store)
        hashed = input_hash(answers)
        if is_current(settings.output_dir, hashed):
            report = StageReport("analyze", {"files changed": 0}, (f"{settings.output_dir}: nothing changed",))
        else:
            report = _write(answers, settings, progress, hashed)
        store.record_input(handle, hashed)
    return report


def plan(store: Store, settings: Settings) -> StagePlan:
    """Say whether the report would be written anew."""
    if is_current(settings.output_dir, input_hash(Answers(store))):
        return StagePlan("analyze", (), 0, 0.0)
    return StagePlan("analyze", (f"write the report into {settings.output_dir}",), 0, SECONDS_A_REPORT)


def _write(answers: Answers, settings: Settings, progress: Progress, hashed: str) -> StageReport:
    from analysis.build import build_report

    files = build_report(answers, progress, settings.worker_count)
    changed = publish(settings.output_dir, files, hashed)
    if progress.verbose:
        for path in sorted(files):
            progress.note(f"wrote {settings.output_dir / path}")
    counts = {"files": len(files), "files changed": changed}
    return StageReport("analyze", counts, (f"report: {settings.output_dir / 'README.md'}",))


def _check_store(store: Store) -> None:
    if not store.rows("SELECT 1 FROM extractions LIMIT 1"):
        raise UsageError("the store holds no mined models to report on; run `python run_pipeline.py --extract` first")
