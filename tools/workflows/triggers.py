"""`on`: which events start a workflow and with which inputs."""

import re
from collections.abc import Mapping

from tools.workflows.errors import WorkflowError, refuse
from tools.workflows.expressions import Scope, Value
from tools.workflows.expressions.values import number_of_text
from tools.workflows.model import Input, InputType, Trigger
from tools.workflows.places import CALL_OUTPUT, NOWHERE, WORKFLOW
from tools.workflows.templates import template
from tools.workflows.yaml_nodes import Node

EVENTS = frozenset({"schedule", "workflow_dispatch", "push", "pull_request", "workflow_call"})
FILTERS = frozenset({"branches", "branches-ignore", "tags", "tags-ignore", "paths", "paths-ignore", "types"})
CRON_FIELD = re.compile(r"(\*|\d+(-\d+)?)(/\d+)?(,(\*|\d+(-\d+)?)(/\d+)?)*")
CRON_LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
MOST_INPUTS = 25
LONGEST_INPUTS = 65_535  # characters of all values
TYPES: dict[str, InputType] = {
    "string": "string",
    "boolean": "boolean",
    "number": "number",
    "choice": "choice",
}


def read_triggers(node: Node) -> dict[str, Trigger]:
    """Read the events in any of their three forms."""
    if isinstance(node.value, dict):
        return {event: read_trigger(event, item) for event, item in node.fields("on", EVENTS).items()}
    names = [item.word("on") for item in node.items("on")]
    for name in names:
        if name not in EVENTS:
            raise refuse(node.place, f"on: unknown event {name!r}, expected one of {', '.join(sorted(EVENTS))}")
    return {name: Trigger(name, node.place) for name in names}


def read_trigger(event: str, node: Node) -> Trigger:
    """Read one event."""
    if event == "schedule":
        return Trigger(event, node.place, crons=tuple(read_cron(item) for item in node.items("schedule")))
    if event == "workflow_dispatch":
        fields = node.fields(event, {"inputs"})
        return Trigger(event, node.place, inputs=read_inputs(fields.get("inputs")))
    if event == "workflow_call":
        return read_call(node)
    return Trigger(event, node.place, filters=tuple(node.fields(event, FILTERS)))


def read_call(node: Node) -> Trigger:
    """Read what a reusable workflow takes and gives."""
    fields = node.fields("workflow_call", {"inputs", "outputs"})
    outputs = fields["outputs"].mapping("outputs") if "outputs" in fields else {}
    values = {
        name: template(item.field(name, {"description", "value"}, "value"), CALL_OUTPUT)
        for name, item in outputs.items()
    }
    return Trigger("workflow_call", node.place, inputs=read_inputs(fields.get("inputs")), outputs=values)


def read_cron(node: Node) -> str:
    """Return a schedule of five fields, each in its range."""
    cron = node.field("schedule", {"cron"}, "cron").word("cron")
    fields = cron.split()
    if len(fields) != 5 or not all(map(cron_field_fits, fields, CRON_LIMITS)):
        raise refuse(node.place, f"cron: expected five fields in their ranges, got {cron!r:.80}")
    return cron


def cron_field_fits(field: str, limits: tuple[int, int]) -> bool:
    """Check a field's form and its numbers; a step is not a time."""
    times = re.sub(r"/\d+", "", field)
    numbers = map(int, re.findall(r"\d+", times))
    return bool(CRON_FIELD.fullmatch(field)) and all(limits[0] <= number <= limits[1] for number in numbers)


def read_inputs(node: Node | None) -> tuple[Input, ...]:
    """Read declared inputs."""
    declared = node.mapping("inputs") if node else {}
    if node and len(declared) > MOST_INPUTS:
        raise refuse(node.place, f"inputs: expected at most {MOST_INPUTS}, got {len(declared)}")
    return tuple(read_input(name, item) for name, item in declared.items())


def read_input(name: str, node: Node) -> Input:
    """Read one input and check its default."""
    known = {"description", "type", "required", "default", "options", "deprecationMessage"}
    fields = node.fields(f"input {name}", known)
    kind = fields["type"].word("type") if "type" in fields else "string"
    options = tuple(item.word("options") for item in fields["options"].items("options")) if "options" in fields else ()
    if kind not in TYPES or bool(options) != (kind == "choice"):
        raise refuse(node.place, f"input {name}: type {kind!r} with {len(options)} options")
    default = template(fields["default"], WORKFLOW.at("default")) if "default" in fields else None
    required = template(fields["required"], NOWHERE).value(Scope({})) if "required" in fields else False
    declared = Input(name, node.place, TYPES[kind], required is True, default, options)
    if default and not default.expressions:
        input_value(declared, default.text(Scope({})))
    return declared


def input_values(declared: tuple[Input, ...], given: Mapping[str, str], scope: Scope) -> dict[str, Value]:
    """Return the `inputs` context: given texts checked against types and choices, defaults for the rest."""
    unknown = sorted(set(given) - {item.name for item in declared})
    if unknown:
        raise WorkflowError(f"unknown inputs {', '.join(unknown)}, expected {[item.name for item in declared]}")
    if sum(map(len, given.values())) > LONGEST_INPUTS:
        raise WorkflowError(f"inputs: expected at most {LONGEST_INPUTS} characters in all")
    return {item.name: value_or_default(item, given, scope) for item in declared}


def value_or_default(declared: Input, given: Mapping[str, str], scope: Scope) -> Value:
    """Return one input's value; of a type without a value its empty one."""
    if given.get(declared.name, "") != "":
        return input_value(declared, given[declared.name])
    if declared.default is not None and declared.name not in given:
        return input_value(declared, declared.default.text(scope))
    if declared.required:
        raise refuse(declared.place, f"input {declared.name} is required")
    return {"boolean": False, "number": 0.0}.get(declared.type, "")


def input_value(declared: Input, text: str) -> Value:
    """Turn a text into the input's type."""
    if declared.type == "boolean" and text not in {"true", "false"}:
        raise refuse(declared.place, f"input {declared.name}: expected true or false, got {text!r:.80}")
    if declared.type == "choice" and text not in declared.options:
        raise refuse(declared.place, f"input {declared.name}: expected one of {declared.options}, got {text!r:.80}")
    if declared.type == "boolean":
        return text == "true"
    if declared.type != "number":
        return text
    value = number_of_text(text)
    if value != value or not text.strip():
        raise refuse(declared.place, f"input {declared.name}: expected a number, got {text!r:.80}")
    return value
