"""Versions of the report side by side."""

from dataclasses import replace
from pathlib import Path

import pytest

from analysis import stage
from analysis.output import MANIFEST, is_current, read_manifest
from analysis.section import Answers
from analysis.sections.extract.catalog import SOURCES
from pipeline.errors import UsageError
from pipeline.progress import PlainProgress, Progress
from pipeline.settings import Settings, load_settings
from store import Store
from store.records import ExtractionRecord, RunRecord, SightingRecord
from tests.analysis.synthetic import EXTRACT_RUN

LATER = "20261108T080000.000000-eeeeee"
PROGRESS = PlainProgress()


def settings_for(folder: Path, *, versions: bool) -> Settings:
    return load_settings({"output_dir": str(folder), "append_timestamp": versions})


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def small_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in a report is not what is tested here."""
    monkeypatch.setattr("analysis.build.build_report", small_files)


def small_files(answers: Answers, progress: Progress, workers: int) -> dict[str, bytes]:
    return {"README.md": repr(answers[SOURCES]).encode(), "reports/extract.md": b"a page"}


def mine_one_more(store: Store) -> None:
    [(run,)] = [store.rows("SELECT * FROM runs WHERE run_id = $run", {"run": EXTRACT_RUN})]
    first = RunRecord(*run)
    later = first.started_at.replace(day=8)
    store.insert(
        [replace(first, run_id=LATER, started_at=later, finished_at=later)],
        [SightingRecord(LATER, "one-more", "builtin", "5.23.0")],
        [ExtractionRecord(LATER, "one-more", "builtin", "5.23.0", "skipped", "component", "meta-device", None, 0.1)],
    )


def test_a_version_is_a_folder_named_by_the_newest_run_and_written_once(catalog_store: Store, tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "out", versions=True)
    assert stage.plan(catalog_store, settings).steps == (f"write the report into {tmp_path}/out/20261101T080000Z",)
    stage.run(catalog_store, settings, PROGRESS)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"20261101T080000Z", "README.md", MANIFEST}
    before = contents(tmp_path)
    assert stage.plan(catalog_store, settings).steps == ()
    assert stage.run(catalog_store, settings, PROGRESS).counts == {"files changed": 0}
    assert contents(tmp_path) == before


def test_a_new_run_gives_a_new_version_and_the_index_lists_the_newest_first(
    catalog_store: Store, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, versions=True)
    stage.run(catalog_store, settings, PROGRESS)
    first = contents(tmp_path / "20261101T080000Z")
    mine_one_more(catalog_store)
    stage.run(catalog_store, settings, PROGRESS)
    assert contents(tmp_path / "20261101T080000Z") == first
    [newest, oldest] = [line for line in (tmp_path / "README.md").read_text().splitlines() if line.startswith("| [")]
    assert newest.startswith(f"| [20261108T080000Z](20261108T080000Z/README.md) | {LATER} | builtin 56, reference 5 |")
    assert oldest.startswith(f"| [20261101T080000Z](20261101T080000Z/README.md) | {EXTRACT_RUN} | builtin 55, ")
    assert (tmp_path / "20261108T080000Z" / "README.md").is_file()


def test_a_report_in_the_folder_itself_stays_beside_versions(catalog_store: Store, tmp_path: Path) -> None:
    plain, versions = settings_for(tmp_path, versions=False), settings_for(tmp_path, versions=True)
    stage.run(catalog_store, plain, PROGRESS)
    report = contents(tmp_path)
    stage.run(catalog_store, versions, PROGRESS)
    assert "Versions of the report" in (tmp_path / "versions.md").read_text()
    assert (tmp_path / "README.md").read_bytes() == report["README.md"]
    assert stage.plan(catalog_store, plain).steps == ()
    mine_one_more(catalog_store)
    stage.run(catalog_store, plain, PROGRESS)
    assert (tmp_path / "README.md").read_bytes() != report["README.md"]
    assert {"versions.md", "README.md"} <= set(read_manifest(tmp_path).files)
    assert (tmp_path / "20261101T080000Z" / "README.md").is_file()


def test_a_report_may_follow_an_index_of_versions(catalog_store: Store, tmp_path: Path) -> None:
    stage.run(catalog_store, settings_for(tmp_path, versions=True), PROGRESS)
    stage.run(catalog_store, settings_for(tmp_path, versions=False), PROGRESS)
    assert (tmp_path / "README.md").read_bytes() == (tmp_path / "20261101T080000Z" / "README.md").read_bytes()


def test_a_foreign_index_is_never_replaced(catalog_store: Store, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(UsageError, match="was not made by this program"):
        stage.run(catalog_store, settings_for(tmp_path, versions=True), PROGRESS)
    assert contents(tmp_path) == {"README.md": b"mine"}


def test_the_notebook_comes_when_asked_for_and_goes_again(catalog_store: Store, tmp_path: Path) -> None:
    asked = load_settings({"output_dir": str(tmp_path), "notebook": True})
    stage.run(catalog_store, asked, PROGRESS)
    assert (tmp_path / "exports" / "arborist.ipynb").is_file()
    assert stage.plan(catalog_store, asked).steps == ()
    stage.run(catalog_store, settings_for(tmp_path, versions=False), PROGRESS)
    assert not (tmp_path / "exports" / "arborist.ipynb").exists()


def test_the_index_is_written_again_after_a_kill_in_between(
    catalog_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(tmp_path, versions=True)
    stage.run(catalog_store, settings, PROGRESS)
    replacing = Path.replace

    def killed(self: Path, target: Path) -> Path:
        if target.name == "README.md" and target.parent == tmp_path:
            raise KeyboardInterrupt
        return replacing(self, target)

    mine_one_more(catalog_store)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            stage.run(catalog_store, settings, PROGRESS)
    stage.run(catalog_store, settings, PROGRESS)
    assert "20261108T080000Z" in (tmp_path / "README.md").read_text()
    assert is_current(tmp_path, "")
