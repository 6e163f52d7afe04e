"""Artifacts of the workflows: a job can be run again, and what waits for it is still there."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.settings import ROOT

FOLDER = ROOT / ".github/workflows"
LONGEST_QUEUE_MINUTES = 24 * 60  # for a runner of one's own; then GitHub ends the job


def jobs_of(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())["jobs"]


def uploads(path: Path) -> list[dict[str, Any]]:
    steps = [step for job in jobs_of(path).values() for step in job["steps"]]
    return [step["with"] for step in steps if "upload-artifact" in step.get("uses", "")]


@pytest.mark.parametrize("name", ["ci", "pipeline", "single_model"])
def test_a_job_that_is_run_again_may_upload_again(name: str) -> None:
    """Artifacts of the attempt before are still in the run, and a name is refused a second time."""
    given = [upload.get("overwrite") for upload in uploads(FOLDER / f"{name}.yml")]
    assert given == [True] * len(given) != []


def test_parts_outlive_the_longest_run() -> None:
    """With one runner the last job of the matrix waits for all others, and Analyse for it."""
    path = FOLDER / "pipeline.yml"
    longest = LONGEST_QUEUE_MINUTES + sum(job["timeout-minutes"] for job in jobs_of(path).values())
    given = [upload["retention-days"] for upload in uploads(path)]
    assert len(given) == 7
    assert min(given) * 24 * 60 > longest
