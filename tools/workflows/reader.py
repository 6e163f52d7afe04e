"""Reads a workflow file; whatever it does not know is an error with its line."""

import re
from pathlib import Path

from tools.workflows.errors import refuse
from tools.workflows.model import Defaults, Job, Strategy, Workflow
from tools.workflows.names import check_references
from tools.workflows.places import JOB_DEFAULTS, JOB_ENV, JOB_IF, JOB_OUTPUT, OF_JOB, STRATEGY, WORKFLOW, WORKFLOW_ENV
from tools.workflows.step_reader import read_steps, shell_of
from tools.workflows.templates import Template, Tree, condition, template, templates, tree
from tools.workflows.triggers import read_triggers
from tools.workflows.yaml_nodes import Node, read_yaml

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
TOP = frozenset({"name", "run-name", "on", "env", "permissions", "concurrency", "defaults", "jobs"})
OF_ANY_JOB = frozenset({"name", "needs", "if", "strategy", "permissions", "concurrency"})
OF_STEPS = OF_ANY_JOB | {
    "runs-on",
    "env",
    "outputs",
    "defaults",
    "timeout-minutes",
    "continue-on-error",
    "steps",
}
OF_CALL = OF_ANY_JOB | {"uses", "with"}
SCOPES = frozenset(
    [
        "actions",
        "artifact-metadata",
        "attestations",
        "checks",
        "contents",
        "deployments",
        "discussions",
        "id-token",
        "issues",
        "models",
        "packages",
        "pages",
        "pull-requests",
        "repository-projects",
        "security-events",
        "statuses",
    ]
)


def read_workflow(path: Path) -> Workflow:
    """Read and check a file."""
    root = read_yaml(path)
    fields = root.fields("workflow", TOP)
    for key in ("on", "jobs"):
        if key not in fields:
            raise refuse(root.place, f"expected a key {key!r}")
    if "run-name" in fields:
        template(fields["run-name"], WORKFLOW.at("run-name"))
    workflow = Workflow(
        path=path,
        name=fields["name"].word("name") if "name" in fields else path.name,
        triggers=read_triggers(fields["on"]),
        env=templates(fields["env"], WORKFLOW_ENV) if "env" in fields else {},
        permissions=read_permissions(fields.get("permissions")),
        concurrency=read_concurrency(fields.get("concurrency"), job=False),
        defaults=read_defaults(fields.get("defaults"), job=False),
        jobs=read_jobs(fields["jobs"]),
    )
    check_references(workflow)
    return workflow


def read_jobs(node: Node) -> dict[str, Job]:
    """Read the jobs; they may only need one another, without a circle."""
    jobs = {name: read_job(name, item) for name, item in node.mapping("jobs").items()}
    if not jobs:
        raise refuse(node.place, "jobs: expected at least one")
    for job in jobs.values():
        for need in job.needs:
            if need not in jobs:
                raise refuse(job.place, f"needs: unknown job {need!r}, expected one of {', '.join(jobs)}")
    return {name: jobs[name] for name in job_order(jobs)}


def job_order(jobs: dict[str, Job]) -> list[str]:
    """Return the jobs so that each comes after what it needs, otherwise as in the file."""
    order: list[str] = []
    while len(order) < len(jobs):
        ready = [name for name, job in jobs.items() if name not in order and set(job.needs) <= set(order)]
        if not ready:
            stuck = next(job for name, job in jobs.items() if name not in order)
            raise refuse(stuck.place, "needs: jobs wait for one another in a circle")
        order.extend(ready)
    return order


def read_job(name: str, node: Node) -> Job:
    """Read one job."""
    if not NAME.fullmatch(name):
        raise refuse(node.place, f"expected a job's name of letters, digits, _ and -, got {name!r:.80}")
    is_call = "uses" in node.mapping(name)
    fields = node.fields(f"job {name}", OF_CALL if is_call else OF_STEPS)
    for key in ("uses",) if is_call else ("runs-on", "steps"):
        if key not in fields:
            raise refuse(node.place, f"job {name}: expected a key {key!r}")
    return Job(
        id=name,
        place=node.place,
        name=optional(fields, "name"),
        needs=tuple(item.word("needs") for item in fields["needs"].items("needs")) if "needs" in fields else (),
        condition=condition(fields.get("if"), node.place, JOB_IF),
        runs_on=read_runs_on(fields["runs-on"]) if "runs-on" in fields else None,
        strategy=read_strategy(fields["strategy"]) if "strategy" in fields else None,
        env=templates(fields["env"], JOB_ENV) if "env" in fields else {},
        outputs=templates(fields["outputs"], JOB_OUTPUT) if "outputs" in fields else {},
        permissions=read_permissions(fields.get("permissions")),
        concurrency=read_concurrency(fields.get("concurrency"), job=True),
        defaults=read_defaults(fields.get("defaults"), job=True),
        timeout_minutes=optional(fields, "timeout-minutes"),
        continue_on_error=optional(fields, "continue-on-error"),
        steps=read_steps(fields["steps"]) if "steps" in fields else (),
        uses=fields["uses"].word("uses") if is_call else None,
        given=templates(fields["with"], OF_JOB.at("with")) if "with" in fields else {},
    )


def optional(fields: dict[str, Node], key: str) -> Template | None:
    """Read a scalar of a job, if it is there."""
    return template(fields[key], OF_JOB.at(key)) if key in fields else None


def read_runs_on(node: Node) -> Tree:
    """Read labels, or a group with labels."""
    if isinstance(node.value, dict):
        node.fields("runs-on", {"group", "labels"})
    return tree(node, OF_JOB.at("runs-on"))


def read_strategy(node: Node) -> Strategy:
    """Read a matrix."""
    fields = node.fields("strategy", {"matrix", "fail-fast", "max-parallel"})
    if "matrix" not in fields:
        raise refuse(node.place, "strategy: expected a matrix")
    parts = {key: template(fields[key], STRATEGY) for key in ("fail-fast", "max-parallel") if key in fields}
    return Strategy(tree(fields["matrix"], STRATEGY), parts.get("fail-fast"), parts.get("max-parallel"))


def read_permissions(node: Node | None) -> dict[str, str] | None:
    """Return what the token may do: a level a scope, all others none."""
    if node is None:
        return None
    if isinstance(node.value, str):
        if node.value not in {"read-all", "write-all"}:
            raise refuse(node.place, f"permissions: expected read-all, write-all or a mapping, got {node.value!r:.80}")
        return dict.fromkeys(sorted(SCOPES), node.value.removesuffix("-all"))
    levels = {key: item.word(key) for key, item in node.fields("permissions", SCOPES).items()}
    for key, level in levels.items():
        if level not in {"read", "write", "none"}:
            raise refuse(node.place, f"permissions: {key}: expected read, write or none, got {level!r:.80}")
    return levels


def read_concurrency(node: Node | None, *, job: bool) -> Tree | None:
    """Read a group's name, or a mapping with it."""
    if node is None:
        return None
    if isinstance(node.value, dict):
        node.fields("concurrency", {"group", "cancel-in-progress"})
    return tree(node, (OF_JOB if job else WORKFLOW).at("concurrency"))


def read_defaults(node: Node | None, *, job: bool) -> Defaults:
    """Read `defaults.run`."""
    inner = node.fields("defaults", {"run"}).get("run") if node else None
    if inner is None:
        return Defaults()
    fields = inner.fields("defaults.run", {"shell", "working-directory"})
    folder = fields.get("working-directory")
    allowed = JOB_DEFAULTS if job else WORKFLOW.at("defaults")
    return Defaults(shell_of(fields.get("shell")), template(folder, allowed) if folder else None)
