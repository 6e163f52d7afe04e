"""Writing the report: only own files are touched, nothing is done twice, a broken write is repaired."""

import subprocess
import sys
from pathlib import Path

import pytest

from analysis import stage
from analysis.output import MANIFEST, check_folder, is_current, publish, read_manifest
from pipeline.errors import UsageError
from pipeline.progress import PlainProgress
from pipeline.settings import Settings, load_settings
from store import Store
from store.records import SightingRecord

FILES = {"README.md": b"# index\n", "images/a.png": b"png", "csv_data/a.csv": b"a\n1\n"}


def settings_for(folder: Path) -> Settings:
    return load_settings({"output_dir": str(folder)})


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_publishing_twice_changes_nothing(tmp_path: Path) -> None:
    assert publish(tmp_path, FILES, "hash") == 3
    before = contents(tmp_path)
    assert publish(tmp_path, FILES, "hash") == 0
    assert contents(tmp_path) == before
    assert {*before} == {*FILES, MANIFEST}


def test_files_that_are_no_more_go_and_foreign_ones_stay(tmp_path: Path) -> None:
    publish(tmp_path, FILES, "one")
    (tmp_path / "images" / "mine.png").write_bytes(b"mine")
    (tmp_path / "notes.txt").write_text("mine")
    publish(tmp_path, {"README.md": b"# new\n"}, "two")
    assert {*contents(tmp_path)} == {"README.md", MANIFEST, "images/mine.png", "notes.txt"}


def test_a_foreign_file_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("the project's own")
    with pytest.raises(UsageError, match="was not made by this program"):
        stage.check(settings_for(tmp_path))
    with pytest.raises(UsageError, match="was not made by this program"):
        publish(tmp_path, FILES, "hash")
    assert contents(tmp_path) == {"README.md": b"the project's own"}


def test_a_changed_or_lost_file_is_noticed_and_restored(tmp_path: Path) -> None:
    publish(tmp_path, FILES, "hash")
    assert is_current(tmp_path, "hash")
    assert not is_current(tmp_path, "other")
    (tmp_path / "csv_data" / "a.csv").unlink()
    assert not is_current(tmp_path, "hash")
    (tmp_path / "README.md").write_text("edited")
    assert publish(tmp_path, FILES, "hash") == 2
    assert is_current(tmp_path, "hash")


@pytest.mark.parametrize("done", range(5))
def test_a_write_that_is_killed_midway_is_finished_by_the_next(
    done: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, {"README.md": b"old", "reports/old.md": b"old"}, "one")
    renames = 0
    replace = Path.replace

    def killed(self: Path, target: Path) -> Path:
        nonlocal renames
        renames += 1
        if renames > done:
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            publish(tmp_path, FILES, "two")
    assert not is_current(tmp_path, "two")
    publish(tmp_path, FILES, "two")
    assert is_current(tmp_path, "two")
    assert {*contents(tmp_path)} == {*FILES, MANIFEST}


def test_a_manifest_cannot_point_outside_the_folder(tmp_path: Path) -> None:
    victim = tmp_path / "victim.md"
    victim.write_text("keep")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / MANIFEST).write_text('{"input_hash": "x", "files": {"../victim.md": "1", "images/../../victim.md": "2"}}')
    assert read_manifest(folder).files == {}
    publish(folder, FILES, "hash")
    assert victim.read_text() == "keep"


@pytest.mark.parametrize("broken", ["", "[]", '{"files": 3}', '{"files": {"a": 1}}', "\x00"])
def test_a_broken_manifest_counts_as_none(broken: str, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(broken)
    assert read_manifest(tmp_path).files == {}


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match="--output-dir: expected a folder, got the file"):
            check_folder(folder)


def test_a_folder_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(UsageError, match="--output-dir: expected a folder that can be written"):
        check_folder(Path("/proc/self/nothing"))


def test_checking_leaves_nothing_behind(tmp_path: Path) -> None:
    check_folder(tmp_path / "new" / "deep")
    assert [*tmp_path.iterdir()] == []


def test_the_stage_writes_once_and_again_only_when_something_came_in(catalog_store: Store, tmp_path: Path) -> None:
    settings, progress = settings_for(tmp_path / "out"), PlainProgress()
    assert stage.plan(catalog_store, settings).steps
    first = stage.run(catalog_store, settings, progress)
    assert first.counts["files changed"] == first.counts["files"] > 10
    assert stage.plan(catalog_store, settings).steps == ()
    before = contents(tmp_path)
    assert stage.run(catalog_store, settings, progress).counts == {"files changed": 0}
    assert contents(tmp_path) == before
    later = "20261102T080000.000000-dddddd"
    catalog_store.connection.execute(
        "INSERT INTO sightings SELECT * REPLACE ($run AS run_id) FROM sightings", {"run": later}
    )
    assert stage.plan(catalog_store, settings).steps == (), "seeing the same models again is no news"
    catalog_store.insert([SightingRecord(later, "new", "builtin", "5.23.0")])
    assert stage.plan(catalog_store, settings).steps
    hashes = catalog_store.rows("SELECT DISTINCT input_hash FROM runs WHERE stage = 'analyze' AND status = 'done'")
    assert len(hashes) == 1


def test_an_empty_store_says_what_to_run(empty_store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--extract"):
        stage.run(empty_store, settings_for(tmp_path), PlainProgress())
    assert [*tmp_path.iterdir()] == []


def test_the_command_line_loads_nothing_heavy() -> None:
    program = (
        "import sys, analysis.__main__, analysis.stage, analysis.sections\n"
        "print([name for name in ('matplotlib', 'pandas', 'jinja2', 'PIL') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
