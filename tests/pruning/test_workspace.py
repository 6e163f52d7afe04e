"""Replacing a checkpoint: killed at any point, the old one or the new one is there, whole, and nothing else."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.settings import ROOT
from pruning.__main__ import app
from pruning.checkpoint import check_output
from pruning.workspace import recover, workspace

# Replaces a checkpoint again and again, each time in a child that kills itself with SIGKILL before one more of its
# changes of the file system; prints what was there after each, at once and after recovery.
KILLER = """
import json, os, shutil, signal, sys
from pathlib import Path
from pruning.workspace import recover, workspace

CHANGES = ("os.rename", "os.mkdir", "os.rmdir", "os.remove", "shutil.rmtree", "open")
parent, has_old = Path(sys.argv[1]), sys.argv[2] == "old"
target = parent / "out"

def replace(last):
    seen = 0
    def hook(event, arguments):
        nonlocal seen
        if event in CHANGES and str(parent) in str(arguments[0]):
            seen += 1
            if seen > last:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    with workspace(target) as place:
        place.draft.mkdir()
        for part in "ab":
            (place.draft / part).write_text("new")
        place.finish()

def content():
    return sorted({each.read_text() for each in target.iterdir()}) if target.exists() else None

last, done = 0, False
while not done:
    shutil.rmtree(parent)
    target.mkdir(parents=True)
    for part in "ab":
        (target / part).write_text("old")
    if not has_old:
        shutil.rmtree(target)
    child = os.fork()
    if child == 0:
        replace(last)
        os._exit(0)
    done = os.waitpid(child, 0)[1] == 0
    at_once = content()
    recover(parent)
    print(json.dumps([at_once, content(), sorted(each.name for each in parent.iterdir())]))
    last += 1
"""


def killed_everywhere(parent: Path, old: str) -> list[list[list[str] | None]]:
    parent.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", KILLER, str(parent), old]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return [json.loads(line) for line in answer.stdout.splitlines()]


def test_killed_at_any_point_the_old_or_the_new_checkpoint_is_there(tmp_path: Path) -> None:
    seen = killed_everywhere(tmp_path / "place", "old")
    assert len(seen) > 10
    assert {json.dumps(recovered) for _, recovered, _ in seen} == {'["old"]', '["new"]'}
    assert all(names == ["out"] for _, _, names in seen)
    gone = [recovered for at_once, recovered, _ in seen if at_once is None]
    assert gone == [["new"]]  # killed between the two renames


def test_killed_at_any_point_a_first_checkpoint_is_whole_or_not_there(tmp_path: Path) -> None:
    seen = killed_everywhere(tmp_path / "place", "none")
    assert {json.dumps(recovered) for _, recovered, _ in seen} == {"null", '["new"]'}
    assert all(names == (["out"] if recovered else []) for _, recovered, names in seen)


def test_prune_killed_between_the_renames_and_the_next_command(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "out"
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "rename = Path.rename\n"
        "def last(self, target):\n"
        "    rename(self, target)\n"
        "    os.kill(os.getpid(), signal.SIGKILL) if self.name == 'out' else None\n"
        "Path.rename = last\n"
        "from pruning.__main__ import app\n"
        "app()"
    )
    quick = ["--ratio", "0.5", "--evaluation-windows", "1", "--latency-repeats", "1", "--output", str(output)]
    base = str(checkpoints["opt"])
    first = CliRunner().invoke(app, ["prune", base, "--method", "random", *quick])
    assert first.exit_code == 0, first.stderr
    command = [sys.executable, "-c", script, "prune", base, "--method", "depth-last", *quick, "--overwrite"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, env=environment, capture_output=True).returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert {each.name for each in left.iterdir()} == {"target", "old", "checkpoint"}
    measured = CliRunner().invoke(app, ["inspect", str(output), "--json"])
    assert measured.exit_code == 0, measured.stderr
    assert json.loads(measured.stdout)["layers"] == 2  # what --overwrite asked for arrived
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_a_living_process_keeps_its_workspace(tmp_path: Path) -> None:
    with workspace(tmp_path / "one") as mine:
        mine.draft.mkdir()
        with workspace(tmp_path / "two"):
            pass
        check_output(tmp_path / "three", overwrite=False)
        assert mine.draft.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    notes = tmp_path / ".arborist-notes"
    notes.mkdir()
    (notes / "thesis.txt").write_text("years of work")
    (tmp_path / ".arborist-file").write_text("")
    (tmp_path / ".arborist-link").symlink_to(notes)
    names = {"out", ".arborist-unnamed", ".arborist-elsewhere", ".arborist-taken"}
    for name, target in ((".arborist-unnamed", None), (".arborist-elsewhere", "../out"), (".arborist-taken", "out")):
        for part in ("old", "checkpoint"):
            (tmp_path / name / part).mkdir(parents=True)
        if target:
            (tmp_path / name / "target").write_text(target)
    (tmp_path / "out").mkdir()
    before = sorted(tmp_path.rglob("*"))
    recover(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before
    assert names <= {each.name for each in before}


@pytest.mark.parametrize("error", [OSError("no"), KeyboardInterrupt()])
def test_an_error_between_the_renames_loses_nothing(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").touch()
    rename = Path.rename

    def once(self: Path, to: Path) -> Path:
        if self.name == "checkpoint":
            monkeypatch.undo()
            raise error
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", once)
    with pytest.raises(type(error)), workspace(target) as place:
        place.draft.mkdir()
        (place.draft / "new").touch()
        place.finish()
    expected = "old" if isinstance(error, OSError) else "new"
    assert [each.relative_to(tmp_path).as_posix() for each in tmp_path.rglob("*")] == ["out", f"out/{expected}"]
