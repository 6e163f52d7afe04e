"""What a workflow file says, as records."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tools.workflows.errors import Place
from tools.workflows.templates import Condition, Template, Tree

InputType = Literal["string", "boolean", "number", "choice"]


@dataclass(frozen=True)
class Input:
    """An input of workflow_dispatch, workflow_call or an action."""

    name: str
    place: Place
    type: InputType
    required: bool
    default: Template | None
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trigger:
    """One event of `on`; `filters` are branches, paths and types as they stand, which this runner does not apply."""

    event: str
    place: Place
    crons: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()
    outputs: dict[str, Template] | None = None
    filters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Defaults:
    """`defaults.run`."""

    shell: str | None = None
    folder: Template | None = None


@dataclass(frozen=True)
class Step:
    """A step; exactly one of `run` and `uses` is given."""

    place: Place
    id: str
    name: Template | None
    condition: Condition
    run: Template | None
    uses: str | None
    given: dict[str, Template]
    env: dict[str, Template]
    shell: str | None
    folder: Template | None
    timeout_minutes: Template | None
    continue_on_error: Template | None


@dataclass(frozen=True)
class Strategy:
    """`strategy`; the matrix is a tree of templates or one template that gives an object."""

    matrix: Tree
    fail_fast: Template | None
    max_parallel: Template | None


@dataclass(frozen=True)
class Job:
    """A job: with steps, or a call of another workflow of this repository (`uses`)."""

    id: str
    place: Place
    name: Template | None
    needs: tuple[str, ...]
    condition: Condition
    runs_on: Tree | None
    strategy: Strategy | None
    env: dict[str, Template]
    outputs: dict[str, Template]
    permissions: dict[str, str] | None
    concurrency: Tree | None
    defaults: Defaults
    timeout_minutes: Template | None
    continue_on_error: Template | None
    steps: tuple[Step, ...]
    uses: str | None
    given: dict[str, Template]


@dataclass(frozen=True)
class Workflow:
    """A file; `permissions` is None where it does not say: then a token may do what the repository's settings allow."""

    path: Path
    name: str
    triggers: dict[str, Trigger]
    env: dict[str, Template]
    permissions: dict[str, str] | None
    concurrency: Tree | None
    defaults: Defaults
    jobs: dict[str, Job]
