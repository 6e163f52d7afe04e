"""Errors of the workflow runner.

WorkflowError          the file cannot be run as it stands; the message starts with FILE:LINE
├── ExpressionError    inside `${{ }}`; whoever knows the place adds it
├── EvaluationError    the file is right, the values are not (`fromJSON('')`): the step or job fails, as on GitHub
└── ActionFailure      a stand-in of an action refuses: its step fails
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """Where something stands; lines count from 1."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class WorkflowError(Exception):
    """A workflow, an input or a request that GitHub, or this runner, does not accept."""


class ExpressionError(WorkflowError):
    """An expression that does not parse or has no value."""


class EvaluationError(WorkflowError):
    """An expression without a value, at its place."""


class ActionFailure(WorkflowError):  # noqa: N818  it is a failed step, not a wrong file
    """What an action reports when its step fails."""


def refuse(place: Place, message: str) -> WorkflowError:
    """Return the error with its place in front."""
    return WorkflowError(f"{place}: {message}")
