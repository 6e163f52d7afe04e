"""What SLURM is asked for and what is made of its answers, on commands that behave like its own."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from pipeline.engines import Limits, Task, run_tasks
from pipeline.engines.slurm import SlurmEngine

sys.path.insert(0, str(Path(__file__).parent))  # children import the functions by module name
from engine_tasks import double, end_whoever_runs_the_child, note_then_hang_in_the_second, runs, wait_until

LIMITS = Limits(memory_bytes=500_000_000, seconds=30)


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SlurmEngine:
    pytest.importorskip("submitit", reason="the extra 'slurm' is not installed")
    commands, state = tmp_path / "bin", tmp_path / "state"
    commands.mkdir()
    state.mkdir()
    for name in ("sbatch", "srun", "sacct", "scancel"):
        program = [sys.executable, str(Path(__file__).with_name("slurm_here.py")), name, str(state)]
        (commands / name).write_text(f'#!/bin/sh\nexec {shlex.join(program)} "$@"\n', encoding="utf-8")
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(commands), prepend=":")
    monkeypatch.setattr("submitit.core.core.Job._results_timeout_s", 0)  # of a slow file system, seconds
    monkeypatch.setattr("submitit.slurm.slurm.SlurmJob.watcher._delay_s", 1)  # between two questions to sacct, seconds
    return SlurmEngine(folder=tmp_path / "jobs", poll_seconds=0.05)


def test_many_tasks_are_one_array_with_the_limits_in_slurms_units(slurm: SlurmEngine, tmp_path: Path) -> None:
    tasks = [Task(str(number), number) for number in range(3)]
    outcomes = list(run_tasks(double, tasks, workers=2, limits=LIMITS, engine=slurm))
    assert sorted((each.key, each.status, each.value) for each in outcomes) == [
        (str(number), "done", 2 * number) for number in range(3)
    ]
    script = (tmp_path / "state" / "script").read_text(encoding="utf-8")
    asked = dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", script, flags=re.MULTILINE))
    # 30 s of the task, 120 s of imports, 60 s of Python's start: 3.5 minutes. 0.5 GB of the task, 2 GB of its server.
    assert (asked["array"], asked["time"], asked["mem"], asked["cpus-per-task"]) == ("0-2%2", "4", "3GB", "1")
    assert "gpus-per-node" not in asked
    assert not list((tmp_path / "jobs").glob("*.pkl"))


def test_a_job_lost_with_its_node_is_a_crash_with_slurms_word(slurm: SlurmEngine) -> None:
    (outcome,) = run_tasks(end_whoever_runs_the_child, [Task("lost", None)], workers=1, limits=LIMITS, engine=slurm)
    assert (outcome.key, outcome.status) == ("lost", "crashed")
    assert "NODE_FAIL" in outcome.detail


def test_jobs_that_nobody_waits_for_are_cancelled(slurm: SlurmEngine, tmp_path: Path) -> None:
    places = [tmp_path / "first", tmp_path / "second"]
    tasks = [Task(place.name, str(place)) for place in places]
    outcomes = run_tasks(note_then_hang_in_the_second, tasks, workers=2, limits=LIMITS, engine=slurm)
    assert next(outcomes).key == "first"
    wait_until(places[1].exists)
    outcomes.close()
    wait_until(lambda: not runs(int(places[1].read_text(encoding="utf-8"))))
