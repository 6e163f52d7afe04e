"""What somebody without rights can start by a pull request, and on which machines it would run: read, not run.

A file is reached by a trigger of its own, when a reached file calls it, and, whatever it follows on, by `workflow_run`.
"""

from collections.abc import Sequence
from pathlib import Path

from tools.workflows.survey import Survey

FOLDER = "./.github/workflows/"
# Machines of GitHub's own, by the labels that this project uses. Anything else, expressions included, may be ours.
HOSTED = frozenset({"ubuntu-24.04"})
FROM_OUTSIDE = ("pull_request", "issue_comment", "issues", "discussion", "fork", "watch")


def reached_from_outside(files: Sequence[Survey]) -> list[Survey]:
    """Return the files that a pull request, a comment or the like can start, directly or through others."""
    reached = {file.path.name for file in files if any(map(from_outside, file.triggers))}
    if reached:
        reached |= {file.path.name for file in files if "workflow_run" in file.triggers}
    while more := {name for file in files if file.path.name in reached for name in called(file)} - reached:
        reached |= more
    return [file for file in files if file.path.name in reached]


def from_outside(event: str) -> bool:
    """Tell whether anybody can cause an event, `pull_request_target` and the like included."""
    return event.startswith(FROM_OUTSIDE)


def called(file: Survey) -> set[str]:
    """Return the names of this repository's workflows that a file calls."""
    return {Path(use.text).name for use in file.uses if use.text.startswith(FOLDER)}


def beyond_hosted(file: Survey) -> list[str]:
    """Return what in a file can run on a machine that is not GitHub's, or cannot be told: `JOB: LABEL`, `USES`."""
    labels = [f"{job}: {label}" for job, labels in file.labels.items() for label in labels if label not in HOSTED]
    groups = [f"{found.path[1]}: group {found.text}" for found in file.texts if found.path[2:4] == ("runs-on", "group")]
    elsewhere = [use.text for use in file.uses if "/.github/workflows/" in use.text and not use.local]
    unlabelled = [job for job, labels in file.labels.items() if not labels] if not called(file) else []
    return [*labels, *groups, *elsewhere, *unlabelled]
