"""Runs one job: of a matrix, one combination."""

import signal
import time

from tools.workflows.errors import EvaluationError, refuse
from tools.workflows.expressions import Scope, Value
from tools.workflows.expressions.values import string
from tools.workflows.model import Job
from tools.workflows.places import JOB_OUTPUT
from tools.workflows.processes import kill_group
from tools.workflows.records import JobResult, Result
from tools.workflows.state import Frame, JobRun
from tools.workflows.steps import flag, minutes, run_steps
from tools.workflows.templates import texts, tree_value

HOSTED = frozenset({"ubuntu-latest", "ubuntu-24.04", "ubuntu-22.04", "ubuntu-24.04-arm", "ubuntu-slim"})
LARGEST_OUTPUTS = 1024 * 1024  # bytes of a job's outputs as UTF-16


def run_job(state: JobRun) -> JobResult:
    """Run the job's steps in a fresh folder and return its result; the folder stays for whoever asks what happened."""
    for folder in (state.workspace, state.temp, state.home):
        folder.mkdir(parents=True)
    state.log.touch()
    scope = Scope(state.job_contexts())
    try:
        state.labels = labels(state.job, scope)
        limit = minutes(state.job.timeout_minutes, scope, 360.0)
        allowed = flag(state.job.continue_on_error, scope)
        return run_in(state, scope, limit, allowed=allowed)
    except EvaluationError as error:
        state.note(f"failed: {error}")
        name = state.run.prefix + state.job.id
        return JobResult(name, name, state.matrix, "failure", "failure", log=state.log, labels=state.labels)
    finally:
        for group in state.groups:
            kill_group(group, signal.SIGKILL)


def run_in(state: JobRun, scope: Scope, limit: float, *, allowed: bool) -> JobResult:
    """Run the steps within `limit` minutes; `allowed` is continue-on-error."""
    job, run = state.job, state.run
    concurrency = tree_value(job.concurrency, scope) if job.concurrency else None
    state.deadline = time.monotonic() + limit * 60
    frame = Frame(run.inputs)
    outer = Scope({**run.contexts(), "secrets": state.scope(frame, {}).contexts["secrets"]})
    state.env.update(texts(run.workflow.env, outer))
    state.env.update(texts(job.env, Scope({**scope.contexts, **outer.contexts})))
    run_steps(state, frame, job.steps)
    outcome: Result = "cancelled" if state.cancelled else frame.status
    outputs = texts(job.outputs, state.scope(frame, state.env))
    if sum(len(text.encode("utf-16-le")) for text in outputs.values()) > LARGEST_OUTPUTS:
        raise EvaluationError(f"{job.place}: {JOB_OUTPUT.place}: expected at most {LARGEST_OUTPUTS} bytes of UTF-16")
    return JobResult(
        id=run.prefix + job.id,
        name=job_name(state),
        matrix=state.matrix,
        outcome=outcome,
        result="success" if allowed and outcome == "failure" else outcome,
        outputs={name: text for name, text in outputs.items() if text},
        labels=state.labels,
        permissions=state.permissions,
        concurrency=concurrency,
        timeout_minutes=limit,
        log=state.log,
        summary=state.summary,
        steps=tuple(frame.results),
        commands=tuple(state.commands),
    )


def labels(job: Job, scope: Scope) -> tuple[str, ...]:
    """Return the labels a runner must have: one of GitHub's, or `self-hosted` and any others."""
    value = tree_value(job.runs_on, scope) if job.runs_on is not None else None
    if isinstance(value, dict):
        value = value.get("labels", ["self-hosted"])
    found = [string(item) for item in (value if isinstance(value, list) else [value])]
    if not all(found) or ("self-hosted" not in found and not HOSTED.issuperset(found)):
        raise refuse(job.place, f"runs-on: expected one of {', '.join(sorted(HOSTED))} or self-hosted, got {found}")
    return tuple(found)


def job_name(state: JobRun) -> str:
    """Return the name that GitHub shows."""
    if state.job.name:
        return state.run.prefix + state.job.name.text(Scope(state.job_contexts()))
    values: list[Value] = list(state.matrix.values())
    shown = f" ({', '.join(map(string, values))})" if values else ""
    return f"{state.run.prefix}{state.job.id}{shown}"
