"""One suite for every engine: whatever a task does, it ends in exactly one outcome, in the same words."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.engines import ENGINES, Engine, Limits, Task, run_tasks
from pipeline.errors import UsageError

sys.path.insert(0, str(Path(__file__).parent))  # children import the functions by module name
from engine_tasks import (
    double,
    end_whoever_runs_the_child,
    misbehave,
    note_then_hang_in_the_second,
    runs,
    secrets_seen,
    wait_until,
)

ROOMY = Limits(memory_bytes=500_000_000, seconds=20)
TIGHT = Limits(memory_bytes=100_000_000, seconds=1)
EXPECTED = {
    "fine": ("done", ""),
    "raise": ("error", "ValueError: bad value"),
    "hang": ("timeout", "no answer in 1 s"),
    "eat": ("out_of_memory", "MemoryError"),
    "hoard": ("out_of_memory", ""),
    "die": ("crashed", "the child was killed by SIGKILL"),
    "exit": ("crashed", "the child ended with status 3"),
    "fine again": ("done", ""),
}


def test_every_task_of_a_poisoned_mix_ends_in_exactly_one_outcome(engine: Engine) -> None:
    tasks = [Task(f"key of {how}", how) for how in EXPECTED]
    outcomes = list(run_tasks(misbehave, tasks, workers=2, limits=TIGHT, engine=engine))
    assert sorted(each.key for each in outcomes) == sorted(task.key for task in tasks)
    for outcome in outcomes:
        how = outcome.key.removeprefix("key of ")
        status, words = EXPECTED[how]
        assert (outcome.status, outcome.value) == (status, how if status == "done" else None)
        assert words in outcome.detail
        assert 0 <= outcome.seconds < 30


def test_more_tasks_than_workers_all_come_back(engine: Engine) -> None:
    tasks = [Task(str(number), number) for number in range(5)]
    outcomes = list(run_tasks(double, iter(tasks), workers=2, limits=ROOMY, engine=engine))
    assert {(each.key, each.status, each.value, each.detail) for each in outcomes} == {
        (str(number), "done", 2 * number, "") for number in range(5)
    }
    assert len(outcomes) == 5


def test_tasks_are_read_as_they_begin(engine: Engine) -> None:
    """So that a plan can end when its time is over: jobs of SLURM begin a batch of as many at a time here."""
    told: list[int] = []

    def tasks() -> Iterator[Task[int]]:
        for number in range(5):
            assert len(told) >= number - 1  # of those before, no more than one is still at work
            yield Task(str(number), number)

    for outcome in run_tasks(double, tasks(), workers=2, limits=ROOMY, engine=engine):
        assert outcome.value is not None
        told.append(outcome.value)
    assert sorted(told) == [0, 2, 4, 6, 8]


def test_no_task_is_no_outcome(engine: Engine) -> None:
    assert list(run_tasks(double, [], workers=2, limits=ROOMY, engine=engine)) == []


def test_abandoning_the_iterator_ends_the_children(engine: Engine, tmp_path: Path) -> None:
    places = [tmp_path / "first", tmp_path / "second"]
    tasks = [Task(place.name, str(place)) for place in places]
    outcomes = run_tasks(note_then_hang_in_the_second, tasks, workers=2, limits=ROOMY, engine=engine)
    assert next(outcomes).key == "first"
    wait_until(places[1].exists)
    hanging = int(places[1].read_text(encoding="utf-8"))
    assert runs(hanging)
    outcomes.close()
    wait_until(lambda: not runs(hanging))


@pytest.mark.parametrize("cluster", ["ray", "slurm"])
def test_a_lost_worker_of_a_cluster_is_a_crash(
    cluster: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = request.getfixturevalue(f"{cluster}_engine")
    if cluster == "slurm":
        monkeypatch.setattr("submitit.core.core.Job._results_timeout_s", 0)  # of a slow file system, seconds
    (outcome,) = run_tasks(end_whoever_runs_the_child, [Task("lost", None)], workers=1, limits=ROOMY, engine=engine)
    assert (outcome.key, outcome.status, outcome.value) == ("lost", "crashed", None)
    assert outcome.detail


def test_children_inherit_no_secret(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    (outcome,) = run_tasks(secrets_seen, [Task("", None)], workers=1, limits=ROOMY, engine=engine)
    assert outcome.value == []
    assert os.environ["HF_TOKEN"] == "hf_canary"


def test_an_unknown_engine_names_the_known() -> None:
    with pytest.raises(UsageError, match=r"unknown engine 'rey'.*ray"):
        ENGINES["rey"]


@pytest.mark.parametrize(("name", "package"), [("ray", "ray"), ("slurm", "submitit")])
def test_a_missing_extra_is_said_before_anything_starts(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.engines.elsewhere.find_spec", {package: None}.__getitem__)
    with pytest.raises(UsageError, match=rf"--engine {name}: .*pip install 'arborist\[{name}\]'"):
        ENGINES[name].check()


def test_jobs_need_the_commands_of_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.engines.elsewhere.find_spec", lambda _: object())
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="found no srun"):
        ENGINES["slurm"].check()
