"""A step of a workflow: its files, its variables, the fake gh in front of PATH."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class StepPlace:
    """Where a step runs."""

    folder: Path

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def output(self) -> Path:
        return self.folder / "output"

    @property
    def summary(self) -> Path:
        return self.folder / "summary"


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StepPlace:
    place = StepPlace(tmp_path)
    place.runs.mkdir()
    program = tmp_path / "programs/gh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).parent / "fake_gh.py"} "$@"\n')
    program.chmod(0o755)
    for name in [name for name in os.environ if name.startswith("ARBORIST_")]:
        monkeypatch.delenv(name)
    variables = {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "FAKE_GITHUB": str(place.runs),
        "GH_TOKEN": "token",
        "GH_REPO": "example/project",
        "GITHUB_OUTPUT": str(place.output),
        "GITHUB_STEP_SUMMARY": str(place.summary),
        "GITHUB_REF_NAME": "main",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return place
