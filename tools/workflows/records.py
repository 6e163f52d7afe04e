"""What a run is given and what it leaves."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tools.workflows.expressions import Value
from tools.workflows.matrix import Combination

Result = Literal["success", "failure", "cancelled", "skipped"]


@dataclass(frozen=True)
class Machine:
    """The runners: variables and programs that they have beside what GitHub promises, and their one interpreter.

    `programs` are folders in front of PATH, for stand-ins of commands (`gh`, `docker`).
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    programs: tuple[Path, ...] = ()
    python: Path = Path(sys.executable)


@dataclass(frozen=True)
class StepResult:
    """A step: `outcome` before continue-on-error, `conclusion` after."""

    id: str
    name: str
    outcome: Result
    conclusion: Result
    outputs: dict[str, str]


@dataclass(frozen=True)
class JobResult:
    """One job, of a matrix one combination; `result` is after continue-on-error, `outcome` before.

    `commands` are lines of output that GitHub's runner takes as commands to itself (`::error::...`). The log, the
    labels and the steps of a job that was skipped are empty.
    """

    id: str
    name: str
    matrix: Combination
    outcome: Result
    result: Result
    outputs: dict[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    permissions: dict[str, str] | None = None
    concurrency: Value = None
    timeout_minutes: float = 360.0
    log: Path | None = None
    summary: str = ""
    steps: tuple[StepResult, ...] = ()
    commands: tuple[str, ...] = ()

    def step(self, identifier: str) -> StepResult:
        """Return a step by its id."""
        return next(step for step in self.steps if step.id == identifier)


@dataclass(frozen=True)
class Artifact:
    """A folder that a run keeps under a name."""

    name: str
    folder: Path
    retention_days: int


@dataclass(frozen=True)
class WorkflowResult:
    """A whole run."""

    run_id: int
    workflow: str
    conclusion: Result
    concurrency: Value
    jobs: tuple[JobResult, ...]
    artifacts: tuple[Artifact, ...]

    def of(self, job_id: str) -> tuple[JobResult, ...]:
        """Return the jobs of one id: one, or one a combination of its matrix."""
        return tuple(job for job in self.jobs if job.id == job_id)

    def job(self, job_id: str) -> JobResult:
        """Return the only job of an id."""
        (job,) = self.of(job_id)
        return job

    def artifact(self, name: str) -> Path:
        """Return an artifact's folder."""
        return next(artifact.folder for artifact in self.artifacts if artifact.name == name)


def aggregate(results: list[Result]) -> Result:
    """Return what several jobs come to."""
    for result in ("failure", "cancelled", "success"):
        if result in results:
            return result
    return "skipped"
