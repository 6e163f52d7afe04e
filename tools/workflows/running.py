"""Runs a whole workflow."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tools.workflows.actions import known_action
from tools.workflows.environment import github_context
from tools.workflows.errors import EvaluationError, WorkflowError, refuse
from tools.workflows.expressions import Scope, Value, as_value, truthy
from tools.workflows.jobs import run_job
from tools.workflows.matrix import Combination, combinations
from tools.workflows.model import Job, Workflow
from tools.workflows.reader import read_workflow
from tools.workflows.records import JobResult, Machine, Result, WorkflowResult, aggregate
from tools.workflows.state import JobRun, Run
from tools.workflows.templates import texts, tree_value
from tools.workflows.triggers import input_values

MOST_NESTED = 4  # reusable workflows inside one another


def run_workflow(
    path: Path,
    event: str,
    inputs: Mapping[str, str],
    variables: Mapping[str, str],
    repository: Path,
    artifacts_folder: Path,
    *,
    machine: Machine | None = None,
    ref: str = "refs/heads/main",
    payload: Mapping[str, object] | None = None,
) -> WorkflowResult:
    """Run every job of a workflow on this machine, one after the other, as GitHub would.

    `inputs` are those of workflow_dispatch; `variables` the repository's; `repository` is what a checkout brings: a
    git repository (bare, if jobs push) or a plain folder. Under `artifacts_folder` each run has a folder by its
    number, with artifacts, logs and the jobs' folders; earlier runs' artifacts are found there.
    `payload` is added to `github.event`. Filters of events (branches, paths) are not applied. A wrong file, input or
    construct raises WorkflowError with file and line.
    """
    workflow = read_workflow(path)
    check_actions(workflow)
    run_id = 1 + max((int(folder.name) for folder in artifacts_folder.glob("[0-9]*")), default=0)
    github = github_context(repository, workflow.name, event, ref, run_id)
    scope = Scope({"github": github, "inputs": {}, "vars": dict[str, Value](variables)})
    values = event_inputs(workflow, event, inputs, scope)
    github["event"] = as_value({**event_payload(workflow, event, inputs), **(payload or {})})
    run = Run(
        workflow,
        run_id,
        artifacts_folder.resolve(),
        repository.resolve(),
        github,
        values,
        variables,
        machine or Machine(),
    )
    run.folder.mkdir(parents=True)
    (run.folder / "event.json").write_text(json.dumps(github["event"]), encoding="utf-8")
    concurrency = tree_value(workflow.concurrency, Scope(run.contexts())) if workflow.concurrency else None
    jobs = run_jobs(run)
    conclusion = aggregate([job.result for job in jobs])
    write_record(run, event, conclusion)
    return WorkflowResult(run_id, workflow.name, conclusion, concurrency, tuple(jobs), tuple(run.artifacts.values()))


def check_actions(workflow: Workflow) -> None:
    """Refuse steps whose action has no stand-in, before anything runs."""
    for job in workflow.jobs.values():
        for step in job.steps:
            if step.uses and not step.uses.startswith("./"):
                known_action(step)


def event_inputs(workflow: Workflow, event: str, inputs: Mapping[str, str], scope: Scope) -> dict[str, Value]:
    """Return the `inputs` context, which only a dispatch fills."""
    if event not in workflow.triggers or event == "workflow_call":
        raise WorkflowError(f"{workflow.path}: event {event!r} does not start it, only {', '.join(workflow.triggers)}")
    if event != "workflow_dispatch" and inputs:
        raise WorkflowError(f"{workflow.path}: event {event} has no inputs, got {', '.join(inputs)}")
    declared = workflow.triggers[event].inputs
    return input_values(declared, inputs, scope) if event == "workflow_dispatch" else {}


def event_payload(workflow: Workflow, event: str, inputs: Mapping[str, str]) -> dict[str, object]:
    """Return what of `github.event` follows from the workflow itself."""
    if event == "schedule":
        return {"schedule": workflow.triggers[event].crons[0]}
    return {"inputs": dict(inputs)} if event == "workflow_dispatch" else {}


def write_record(run: Run, event: str, conclusion: Result) -> None:
    """Leave what later runs may ask about this one."""
    record = {
        "run_id": run.run_id,
        "workflow": run.workflow.path.name,
        "event": event,
        "conclusion": conclusion,
        "artifacts": sorted(run.artifacts),
    }
    (run.folder / "run.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def run_jobs(run: Run) -> list[JobResult]:
    """Run a workflow's jobs in the order of their needs."""
    done: dict[str, list[JobResult]] = {}
    for job in run.workflow.jobs.values():
        done[job.id] = run_one(run, job, done)
    return [result for results in done.values() for result in results]


def run_one(run: Run, job: Job, done: dict[str, list[JobResult]]) -> list[JobResult]:
    """Run a job in all its combinations, or skip it; values that cannot be had fail it."""
    needs: dict[str, Value] = {need: need_value(done[need]) for need in job.needs}
    scope = Scope({**run.contexts(), "needs": needs}, job_status(run.workflow, job, done))
    try:
        if not job.condition.holds(scope):
            return [JobResult(run.prefix + job.id, run.prefix + job.id, {}, "skipped", "skipped")]
        strategy = job.strategy
        found = combinations(tree_value(strategy.matrix, scope), job.place) if strategy else [{}]
        fail_fast = truthy(strategy.fail_fast.value(scope)) if strategy and strategy.fail_fast else True
    except EvaluationError as error:
        return [failed_before(run, job, str(error))]
    return run_matrix(run, job, needs, found, fail_fast=fail_fast)


def failed_before(run: Run, job: Job, reason: str) -> JobResult:
    """Return the result of a job that cannot start."""
    log = run.folder / "jobs" / f"{run.prefix}{job.id}".replace(" / ", ".") / "log.txt"
    log.parent.mkdir(parents=True)
    log.write_text(f"[runner] failed: {reason}\n", encoding="utf-8")
    return JobResult(run.prefix + job.id, run.prefix + job.id, {}, "failure", "failure", log=log)


def run_matrix(
    run: Run, job: Job, needs: dict[str, Value], found: list[Combination], *, fail_fast: bool
) -> list[JobResult]:
    """Run a job's combinations in order; after a failure the rest is cancelled if `fail_fast`."""
    results: list[JobResult] = []
    for index, combination in enumerate(found):
        if fail_fast and any(result.result == "failure" for result in results):
            name = run.prefix + job.id
            results.append(JobResult(name, name, combination, "cancelled", "cancelled"))
            continue
        strategy: dict[str, Value] = {
            "fail-fast": fail_fast,
            "job-index": float(index),
            "job-total": float(len(found)),
            "max-parallel": 1.0,
        }
        state = job_state(run, job, combination, strategy, needs)
        results.extend(run_call(state) if job.uses else [run_job(state)])
    return results


def job_state(
    run: Run, job: Job, combination: Combination, strategy: dict[str, Value], needs: dict[str, Value]
) -> JobRun:
    """Prepare a job."""
    permissions = job.permissions if job.permissions is not None else run.workflow.permissions
    name = f"{run.prefix}{job.id}".replace(" / ", ".")
    suffix = f"-{int(str(strategy['job-index']).split('.')[0])}" if combination else ""
    folder = run.folder / "jobs" / f"{name}{suffix}"
    return JobRun(run, job, combination, strategy, needs, permissions, (), folder)


def need_value(results: list[JobResult]) -> Value:
    """Return one entry of the `needs` context; of a matrix the last job that set an output wins."""
    outputs: dict[str, Value] = {}
    for result in results:
        outputs.update(result.outputs)
    return {"result": aggregate([result.result for result in results]), "outputs": outputs}


def job_status(workflow: Workflow, job: Job, done: dict[str, list[JobResult]]) -> dict[str, bool]:
    """Return what the status functions answer in a job's `if`: they look at all that it stands on."""
    results = [aggregate([result.result for result in done[name]]) for name in ancestors(workflow, job)]
    return {
        "success": all(result == "success" for result in results),
        "failure": "failure" in results,
        "cancelled": False,
        "always": True,
    }


def ancestors(workflow: Workflow, job: Job) -> set[str]:
    """Return all jobs that a job needs, directly or not."""
    found = set(job.needs)
    for need in job.needs:
        found |= ancestors(workflow, workflow.jobs[need])
    return found


def run_call(state: JobRun) -> list[JobResult]:
    """Run a reusable workflow of this repository in the place of a job; its outputs are on the last result."""
    run, job = state.run, state.job
    path = (run.repository / (job.uses or "")).resolve()
    if not (job.uses or "").startswith("./.github/workflows/") or run.prefix.count(" / ") >= MOST_NESTED:
        raise refuse(job.place, f"uses: expected ./.github/workflows/NAME.yml, not nested deeper, got {job.uses}")
    called = read_workflow(path)
    check_actions(called)
    if "workflow_call" not in called.triggers:
        raise refuse(job.place, f"{job.uses} cannot be called: it has no workflow_call")
    trigger = called.triggers["workflow_call"]
    scope = Scope(state.job_contexts())
    values = input_values(trigger.inputs, texts(job.given, scope), scope)
    inner = replace(run, workflow=called, inputs=values, prefix=f"{run.prefix}{job.id} / ")
    results = run_jobs(inner)
    by_name: dict[str, Value] = {
        name: need_value([result for result in results if result.id == inner.prefix + name]) for name in called.jobs
    }
    outputs = texts(trigger.outputs or {}, Scope({**inner.contexts(), "jobs": by_name}))
    whole = aggregate([result.result for result in results])
    name = run.prefix + job.id
    return [*results, JobResult(name, name, state.matrix, whole, whole, outputs=outputs)]
