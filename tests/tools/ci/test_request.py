"""What the environment may ask of a run, and what is said to anything else."""

import json
from contextlib import nullcontext

import pytest
import yaml

from pipeline.errors import UsageError
from pipeline.settings import ROOT, load_settings
from pruning.experiments.shards import MOST_SHARDS
from tests.tools.workflows.hostile import hostile_texts
from tools.ci.command_files import write_output
from tools.ci.planning import check_time, extract_matrix, runner
from tools.ci.request import JOB_MINUTES, LONGEST_MINUTES, UPLOAD_MINUTES, Request, read_request
from tools.workflows.command_files import CommandFiles, assignments


def test_defaults_and_empty_variables(step, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Request(
        stage="all",
        dry_run=False,
        gpu_runner=False,
        prune_jobs=8,
        publish="pull-request",
        extract_minutes=300,
        prune_minutes=300,
    )
    assert read_request() == expected
    for name in Request.model_fields:
        monkeypatch.setenv(f"ARBORIST_{name.upper()}", "")
    assert read_request() == expected


@pytest.mark.parametrize("name", ["EXTRACT_MINUTES", "PRUNE_MINUTES"])
@pytest.mark.parametrize("text", ["soon", "0", "-1", "321", "nan", "inf"])
def test_minutes_that_a_job_has_not(name: str, text: str, step, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub would end the job: refused by the plan, before anything starts."""
    monkeypatch.setenv(f"ARBORIST_{name}", text)
    with pytest.raises(UsageError, match=f"^ARBORIST_{name}: expected minutes .* at most 320; got '{text}'"):
        read_request()


def test_the_longest_work_ends_before_its_job() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/pipeline.yml").read_text())["jobs"]
    limits = {jobs[name]["timeout-minutes"] for name in ("extract", "prune", "redundancy")}
    assert limits == {JOB_MINUTES} and LONGEST_MINUTES + UPLOAD_MINUTES < JOB_MINUTES


@pytest.mark.parametrize(
    ("minutes", "seconds", "most"),
    [("300", "1800", None), ("300", "1801", "1800"), ("320", "600.5", "600"), ("320", "600", None)],
)
def test_the_last_experiment_ends_before_its_job(
    minutes: str, seconds: str, most: str | None, step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARBORIST_PRUNE_MINUTES", minutes)
    settings = load_settings({"experiment_seconds": seconds})
    expected = f"ARBORIST_EXPERIMENT_SECONDS: expected at most {most} with ARBORIST_PRUNE_MINUTES {minutes}"
    with pytest.raises(UsageError, match=expected) if most else nullcontext():
        check_time(read_request(), settings)
    monkeypatch.setenv("ARBORIST_STAGE", "extract")
    check_time(read_request(), settings)


@pytest.mark.parametrize("stage", ["all", "extract", "process", "prune", "analyze"])
def test_stages(stage: str, step, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARBORIST_STAGE", stage)
    asked = ("extract", "process", "prune", "analyze") if stage == "all" else (stage,)
    assert read_request().stages == asked
    monkeypatch.setenv("ARBORIST_DRY_RUN", "true")
    assert (read_request().stages, read_request().planned_stages) == ((), asked)


@pytest.mark.parametrize("name", Request.model_fields)
def test_hostile_values_are_refused_by_name(name: str, step, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = f"ARBORIST_{name.upper()}"
    for text in hostile_texts(step.folder / "canary"):
        monkeypatch.setenv(variable, text)
        with pytest.raises(UsageError, match=f"^{variable}: expected .*; got "):
            read_request()


def test_an_output_holds_whatever_text(step) -> None:
    for text in (*hostile_texts(step.folder / "canary"), "a\nother=1\n", ""):
        step.output.unlink(missing_ok=True)
        write_output("name", text)
        assert CommandFiles(step.folder).outputs() == {"name": text.replace("\r\n", "\n") if "\r\n" in text else text}
        assert assignments(step.output.read_text(), "output").keys() == {"name"}


def test_outside_a_workflow_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_OUTPUT", raising=False)
    with pytest.raises(UsageError, match="GITHUB_OUTPUT: expected a value"):
        write_output("a", "b")


def shards(**flags: str) -> list[dict[str, str]]:
    return json.loads(extract_matrix(load_settings(flags)))["include"]


def test_a_job_a_task_of_the_hub(step) -> None:
    found = shards(source="hub", tasks="fill-mask,a b/c,fill-mask,left-out", skip_tasks="left-out")
    assert found == [{"name": "001-fill-mask", "tasks": "fill-mask"}, {"name": "002-a-b-c", "tasks": "a b/c"}]


def test_more_tasks_than_jobs(step) -> None:
    tasks = [f"task-{number}" for number in range(MOST_SHARDS + 44)]
    found = shards(source="hub", tasks=",".join(tasks))
    assert len(found) == len({each["name"] for each in found}) == MOST_SHARDS
    assert sorted(task for each in found for task in each["tasks"].split(",")) == sorted(tasks)


@pytest.mark.parametrize(
    "flags",
    [
        {"source": "auto"},
        {"source": "builtin"},
        {"source": "hub", "tasks": "all"},
        {"source": "hub", "max_models": "9"},
    ],
)
def test_what_cannot_be_cut_is_one_job(flags: dict[str, str], step) -> None:
    (one,) = shards(**{"tasks": "x,y", **flags})
    assert one == {"name": "all", "tasks": flags.get("tasks", "x,y")}


def test_runners(step) -> None:
    assert json.loads(runner(Request(gpu_runner=True))) == ["self-hosted", "gpu"]  # pyright: ignore[reportCallIssue]
    assert json.loads(runner(Request())) == "ubuntu-24.04"  # pyright: ignore[reportCallIssue]
