"""Reads steps, of a job or of a composite action."""

import re

from tools.workflows.errors import refuse
from tools.workflows.model import Step
from tools.workflows.places import STEP, STEP_IF, Allowed
from tools.workflows.templates import condition, template, templates
from tools.workflows.yaml_nodes import Node

ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
ANY = frozenset({"id", "name", "if", "env", "timeout-minutes", "continue-on-error"})
RUN = ANY | {"run", "shell", "working-directory"}
USES = ANY | {"uses", "with"}
SHELLS: dict[str, tuple[str, ...]] = {
    "bash": ("bash", "--noprofile", "--norc", "-eo", "pipefail"),
    "sh": ("sh", "-e"),
    "python": ("python",),
}


def read_steps(node: Node, allowed: Allowed = STEP, allowed_if: Allowed = STEP_IF) -> tuple[Step, ...]:
    """Read steps; an id may stand once."""
    if not isinstance(node.value, list) or not node.value:
        raise refuse(node.place, "steps: expected a sequence of at least one step")
    steps = tuple(read_step(item, index, allowed, allowed_if) for index, item in enumerate(node.value))
    seen: set[str] = set()
    for step in steps:
        if step.id in seen:
            raise refuse(step.place, f"step id {step.id!r} stands twice")
        seen.add(step.id)
    return steps


def read_step(node: Node, index: int, allowed: Allowed, allowed_if: Allowed) -> Step:
    """Read one step; without an id it gets one that no expression can name."""
    given = node.mapping("step")
    if ("run" in given) == ("uses" in given):
        raise refuse(node.place, "step: expected either run or uses")
    fields = node.fields("step", RUN if "run" in given else USES)
    identifier = fields["id"].word("id") if "id" in fields else f"#{index}"
    if "id" in fields and not ID.fullmatch(identifier):
        raise refuse(node.place, f"id: expected letters, digits, _ and -, got {identifier!r:.80}")
    scalars = {
        key: template(fields[key], allowed.at(key))
        for key in ("name", "run", "working-directory", "timeout-minutes", "continue-on-error")
        if key in fields
    }
    return Step(
        place=node.place,
        id=identifier,
        name=scalars.get("name"),
        condition=condition(fields.get("if"), node.place, allowed_if),
        run=scalars.get("run"),
        uses=fields["uses"].word("uses") if "uses" in fields else None,
        given=templates(fields["with"], allowed.at("with")) if "with" in fields else {},
        env=templates(fields["env"], allowed.at("env")) if "env" in fields else {},
        shell=shell_of(fields.get("shell")),
        folder=scalars.get("working-directory"),
        timeout_minutes=scalars.get("timeout-minutes"),
        continue_on_error=scalars.get("continue-on-error"),
    )


def shell_of(node: Node | None) -> str | None:
    """Return a shell of the closed list."""
    if node is None:
        return None
    shell = node.word("shell")
    if shell not in SHELLS:
        raise refuse(node.place, f"shell: expected one of {', '.join(SHELLS)}, got {shell!r:.80}")
    return shell
