"""A confined child can do none of what it must not, and all that building needs."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.engines import Limits, Outcome, Task, run_tasks
from pipeline.settings import ROOT

sys.path.insert(0, str(Path(__file__).parent))  # children import the functions by module name
from confined_tasks import FORBIDDEN, Attempt, attempt_it, native_write, work_as_usual

FREE = Limits(memory_bytes=500_000_000, seconds=20)
CONFINED = Limits(memory_bytes=500_000_000, seconds=20, confined=True)
PRESENT = {"present": "content", "token": "hf_canary"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in PRESENT.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.02)  # a connection to this machine waits in the queue at once
        yield server


def outcome_of(function: object, argument: object, limits: Limits = CONFINED) -> Outcome:
    (outcome,) = run_tasks(function, [Task("", argument)], workers=1, limits=limits)  # pyright: ignore[reportArgumentType]
    return outcome


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_is_forbidden_fails_by_name_and_leaves_no_trace(name: str, folder: Path, listener: socket.socket) -> None:
    outcome = outcome_of(attempt_it, Attempt(name, str(folder), listener.getsockname()[1]))
    assert (outcome.status, outcome.value) == ("error", None)
    assert "a confined process may not" in outcome.detail
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == PRESENT
    assert "hf_canary" not in outcome.detail
    with pytest.raises(TimeoutError):
        listener.accept()


@pytest.mark.parametrize("name", ["connect", "write", "process", "unpickle", "token"])
def test_the_same_works_in_a_free_child(name: str, folder: Path, listener: socket.socket) -> None:
    outcome = outcome_of(attempt_it, Attempt(name, str(folder), listener.getsockname()[1]), FREE)
    assert outcome.value == "it worked", outcome.detail


def test_reading_importing_and_printing_go_on(tmp_path: Path) -> None:
    path = tmp_path / "given.json"
    path.write_text(json.dumps({"a": [1]}), encoding="utf-8")
    assert outcome_of(work_as_usual, str(path)).value == ({"a": [1]}, "wave", "1", True)


def test_a_refusal_costs_one_task_and_not_the_child(folder: Path) -> None:
    tasks = [Task(str(number), Attempt("write", str(folder), 0)) for number in range(3)]
    outcomes = list(run_tasks(attempt_it, tasks, workers=1, limits=CONFINED))
    assert [outcome.status for outcome in outcomes] == ["error"] * 3


def test_code_below_python_writes_nothing_either(tmp_path: Path) -> None:
    assert outcome_of(native_write, str(tmp_path)).value == -1
    assert [path.read_bytes() for path in tmp_path.iterdir()] in ([], [b""])


def test_what_a_confined_child_prints_reaches_no_terminal(tmp_path: Path) -> None:
    (tmp_path / "given.json").write_text("1", encoding="utf-8")
    script = (
        "from pipeline.engines import Limits, Task, run_tasks; from confined_tasks import work_as_usual\n"
        "if __name__ == '__main__':\n"
        "    limits = Limits(10**8, 20, confined=True)\n"
        f"    tasks = [Task('', {str(tmp_path / 'given.json')!r})]\n"
        "    print([each.status for each in run_tasks(work_as_usual, tasks, workers=1, limits=limits)])"
    )
    environment = {"PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"}
    answer = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert (answer.stdout.strip(), answer.stderr) == ("['done']", "")
