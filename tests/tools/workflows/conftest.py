"""Helpers: a repository as a plain folder, workflows as texts."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from tools.workflows import WorkflowResult, run_workflow

Runner = Callable[..., WorkflowResult]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / ".github/workflows").mkdir(parents=True)
    return folder


@pytest.fixture
def run(repository: Path, tmp_path: Path) -> Runner:
    """Write a text as the workflow and run it."""

    def run_text(text: str, event: str = "push", inputs=None, variables=None, **more) -> WorkflowResult:
        path = repository / ".github/workflows/test.yml"
        path.write_text(dedent(text))
        return run_workflow(path, event, inputs or {}, variables or {}, repository, tmp_path / "store", **more)

    return run_text


@pytest.fixture
def run_steps(run: Runner) -> Runner:
    """Run one job, `a`, given as the text of its steps."""

    def run_text(steps: str, keys: str = "", **more) -> WorkflowResult:
        job = "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n"
        body = "".join(f"    {line}\n" for line in dedent(keys).strip().splitlines())
        listed = "".join(f"      {line}\n" for line in dedent(steps).strip().splitlines())
        return run(f"{job}{body}    steps:\n{listed}", **more)

    return run_text
