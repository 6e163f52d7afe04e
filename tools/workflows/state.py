"""What changes while a workflow runs."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.workflows.expressions import Scope, Value
from tools.workflows.matrix import Combination
from tools.workflows.model import Job, Workflow
from tools.workflows.records import Artifact, Machine, Result, StepResult
from tools.workflows.templates import environment_value

TOKEN = "token-of-a-local-run"  # noqa: S105  opens nothing: it stands where GitHub puts the job's token
AFTER_CANCEL_SECONDS = 300.0  # GitHub's time for steps that run although their job was cancelled


@dataclass
class Run:
    """One run; `inputs`, `workflow` and `prefix` differ inside a reusable workflow, the rest is shared."""

    workflow: Workflow
    run_id: int
    store: Path
    repository: Path
    github: dict[str, Value]
    inputs: dict[str, Value]
    variables: Mapping[str, str]
    machine: Machine
    prefix: str = ""
    artifacts: dict[str, Artifact] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where this run writes."""
        return self.store / str(self.run_id)

    def contexts(self) -> dict[str, Value]:
        """Return the contexts that exist everywhere."""
        return {"github": self.github, "inputs": self.inputs, "vars": dict[str, Value](self.variables)}


@dataclass
class Frame:
    """A list of steps on its way: a job's, or a composite action's with inputs of its own."""

    inputs: dict[str, Value]
    steps: dict[str, Value] = field(default_factory=dict)
    results: list[StepResult] = field(default_factory=list)
    status: Result = "success"
    action_path: str = ""


@dataclass
class JobRun:
    """One job on its way."""

    run: Run
    job: Job
    matrix: Combination
    strategy: dict[str, Value]
    needs: dict[str, Value]
    permissions: dict[str, str] | None
    labels: tuple[str, ...]
    folder: Path
    deadline: float = 0.0
    env: dict[str, str] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    summary: str = ""
    commands: list[str] = field(default_factory=list)
    cancelled: bool = False

    @property
    def workspace(self) -> Path:
        """GITHUB_WORKSPACE."""
        return self.folder / "workspace"

    @property
    def temp(self) -> Path:
        """RUNNER_TEMP."""
        return self.folder / "temp"

    @property
    def home(self) -> Path:
        """HOME."""
        return self.folder / "home"

    @property
    def log(self) -> Path:
        """What the job printed."""
        return self.folder / "log.txt"

    def note(self, line: str) -> None:
        """Add a line of this runner to the log."""
        with self.log.open("a", encoding="utf-8") as stream:
            stream.write(f"[runner] {line}\n")

    def seconds_left(self) -> float:
        """Return the time to the job's limit; a cancelled job has a time of its own."""
        return AFTER_CANCEL_SECONDS if self.cancelled else max(0.0, self.deadline - time.monotonic())

    def job_contexts(self) -> dict[str, Value]:
        """Return the contexts that exist in the keys of a job."""
        return {**self.run.contexts(), "needs": self.needs, "strategy": self.strategy, "matrix": self.matrix}

    def scope(self, frame: Frame, env: dict[str, str]) -> Scope:
        """Return what a step's expressions see."""
        status = "cancelled" if self.cancelled else frame.status
        contexts: dict[str, Value] = {
            **self.job_contexts(),
            "github": {**self.run.github, "job": self.job.id, "action_path": frame.action_path, **self.places()},
            "inputs": frame.inputs,
            "job": {"status": status},
            "runner": self.runner(),
            "env": environment_value(env),
            "secrets": {"GITHUB_TOKEN": TOKEN},
            "steps": frame.steps,
        }
        return Scope(contexts, statuses(status), self.workspace)

    def places(self) -> dict[str, Value]:
        """Return what of the `github` context differs by job."""
        return {"workspace": str(self.workspace)}

    def runner(self) -> dict[str, Value]:
        """Return the `runner` context."""
        environment = "self-hosted" if "self-hosted" in self.labels else "github-hosted"
        names = {"os": "Linux", "arch": "X64", "name": "local", "environment": environment}
        return {**names, "temp": str(self.temp), "tool_cache": str(self.run.store / "tools"), "debug": ""}


def statuses(status: Result) -> dict[str, bool]:
    """Return what the status functions answer."""
    return {
        "success": status == "success",
        "failure": status == "failure",
        "cancelled": status == "cancelled",
        "always": True,
    }
