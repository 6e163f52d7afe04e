"""Names that a workflow uses, checked against what it declares: GitHub gives '' for a misspelt one."""

from collections.abc import Iterator
from dataclasses import fields

from tools.workflows.errors import Place, refuse
from tools.workflows.expressions import Constant, Context, Expression, Index, walk
from tools.workflows.model import Defaults, Job, Step, Strategy, Workflow
from tools.workflows.templates import Condition, Template

Used = tuple[Place, tuple[str, ...]]
OF_GITHUB = frozenset(
    [
        "action",
        "action_path",
        "action_ref",
        "action_repository",
        "action_status",
        "actor",
        "actor_id",
        "api_url",
        "base_ref",
        "env",
        "event",
        "event_name",
        "event_path",
        "graphql_url",
        "head_ref",
        "job",
        "job_workflow_sha",
        "path",
        "ref",
        "ref_name",
        "ref_protected",
        "ref_type",
        "repository",
        "repository_id",
        "repository_owner",
        "repository_owner_id",
        "repositoryurl",
        "retention_days",
        "run_attempt",
        "run_id",
        "run_number",
        "secret_source",
        "server_url",
        "sha",
        "token",
        "triggering_actor",
        "workflow",
        "workflow_ref",
        "workflow_sha",
        "workspace",
    ]
)
OF_STEP = frozenset({"outputs", "outcome", "conclusion"})
OF_NEED = frozenset({"outputs", "result"})


def references(workflow: Workflow, context: str) -> set[str]:
    """Return the names under one context (`vars`, `secrets`, `inputs`) that the file uses, in lower case."""
    return {path[1] for _, path in used_in(workflow) if path[0] == context and len(path) > 1}


def check_references(workflow: Workflow) -> None:
    """Refuse names of inputs, jobs, steps, outputs and matrix keys that the file does not declare."""
    inputs = {item.name.lower() for trigger in workflow.triggers.values() for item in trigger.inputs}
    for use in used_in(workflow):
        check_one(use, "inputs", inputs)
        check_one(use, "github", OF_GITHUB)
    for job in workflow.jobs.values():
        outputs = {need: declared_outputs(workflow.jobs[need]) for need in job.needs}
        for use in used_in(job):
            check_levels(use, "needs", outputs, OF_NEED)
            check_one(use, "matrix", matrix_keys(job))
        check_steps(job)


def check_steps(job: Job) -> None:
    """Refuse names of steps that come later or not at all."""
    seen: dict[str, frozenset[str] | None] = {}
    for step in job.steps:
        for use in used_in(step):
            check_levels(use, "steps", seen, OF_STEP)
        seen[step.id.lower()] = None
    for use in used_in(job.outputs):
        check_levels(use, "steps", seen, OF_STEP)


def check_one(use: Used, context: str, known: "set[str] | frozenset[str] | None") -> None:
    """Refuse an unknown name under a context; None knows all."""
    place, path = use
    if path[0] == context and len(path) > 1 and known is not None and path[1] not in known:
        raise refuse(place, f"unknown {context}.{path[1]}, expected one of {', '.join(sorted(known)) or 'none'}")


def check_levels(use: Used, context: str, declared: "dict[str, frozenset[str] | None]", second: frozenset[str]) -> None:
    """Refuse an unknown name on any of the levels `needs.JOB.outputs.NAME`."""
    place, path = use
    check_one(use, context, {name.lower() for name in declared})
    if path[0] != context or len(path) < 3:
        return
    check_one((place, (path[1], path[2])), path[1], second)
    if path[2] == "outputs" and len(path) > 3:
        outputs = next(known for name, known in declared.items() if name.lower() == path[1])
        check_one((place, (path[1], path[3])), path[1], outputs)


def declared_outputs(job: Job) -> frozenset[str] | None:
    """Return a job's outputs; those of a reusable workflow stand in another file."""
    return None if job.uses else frozenset(name.lower() for name in job.outputs)


def matrix_keys(job: Job) -> frozenset[str] | None:
    """Return a matrix's keys, unless they are computed."""
    if job.strategy is None:
        return frozenset()
    matrix = job.strategy.matrix
    if not isinstance(matrix, dict) or isinstance(matrix.get("include"), Template):
        return None
    included = matrix.get("include", [])
    entries = included if isinstance(included, list) else [included]
    if any(isinstance(entry, Template) for entry in entries):
        return None
    keys = {key for entry in entries if isinstance(entry, dict) for key in entry}
    return frozenset(key.lower() for key in keys | set(matrix) - {"include", "exclude"})


def used_in(part: object) -> Iterator[Used]:
    """Yield (place, (context, name, ...)) for every chain of constant names anywhere in a part of a workflow."""
    if isinstance(part, Template):
        for expression in part.expressions:
            yield from ((part.place, path) for path in chains(expression))
    elif isinstance(part, Condition):
        yield from ((part.place, path) for path in chains(part.expression))
    elif isinstance(part, dict | list | tuple):
        for item in part.values() if isinstance(part, dict) else part:
            yield from used_in(item)
    elif isinstance(part, Workflow | Job | Step | Strategy | Defaults):
        for field in fields(part):
            yield from used_in(getattr(part, field.name))


def chains(expression: Expression) -> Iterator[tuple[str, ...]]:
    """Yield `(context, name, ...)` of every index by constant texts, in lower case; beginnings of a chain too."""
    for node, _ in walk(expression):
        names: list[str] = []
        while isinstance(node, Index) and isinstance(node.key, Constant) and isinstance(node.key.value, str):
            names.append(node.key.value.lower())
            node = node.base  # noqa: PLW2901  down the chain
        if isinstance(node, Context):
            yield (node.name, *reversed(names))
