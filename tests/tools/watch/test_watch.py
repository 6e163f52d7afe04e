"""The watch: what is old, what jumps, and the one issue that says so."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import StageError, UsageError
from pipeline.settings import ROOT
from tests.tools.fake_gh import make_gh
from tools.watch.__main__ import main, number
from tools.watch.confirmed import confirmed_at
from tools.watch.decision import Thresholds, findings
from tools.watch.issue import TITLE, keep_issue
from tools.watch.published import Published, Tally, read_published, start_of, tallies_of
from tools.workflows import Machine, run_workflow

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
USUAL = Thresholds(days=9, jump=0.1)
GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid"]


def report(age: float = 1, now: Tally | None = None, earlier: tuple[Tally, ...] = ()) -> Published:
    tallies = {"models": now} if now else {}
    return Published(NOW - timedelta(days=age), tallies, tuple({"models": each} for each in earlier))


@pytest.mark.parametrize(
    ("published", "words"),
    [
        (report(9), []),
        (report(9.01), ["more than 9 days ago"]),
        (Published(None, {}, ()), ["names no run"]),
        (report(now=Tally(80, 20)), []),  # nothing to compare with
        (report(now=Tally(80, 20), earlier=(Tally(90, 10),)), []),  # exactly the threshold is no jump
        (report(now=Tally(79, 21), earlier=(Tally(90, 10),)), ["21.0%"]),
        (report(now=Tally(5, 4), earlier=(Tally(100, 0),)), []),  # too few to say
        (report(now=Tally(50, 50), earlier=(Tally(9, 0),)), []),  # too few before
        (report(now=Tally(50, 50), earlier=(Tally(50, 50), Tally(99, 1), Tally(99, 1))), ["1.0% (median of 3)"]),
        (report(now=Tally(50, 50), earlier=(Tally(50, 50), Tally(49, 51), Tally(99, 1))), []),
        (report(10, now=Tally(0, 100), earlier=(Tally(100, 0),)), ["days ago", "jump"]),
    ],
)
def test_what_is_found(published: Published, words: list[str]) -> None:
    found = findings(published, USUAL, NOW, None)
    assert len(found) == len(words)
    assert all(word in sentence for word, sentence in zip(words, found, strict=True))


def test_the_same_report_gives_the_same_sentences_the_next_day() -> None:
    old = report(12)
    assert findings(old, USUAL, NOW, None) == findings(old, USUAL, NOW + timedelta(days=1), None) != []


@pytest.mark.parametrize(
    ("confirmed", "words"),
    [(8, []), (9, []), (9.01, ["2026-11-12 11:45 UTC, more than 9 days ago"]), (30, ["2026-10-31 12:00 UTC"])],
)
def test_a_report_that_a_good_run_found_unchanged_is_not_old(confirmed: float, words: list[str]) -> None:
    found = findings(report(21), USUAL, NOW, NOW - timedelta(days=confirmed))
    assert len(found) == len(words)
    assert all(word in sentence for word, sentence in zip(words, found, strict=True))


def test_a_good_run_is_no_excuse_for_a_report_without_a_run() -> None:
    assert "names no run" in findings(Published(None, {}, ()), USUAL, NOW, NOW)[0]


@given(st.lists(st.tuples(st.sampled_from(["extracted", "failed", "skipped", "refused", "done"]), st.integers(0, 999))))
def test_tallies_count_what_was_tried(rows: list[tuple[str, int]]) -> None:
    text = "what,status,count\n" + "".join(f"models,{status},{count}\n" for status, count in rows)
    tally = tallies_of(text).get("models", Tally())
    assert tally.failed == sum(count for status, count in rows if status == "failed")
    assert tally.done == sum(count for status, count in rows if status in ("extracted", "done"))


@pytest.mark.parametrize(
    "line", ["@everyone <b>,failed,100", f"models,failed,{'9' * 5000}", f"{'x' * 200_000},failed,1"]
)
def test_a_line_of_somebody_else_does_not_count(line: str) -> None:
    assert tallies_of(f"what,status,count\nmodels,done,7\n{line}\n") == {"models": Tally(7)}


@given(st.text())
def test_any_text_is_read_or_left_out(text: str) -> None:
    assert all(tally.total >= 0 for tally in tallies_of(text).values())
    started = start_of(text)
    assert started is None or started.tzinfo is UTC


def write_report(folder: Path, run_id: str, failed: int) -> None:
    (folder / "exports").mkdir(parents=True, exist_ok=True)
    (folder / "exports/outcomes.csv").write_text(f"what,status,count\nmodels,extracted,90\nmodels,failed,{failed}\n")
    run = {"run_id": run_id, "stage": "extract", "git_commit": None}
    origin = {"schema_version": 6, "sources": {}, "runs": [run], "parts": {}}
    (folder / "manifest.json").write_text(json.dumps({"input_hash": "a", "origin": origin, "files": {}}))


def run_id(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond:06d}-a25ecc"


def git(folder: Path, *words: str) -> None:
    subprocess.run([*GIT, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A checkout whose report was published three times: 1, 2 and 3 failures, the newest run at NOW."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for failed in (1, 2, 3):
        write_report(folder / "analysis_result", run_id(NOW), failed)
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", f"report {failed}")
    (folder / "other.txt").write_text("no report")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "other")
    return folder / "analysis_result"


def test_earlier_versions_come_from_git(published: Path) -> None:
    read = read_published(published, 5)
    assert read.newest_run == NOW
    assert read.tallies == {"models": Tally(90, 3)}
    assert [each["models"].failed for each in read.earlier] == [2, 1]
    assert [each["models"].failed for each in read_published(published, 1).earlier] == [2]


def test_a_report_outside_git_has_no_earlier_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    write_report(tmp_path, run_id(NOW), 3)
    assert read_published(tmp_path, 5).earlier == ()
    assert read_published(tmp_path / "nothing", 5) == Published(None, {}, ())


@pytest.fixture
def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = make_gh(tmp_path / "programs")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def issues(gh: Path) -> list[dict[str, object]]:
    return json.loads((gh / "issues.json").read_text())


def test_one_issue_is_opened_updated_and_closed(gh: Path) -> None:
    steps = [[], ["old"], ["old"], ["old", "`jump` $(touch x)"], [], ["old"]]
    done = [keep_issue(found) for found in steps]
    assert done == ["left as it is", "opened", "left as it is", "updated", "closed", "opened"]
    first, second = issues(gh)
    assert (first["state"], second["state"]) == ("closed", "open")
    assert "- `jump` $(touch x)\n" in str(first["body"])


@pytest.mark.parametrize(
    ("runs", "requests", "expected"),
    [
        ([], [], None),
        ([NOW], [], NOW),
        ([NOW], [False], None),  # what it found is not published yet
        ([NOW], [True], NOW),  # a fork's branch may have any name
    ],
)
def test_a_good_run_confirms_what_waits_for_nobody(
    gh: Path, runs: list[datetime], requests: list[bool], expected: datetime | None
) -> None:
    (gh / "runs.json").write_text(json.dumps([{"createdAt": f"{run:%Y-%m-%dT%H:%M:%SZ}"} for run in runs]))
    (gh / "requests.json").write_text(
        json.dumps([{"number": number, "isCrossRepository": fork} for number, fork in enumerate(requests, 1)])
    )
    assert confirmed_at("main") == expected
    for line in (gh / "calls.jsonl").read_text().splitlines():
        call = json.loads(line)
        assert call[0] == "pr" or {"--event=schedule", "--status=success", "--workflow=pipeline.yml"} <= set(call)


def test_times_that_are_none(gh: Path) -> None:
    (gh / "runs.json").write_text('[{"createdAt": "yesterday"}]')
    with pytest.raises(StageError, match="expected times"):
        confirmed_at("main")


def test_an_issue_that_a_person_wrote_is_left_alone(gh: Path) -> None:
    theirs = {"number": 1, "title": TITLE, "body": "mine", "state": "open", "app": "someone"}
    (gh / "issues.json").write_text(json.dumps([theirs]))
    assert [keep_issue(["old"]), keep_issue([])] == ["opened", "closed"]
    assert issues(gh)[0] == theirs


@pytest.mark.parametrize(("days", "code"), [("100000", 2), ("nan", 2), ("-1", 2), ("x", 2), ("3000", 0), ("1e-9", 1)])
def test_exit_status(days: str, code: int, published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_report(published, run_id(datetime.now(UTC) - timedelta(days=1)), 3)
    assert main(["--report", str(published), "--days", days]) == code
    assert ("--days: expected" in capsys.readouterr().err) == (code == 2)


def test_numbers() -> None:
    assert number("--jump", "0.5", 1) == 0.5
    for text in ("0", "1.1", "inf", "", "A" * 10_000):
        with pytest.raises(UsageError, match="--jump: expected a number above 0"):
            number("--jump", text, 1)


def test_it_needs_nothing_but_python(published: Path) -> None:
    """The runner installs nothing for it: without site-packages it must work as well."""
    words = [sys.executable, "-S", "-m", "tools.watch", "--report", str(published), "--days", "3000"]
    done = subprocess.run(words, cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "all is well\n"), done.stderr


def test_the_workflow_keeps_the_issue(published: Path, tmp_path: Path) -> None:
    checkout = published.parent
    for name in ("tools/ci", "tools/watch", "pipeline"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("analysis/__init__.py", "analysis/output.py", "analysis/origin.py", "tools/__init__.py"):
        (checkout / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    gh = make_gh(tmp_path / "programs")
    machine = Machine(programs=(gh,))

    def watch(days: str, publish: str = "") -> tuple[str, dict[str, str] | None]:
        git(checkout, "add", ".")
        git(checkout, "commit", "-q", "--allow-empty", "-m", "next")
        path = ROOT / ".github/workflows/watch.yml"
        variables = {"ARBORIST_WATCH_DAYS": days, "ARBORIST_PUBLISH": publish}
        result = run_workflow(path, "schedule", {}, variables, checkout, tmp_path / "runs", machine=machine)
        return result.conclusion, result.job("watch").permissions

    allowed = {"contents": "read", "issues": "write", "actions": "read", "pull-requests": "read"}
    write_report(published, run_id(datetime.now(UTC) - timedelta(days=20)), 80)
    assert watch("") == ("success", allowed)
    [issue] = issues(gh)
    assert "more than 9 days ago" in str(issue["body"])
    assert "Of 170 models 80 failed (47.1%); in the reports before it was 2.2% (median of 3)" in str(issue["body"])
    (gh / "runs.json").write_text(json.dumps([{"createdAt": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}]))
    assert watch("") == ("success", allowed)
    assert "more than 9 days ago" not in str(issues(gh)[0]["body"])
    assert watch("", "none") == ("success", allowed)
    assert "more than 9 days ago" in str(issues(gh)[0]["body"])
    write_report(published, run_id(datetime.now(UTC)), 3)
    assert watch("") == ("success", allowed)
    assert issues(gh)[0]["state"] == "closed"
    assert watch("soon") == ("failure", allowed)
