"""pipeline.yml, executed here: its jobs, its commands, a Hub on loopback, a bare repository to publish to."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pipeline.settings import ROOT
from store import Store
from tests.hub_server import HubModel, HubServer
from tools.workflows import Machine, WorkflowResult, run_workflow

pytestmark = pytest.mark.timeout(900)  # a whole run of the workflow: a minute, and several on a machine that is shared

WORKFLOW = ROOT / ".github/workflows/pipeline.yml"
BRANCH = "arborist/report-main"
GPT2, LLAMA = "ours/gpt2", "ours/llama"
# Two shards of one model each, one cheap method.
VARIABLES = {
    "ARBORIST_TASKS": "text-generation,fill-mask",
    "ARBORIST_METHODS": "magnitude",
    "ARBORIST_RATIOS": "0.5",
    "ARBORIST_EVALUATION_WINDOWS": "2",
    "ARBORIST_CALIBRATION_WINDOWS": "2",
    "ARBORIST_LATENCY_REPEATS": "1",
    "ARBORIST_ANALYSES": ",",
    "ARBORIST_WORKERS": "1",
}


def hub_model(name: str, task: str, revision: str) -> HubModel:
    folder = ROOT / "reference_models" / name
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return HubModel(f"ours/{name}", None, task=task, files=files, revision=revision * 40)


@dataclass
class World:
    """The Hub, GitHub's side and the runners."""

    folder: Path
    server: HubServer

    @property
    def repository(self) -> Path:
        return self.folder / "example/project"

    @property
    def broken(self) -> Path:
        """While this file is there, the machine of the second prune job dies."""
        return self.folder / "broken"

    def run(self, event: str = "schedule", inputs: dict[str, str] | None = None, **variables: str) -> WorkflowResult:
        return run_workflow(
            WORKFLOW, event, inputs or {}, {**VARIABLES, **variables}, self.repository, self.folder / "runs",
            machine=self.machine(),
        )  # fmt: skip

    def machine(self) -> Machine:
        rewritten = f"url.{self.repository.as_uri()}.insteadOf"
        environment = {
            "HF_ENDPOINT": self.server.url,
            "OMP_NUM_THREADS": "1",
            "MPLCONFIGDIR": str(self.folder / "matplotlib"),
            "FAKE_GITHUB": str(self.folder / "runs"),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": rewritten,
            "GIT_CONFIG_VALUE_0": "https://github.example/example/project",
        }
        return Machine(environment, (self.folder / "programs",), self.folder / "python/bin/python")

    def git(self, *arguments: str) -> str:
        command = ["git", "--git-dir", str(self.repository), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def changed_files(self, before: str, after: str) -> set[str]:
        """Files with other changes than in the line that says whether the whole listing was read."""
        counted = self.git("diff", "--numstat", "--ignore-matching-lines=^(Full run|PARTIAL RUN)", before, after)
        rows = [line.split("\t") for line in counted.splitlines()]
        return {name for added, removed, name in rows if (added, removed) != ("0", "0")}

    def merge_the_request(self) -> None:
        """Merge and delete the branch, as GitHub can be set to."""
        self.git("update-ref", "refs/heads/main", f"refs/heads/{BRANCH}")
        self.git("update-ref", "-d", f"refs/heads/{BRANCH}")
        path = self.folder / "runs/pull_requests.json"
        path.write_text(json.dumps([{**request, "state": "merged"} for request in self.requests()]))

    def requests(self) -> list[dict[str, str]]:
        return json.loads((self.folder / "runs/pull_requests.json").read_text())


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    models = [hub_model("gpt2", "text-generation", "a"), hub_model("llama", "fill-mask", "b")]
    with HubServer(models) as server:
        made = World(folder, server)
        made.repository.parent.mkdir(parents=True)
        subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", made.repository], check=True)
        made.git("--work-tree", str(ROOT), "add", "--all", "--", str(ROOT), f":!{ROOT / '.venv'}")
        author = ("-c", "user.name=a", "-c", "user.email=a@example.invalid")
        made.git("--work-tree", str(ROOT), *author, "commit", "--quiet", "--message", "the project")
        program(folder / "programs/gh", f'exec {sys.executable} {ROOT / "tests/tools/ci/fake_gh.py"} "$@"')
        dies = f'case "$RUNNER_TEMP $*" in */prune-1/*--prune) if [ -e {made.broken} ]; then exit 137; fi;; esac'
        program(folder / "python/bin/python", f'{dies}\nexec {sys.executable} "$@"')
        yield made


@dataclass(frozen=True)
class Done:
    """A run, and the commits of the report before and after it."""

    result: WorkflowResult
    before: str
    after: str

    def outcomes(self) -> list[tuple[str, str]]:
        return [(job.name, job.result) for job in self.result.jobs]

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with Store.open(self.result.artifact("store") / "arborist.duckdb", create=False) as store:
            return store.rows(sql)


def done(world: World, jobs: int = 1, minutes: str = "") -> Done:
    before = world.git("rev-parse", "main")
    result = world.run(ARBORIST_PRUNE_JOBS=str(jobs), ARBORIST_EXTRACT_MINUTES=minutes)
    branch = world.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{BRANCH}")
    return Done(result, before, branch or before)


@pytest.fixture(scope="module")
def first(world: World) -> Done:
    """A first run in which the second prune job's machine dies."""
    world.broken.touch()
    return done(world, jobs=2)


@pytest.fixture(scope="module")
def second(world: World, first: Done) -> Done:
    """A week later: the report was merged, one model has a new revision, and its shard has no time."""
    world.broken.unlink()
    world.merge_the_request()
    world.server.models[GPT2] = replace(hub_model("gpt2", "text-generation", "c"))
    return done(world, minutes="0.00001")


@pytest.fixture(scope="module")
def third(world: World, second: Done) -> Done:
    """Two weeks later, with time."""
    world.merge_the_request()
    return done(world)


OF_GPT2 = [(GPT2, "a", "dense", "done"), (GPT2, "a", "magnitude", "done")]
OF_LLAMA = [(LLAMA, "b", "dense", "done"), (LLAMA, "b", "magnitude", "done")]
EXPERIMENTS = "SELECT model_id, revision[:1], method, status FROM current_experiments ORDER BY ALL"


def log_of(run: Done, job_id: str) -> str:
    return "".join(job.log.read_text() for job in run.result.of(job_id) if job.log)


def pages_of_models(world: World, run: Done) -> set[str]:
    """The models whose own pages changed."""
    folder = "analysis_result/reports/models/hub-"
    pages = [name for name in world.changed_files(run.before, run.after) if name.startswith(folder)]
    return {name.removeprefix(folder).rpartition("-")[0] for name in pages}


def test_a_failing_prune_job_leaves_the_rest_published_with_its_failure_shown(world: World, first: Done) -> None:
    assert first.outcomes() == [
        ("Plan", "success"),
        ("Extract 001-text-generation", "success"),
        ("Extract 002-fill-mask", "success"),
        ("Process", "success"),
        ("Prune 001-ours-gpt2", "success"),
        ("Prune 002-ours-llama", "failure"),
        ("redundancy", "skipped"),
        ("Analyse", "success"),
        ("Publish", "success"),
    ]
    assert first.result.conclusion == "failure"
    assert first.rows(EXPERIMENTS) == OF_GPT2
    (request,) = world.requests()
    for text in (first.result.job("analyse").summary, request["body"]):
        assert "## Failed: prune" in text
        assert "| 002-ours-llama | 2 of 2 |" in text
        assert "ours/gpt2 | weight | magnitude | 0.5 |" in text
    report = world.git("show", f"{first.after}:analysis_result/README.md")
    assert "ours/gpt2" in report
    changed = world.changed_files(first.before, first.after)
    assert all(name.startswith("analysis_result/") for name in changed)
    assert pages_of_models(world, first) == {"ours_gpt2"}


@pytest.mark.long
def test_the_next_run_does_what_the_failed_job_left_and_a_shard_without_time_leaves_its_models(
    world: World, second: Done
) -> None:
    assert second.result.conclusion == "success"
    assert [job.name for job in second.result.of("prune")] == ["Prune 001-ours-llama"]
    assert "store of run 1" in log_of(second, "plan")
    assert "1 model did not begin within --max-minutes" in log_of(second, "extract")
    assert second.rows(EXPERIMENTS) == [*OF_GPT2, *OF_LLAMA]
    assert "| model revisions that wait for a later run | 1 |" in second.result.job("analyse").summary
    assert pages_of_models(world, second) == {"ours_llama"}


@pytest.mark.long
def test_a_run_after_one_model_changed_publishes_only_that(world: World, third: Done) -> None:
    assert third.result.conclusion == "success"
    assert [job.name for job in third.result.of("prune")] == ["Prune 001-ours-gpt2"]
    assert "did not begin" not in log_of(third, "extract")
    assert third.rows("SELECT count(DISTINCT run_id) FROM extractions") == [(3,)]
    of_new = [(model, "c", method, status) for model, _, method, status in OF_GPT2]
    assert third.rows(EXPERIMENTS) == [*OF_GPT2, *of_new, *OF_LLAMA]
    assert pages_of_models(world, third) == {"ours_gpt2"}
    assert [request["state"] for request in world.requests()] == ["merged", "merged", "open"]


@pytest.mark.long
def test_a_run_that_finds_nothing_new_publishes_nothing(world: World, third: Done) -> None:
    world.merge_the_request()
    nothing = done(world)
    assert nothing.result.of("prune")[0].result == "skipped"
    assert "nothing changed" in nothing.result.job("publish").summary
    assert nothing.after == nothing.before == third.after
    assert len(world.requests()) == 3


def test_a_dry_run_says_what_there_is_to_do_and_runs_nothing(world: World, first: Done) -> None:
    result = world.run("workflow_dispatch", {"dry_run": "true", "stage": "prune"}, ARBORIST_GPU_RUNNER="true")
    assert {job.id: job.result for job in result.jobs if job.result != "skipped"} == {"plan": "success"}
    assert result.job("plan").outputs["stages"] == "[]"
    assert json.loads(result.job("plan").outputs["runner"]) == ["self-hosted", "gpu"]
    said = result.job("plan").summary
    assert re.search(r"\| prune \| \d experiments to run on 2 models, [2-6] ended before", said), said
    assert "refused" not in said
    assert [artifact.name for artifact in result.artifacts] == ["before"]


def test_a_hostile_value_is_no_command_and_ends_the_run_with_a_message(world: World) -> None:
    canary = world.folder / "canary"
    result = world.run("workflow_dispatch", {"limit": f'"; touch {canary}; $(touch {canary})'})
    assert {job.id: job.result for job in result.jobs if job.result != "skipped"} == {"plan": "failure"}
    log = result.job("plan").log
    assert log is not None and "--limit: expected models a task of the Hub; got" in log.read_text()
    assert not canary.exists()
