"""Runs workflow files of GitHub on this machine, for tests: `run_workflow`; `survey` reads one without running it."""

from tools.workflows.errors import WorkflowError
from tools.workflows.names import references
from tools.workflows.reader import read_workflow
from tools.workflows.records import JobResult, Machine, StepResult, WorkflowResult
from tools.workflows.running import run_workflow
from tools.workflows.survey import Survey, survey

__all__ = [
    "JobResult",
    "Machine",
    "StepResult",
    "Survey",
    "WorkflowError",
    "WorkflowResult",
    "read_workflow",
    "references",
    "run_workflow",
    "survey",
]
