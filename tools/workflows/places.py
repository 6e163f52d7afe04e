"""Which contexts and functions exist where.

Source: docs.github.com, "Contexts reference", section Context availability.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from tools.workflows.errors import ExpressionError
from tools.workflows.expressions import Call, Context, Expression, walk
from tools.workflows.expressions.functions import FUNCTIONS, HASH_FILES, STATUS

RUN = frozenset({"github", "inputs", "vars"})
BEFORE_JOB = RUN | {"needs"}
JOB = BEFORE_JOB | {"strategy", "matrix"}
IN_JOB = JOB | {"job", "runner", "env", "steps"}


@dataclass(frozen=True)
class Allowed:
    """What an expression may name at one place of a file, and whether a condition may stand there."""

    place: str
    contexts: frozenset[str]
    functions: frozenset[str] = frozenset(FUNCTIONS)
    condition: bool = False

    def at(self, place: str) -> "Allowed":
        """Return the same under another name."""
        return replace(self, place=place)


WITH_FILES = frozenset({*FUNCTIONS, HASH_FILES})
NOWHERE = Allowed("here", frozenset())
WORKFLOW = Allowed("of the workflow", RUN)
WORKFLOW_ENV = Allowed("env", RUN | {"secrets"})
CALL_OUTPUT = Allowed("outputs", RUN | {"jobs"})
STRATEGY = Allowed("strategy", BEFORE_JOB)
JOB_IF = Allowed("if", BEFORE_JOB, frozenset({*FUNCTIONS, *STATUS}), condition=True)
OF_JOB = Allowed("of the job", JOB)
JOB_ENV = Allowed("env", JOB | {"secrets"})
JOB_DEFAULTS = Allowed("defaults", JOB | {"env"})
JOB_OUTPUT = Allowed("outputs", IN_JOB | {"secrets"})
STEP = Allowed("of the step", IN_JOB | {"secrets"}, WITH_FILES)
STEP_IF = Allowed("if", IN_JOB, WITH_FILES | STATUS, condition=True)


def check_names(tree: Expression, allowed: Allowed) -> None:
    """Raise ExpressionError for the first context or function that is not there."""
    for node, _ in walk(tree):
        if isinstance(node, Context):
            check_name(node.name, allowed.contexts, "context", allowed.place)
        if isinstance(node, Call):
            check_name(node.name, allowed.functions, "function", allowed.place)


def check_name(name: str, known: Collection[str], what: str, place: str) -> None:
    """Raise ExpressionError for an unknown name."""
    if name not in known:
        expected = ", ".join(sorted(known)) or "none"
        raise ExpressionError(f"unknown {what} {name!r} in {place}, expected one of {expected}")
