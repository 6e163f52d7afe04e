"""Stage 4's impure shell: asks the store, writes the report."""

from pathlib import Path

from analysis.inputs import input_hash
from analysis.origin import Origin, RunOrigin
from analysis.output import check_folder, check_ownership, is_current, publish
from analysis.section import Answers
from analysis.sections.analyze.runs import RUNS
from analysis.sections.extract.catalog import SOURCES
from analysis.versions import index_name, version_folder, write_index
from pipeline.errors import UsageError
from pipeline.progress import Progress
from pipeline.settings import Settings
from pipeline.stages import StagePlan, StageReport
from store import Store
from store.provenance import content_hash

SECONDS_A_REPORT = 15.0


def check(settings: Settings) -> None:
    """Raise `UsageError` when the output folder cannot take the report."""
    check_folder(settings.output_dir)
    check_ownership(
        settings.output_dir, (index_name(settings.output_dir) if settings.append_timestamp else "README.md",)
    )


def run(store: Store, settings: Settings, progress: Progress) -> StageReport:
    """Write the report of what the store holds, or nothing when it stands there already."""
    check(settings)
    _check_store(store)
    with store.run("analyze", {"output_dir": settings.output_dir}) as handle:
        answers = Answers(store)
        hashed, folder = _asked_for(answers, settings), _folder(answers, settings)
        if is_current(folder, hashed):
            report = StageReport("analyze", {"files changed": 0}, (f"{folder}: nothing changed",))
        else:
            report = _write(folder, _files(answers, settings, progress), hashed, origin_of(store, answers), progress)
        if settings.append_timestamp:
            write_index(settings.output_dir)
        store.record_input(handle, hashed)
    return report


def plan(store: Store, settings: Settings) -> StagePlan:
    """Say whether the report would be written anew."""
    answers = Answers(store)
    if answers[RUNS]:
        folder = _folder(answers, settings)
        if is_current(folder, _asked_for(answers, settings)):
            return StagePlan("analyze", (), 0, 0.0)
    else:
        folder = settings.output_dir
    return StagePlan("analyze", (f"write the report into {folder}",), 0, SECONDS_A_REPORT)


def origin_of(store: Store, answers: Answers) -> Origin:
    """Return what a report of the store is made from, and by which code."""
    from analysis.freshness import fingerprints

    [(version,)] = store.rows("SELECT max(version) FROM schema_version")
    runs = tuple(RunOrigin(row.run_id, row.stage, row.git_commit) for row in answers[RUNS])
    return Origin(version, {row.source: row.n_models for row in answers[SOURCES]}, runs, fingerprints())


def _asked_for(answers: Answers, settings: Settings) -> str:
    """Return the hash of the rows, the code and the settings that a report depends on."""
    return content_hash({"input": input_hash(answers), "notebook": settings.notebook})


def _folder(answers: Answers, settings: Settings) -> Path:
    return version_folder(settings.output_dir, answers) if settings.append_timestamp else settings.output_dir


def _files(answers: Answers, settings: Settings, progress: Progress) -> dict[str, bytes]:
    from analysis.build import build_report
    from analysis.notebook import NOTEBOOK, notebook_bytes

    files = build_report(answers, progress, settings.worker_count)
    return {**files, NOTEBOOK: notebook_bytes()} if settings.notebook else files


def _write(folder: Path, files: dict[str, bytes], hashed: str, origin: Origin, progress: Progress) -> StageReport:
    changed = publish(folder, files, hashed, origin)
    if progress.verbose:
        for path in sorted(files):
            progress.note(f"wrote {folder / path}")
    return StageReport("analyze", {"files": len(files), "files changed": changed}, (f"report: {folder / 'README.md'}",))


def _check_store(store: Store) -> None:
    if not store.rows("SELECT 1 FROM extractions LIMIT 1"):
        raise UsageError("the store holds no mined models to report on; run `python run_pipeline.py --extract` first")
