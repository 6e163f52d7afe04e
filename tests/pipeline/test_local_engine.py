"""Child processes: every way to end becomes one outcome."""

import os
import signal
import subprocess
import sys
from multiprocessing import active_children
from pathlib import Path

import pytest

from pipeline.engines import Limits, Task, run_tasks
from pipeline.settings import ROOT

sys.path.insert(0, str(Path(__file__).parent))  # children import the functions by module name
from engine_tasks import double, garbage_and_imports, misbehave, process_identity, runs, wait_until

ROOMY = Limits(memory_bytes=500_000_000, seconds=20)


def test_every_task_has_one_outcome_whatever_the_worker_count() -> None:
    tasks = [Task(str(number), number) for number in range(25)]
    for workers in (1, 3):
        outcomes = list(run_tasks(double, tasks, workers=workers, limits=ROOMY))
        assert sorted((outcome.key, outcome.status, outcome.value) for outcome in outcomes) == sorted(
            (str(number), "done", 2 * number) for number in range(25)
        )


@pytest.mark.parametrize(
    ("how", "status", "words"),
    [
        ("raise", "error", "ValueError: bad value"),
        ("hang", "timeout", "no answer in 0.5 s"),
        ("eat", "out_of_memory", "MemoryError"),
        ("hoard", "out_of_memory", ""),
        ("bad_alloc", "out_of_memory", "std::bad_alloc"),
        ("die", "crashed", "SIGKILL"),
        ("exit", "crashed", "status 3"),
    ],
)
def test_a_bad_task_becomes_a_row_and_the_others_go_on(how: str, status: str, words: str) -> None:
    tasks = [Task("before", "fine"), Task("bad", how), Task("after", "fine too")]
    limits = Limits(memory_bytes=100_000_000, seconds=0.5)
    outcomes = {each.key: each for each in run_tasks(misbehave, tasks, workers=1, limits=limits)}
    assert outcomes["bad"].status == status
    assert words in outcomes["bad"].detail
    assert outcomes["bad"].value is None
    assert [outcomes[key].value for key in ("before", "after")] == ["fine", "fine too"]


def test_children_inherit_no_secret() -> None:
    script = (
        "from pipeline.engines import Limits, Task, run_tasks; from engine_tasks import secrets_seen\n"
        "if __name__ == '__main__':\n"
        "    limits = Limits(10**8, 20)\n"
        "    print([each.value for each in run_tasks(secrets_seen, [Task('', None)], workers=1, limits=limits)])"
    )
    environment = {**os.environ, "HF_TOKEN": "hf_canary", "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"}
    answer = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[[]]"


def test_a_limit_beyond_what_the_system_can_say_is_no_limit() -> None:
    (outcome,) = run_tasks(double, [Task("", 4)], workers=1, limits=Limits(memory_bytes=10**20, seconds=20))
    assert outcome.value == 8


def test_children_look_for_the_garbage_that_their_server_leaves() -> None:
    """A module that the server does not find is skipped without a word."""
    (outcome,) = run_tasks(garbage_and_imports, [Task("", None)], workers=1, limits=ROOMY)
    assert outcome.value == (True, True, True)


def test_the_server_finds_what_it_is_to_import_from_any_folder(tmp_path: Path) -> None:
    places = [str(ROOT), str(Path(__file__).parent)]
    code = f"""
import sys
sys.path[:0] = {places}
from engine_tasks import garbage_and_imports
from pipeline.engines import Limits, Task, run_tasks
(outcome,) = run_tasks(garbage_and_imports, [Task("", None)], workers=1, limits=Limits(500_000_000, 20))
print(outcome.value)
"""
    answer = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert answer.stdout == "(True, True, True)\n", answer.stderr


def test_a_process_is_used_as_often_as_allowed() -> None:
    tasks = [Task(str(number), None) for number in range(4)]
    once = Limits(ROOMY.memory_bytes, ROOMY.seconds, tasks_per_process=1)
    fresh = {each.value for each in run_tasks(process_identity, tasks, workers=1, limits=once)}
    shared = {each.value for each in run_tasks(process_identity, tasks, workers=1, limits=ROOMY)}
    assert (len(fresh), len(shared)) == (4, 1)


def test_abandoning_the_iterator_ends_the_children() -> None:
    tasks = [Task("first", "fine"), Task("second", "hang")]
    outcomes = run_tasks(misbehave, tasks, workers=2, limits=ROOMY)
    next(outcomes)
    outcomes.close()
    assert active_children() == []


def test_killing_the_parent_ends_a_child_in_an_endless_loop(tmp_path: Path) -> None:
    place = tmp_path / "second"
    script = (
        "from pipeline.engines import Limits, Task, run_tasks; from engine_tasks import note_then_hang_in_the_second\n"
        "if __name__ == '__main__':\n"
        f"    tasks, limits = [Task('', {str(place)!r})], Limits(10**8, 99)\n"
        "    list(run_tasks(note_then_hang_in_the_second, tasks, workers=1, limits=limits))"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"}
    with subprocess.Popen([sys.executable, "-c", script], env=environment) as driver:
        wait_until(place.exists)
        child = int(place.read_text(encoding="utf-8"))
        assert runs(child)
        driver.send_signal(signal.SIGKILL)
        wait_until(lambda: not runs(child))
