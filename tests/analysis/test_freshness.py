"""A report knows which code made it; the committed one is of the code of today and of a real run.

After `make run`, `python run_pipeline.py --analyze` renews the committed one.
"""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from analysis.freshness import Stale, fingerprints, reached_files, stale_parts
from analysis.origin import Origin
from analysis.output import MANIFEST, is_current, read_manifest
from analysis.section import QUERIES
from analysis.sections import SECTIONS
from pipeline.settings import ROOT
from store import Store

REPORT = ROOT / "analysis_result"
RENEW = "renew analysis_result/ with `python run_pipeline.py --analyze` (after `make run`) and commit it"


def origin() -> Origin:
    return read_manifest(REPORT).origin


def git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()


def test_the_committed_report_is_of_the_code_of_today() -> None:
    stale = stale_parts(origin().parts, fingerprints())
    assert not stale, f"{', '.join(f'{each.part} ({each.why})' for each in stale)}: {RENEW}"


def test_the_committed_report_is_of_the_schema_of_today() -> None:
    with Store.open(None) as store:
        [(version,)] = store.rows("SELECT max(version) FROM schema_version")
    assert origin().schema_version == version, RENEW


def test_the_committed_report_is_whole_and_nothing_else_lies_there() -> None:
    manifest = read_manifest(REPORT)
    assert is_current(REPORT, manifest.input_hash), f"files were changed by hand: {RENEW}"
    files = {str(path.relative_to(REPORT)) for path in REPORT.rglob("*") if path.is_file()}
    assert files == {*manifest.files, MANIFEST}, RENEW


def test_the_committed_report_is_of_a_real_run() -> None:
    assert {run.stage for run in origin().runs} == {"extract", "process", "prune"}, RENEW
    assert {"builtin", "reference"} <= set(origin().sources), RENEW
    text = (REPORT / "reports" / "analyze.md").read_text(encoding="utf-8")
    assert [run.run_id for run in origin().runs if run.run_id not in text] == []


def test_the_commits_behind_the_committed_report_are_in_the_history() -> None:
    if not (ROOT / ".git").exists() or git("rev-parse", "--is-shallow-repository") == "true":
        pytest.skip("no history here")
    for run in origin().runs:
        assert run.git_commit and not run.git_commit.endswith("-dirty"), f"{run.run_id} is of no commit: {RENEW}"
        git("merge-base", "--is-ancestor", run.git_commit, "HEAD")


def test_every_plug_in_has_a_fingerprint_of_its_own_code() -> None:
    found = fingerprints()
    assert {f"section {section.name}" for section in SECTIONS} | {"writer"} <= set(found)
    assert len(set(found.values())) > len(SECTIONS) / 2
    reached = {path.relative_to(ROOT).as_posix() for path in reached_files("analysis.sections.prune.dense")}
    assert {"analysis/sections/prune/dense.py", "analysis/numbers.py", "analysis/document.py"} <= reached
    assert "analysis/sections/prune/samples.py" not in reached


def edited(monkeypatch: pytest.MonkeyPatch, path: Path, edit: Any) -> set[str]:
    """Return the parts that are stale after an edit of a file."""
    before, read = fingerprints(), Path.read_text

    def read_edited(self: Path, *arguments: Any, **options: Any) -> str:
        text = read(self, *arguments, **options)
        return edit(text) if self == path else text

    monkeypatch.setattr(Path, "read_text", read_edited)
    return {stale.part for stale in stale_parts(before, fingerprints())}


def test_a_changed_query_is_blamed_on_the_sections_that_ask_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = {f"section {each.name}" for each in SECTIONS if "tasks.sql" in {query.path.name for query in each.queries}}
    stale = edited(monkeypatch, QUERIES / "tasks.sql", lambda text: text.replace("SELECT", "SELECT DISTINCT"))
    assert {part for part in stale if part.startswith("section")} == asking != set()


def test_a_changed_writer_is_blamed_on_the_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    stale = edited(monkeypatch, ROOT / "analysis" / "templates" / "page.md.j2", lambda text: text + "end\n")
    assert stale == {"writer"}


def test_a_comment_makes_nothing_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    assert edited(monkeypatch, ROOT / "analysis" / "numbers.py", lambda text: f"# why\n\n{text}") == set()
    assert edited(monkeypatch, ROOT / "analysis" / "numbers.py", lambda text: f"{text}\nX = 1\n")


def test_new_and_lost_parts_are_named() -> None:
    assert stale_parts({"a": "1", "b": "1", "c": "1"}, {"b": "1", "c": "2", "d": "1"}) == [
        Stale("a", "it is no more"),
        Stale("c", "its code changed"),
        Stale("d", "it is new"),
    ]
