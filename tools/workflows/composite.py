"""Composite actions of this repository: `uses: ./.github/actions/NAME`."""

from pathlib import Path

from tools.workflows.errors import ActionFailure, refuse
from tools.workflows.expressions import Value
from tools.workflows.model import Step
from tools.workflows.places import IN_JOB, STEP, STEP_IF, Allowed
from tools.workflows.records import Result
from tools.workflows.state import Frame, JobRun
from tools.workflows.step_reader import read_steps
from tools.workflows.steps import run_steps
from tools.workflows.templates import template, texts
from tools.workflows.yaml_nodes import Node, read_yaml

CONTEXTS = IN_JOB - {"needs", "vars"}
IN_ACTION = Allowed("of the action's step", CONTEXTS, STEP.functions)
IN_ACTION_IF = Allowed("if", CONTEXTS, STEP_IF.functions, condition=True)
KEYS = frozenset({"name", "description", "author", "inputs", "outputs", "runs"})


def run_composite(
    state: JobRun, step: Step, uses: str, given: dict[str, str], env: dict[str, str], outputs: dict[str, str]
) -> Result:
    """Run an action's steps in a frame of their own; it fails when one of them does."""
    path = action_file(state.workspace, uses)
    fields = read_yaml(path).fields("action", KEYS)
    runs = fields["runs"].fields("runs", {"using", "steps"}) if "runs" in fields else {}
    if "steps" not in runs or "using" not in runs or runs["using"].value != "composite":
        raise refuse(step.place, f"{uses}: expected a composite action with steps")
    frame = Frame(action_inputs(step, fields.get("inputs"), given), action_path=str(path.parent))
    lower, state.env = state.env, dict(env)
    run_steps(state, frame, checked_steps(runs["steps"]))
    changed = {key: value for key, value in state.env.items() if env.get(key) != value}
    state.env = {**lower, **changed}
    for name, node in (fields["outputs"].mapping("outputs") if "outputs" in fields else {}).items():
        value = template(node.field(name, {"description", "value"}, "value"), IN_ACTION)
        outputs.update(texts({name: value}, state.scope(frame, state.env)))
    return "cancelled" if state.cancelled else frame.status


def action_file(workspace: Path, uses: str) -> Path:
    """Return the action's file; it is only there after a checkout, as on GitHub."""
    for name in ("action.yml", "action.yaml"):
        path = workspace / uses / name
        if path.is_file():
            return path
    raise ActionFailure(f"{uses}: no action.yml in the workspace; was the repository checked out?")


def checked_steps(node: Node) -> tuple[Step, ...]:
    """Read the steps; a command names its shell."""
    steps = read_steps(node, IN_ACTION, IN_ACTION_IF)
    for step in steps:
        if step.run and not step.shell:
            raise refuse(step.place, "a command of a composite action needs a shell")
    return steps


def action_inputs(step: Step, node: Node | None, given: dict[str, str]) -> dict[str, Value]:
    """Return given inputs, defaults for the rest; all are texts."""
    declared = node.mapping("inputs") if node else {}
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise refuse(step.place, f"{step.uses}: unknown inputs {', '.join(unknown)}")
    values: dict[str, Value] = {}
    for name, item in declared.items():
        fields = item.fields(name, {"description", "required", "default"})
        default = fields["default"].value if "default" in fields else ""
        if name not in given and "default" not in fields and "required" in fields and fields["required"].value is True:
            raise refuse(step.place, f"{step.uses}: input {name} is required")
        values[name] = given.get(name, default if isinstance(default, str) else "")
    return values
