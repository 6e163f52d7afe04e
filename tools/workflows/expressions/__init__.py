"""GitHub's expression language: `parse` a text, `evaluate` the tree in a `Scope`."""

from tools.workflows.expressions.evaluation import Scope, evaluate
from tools.workflows.expressions.syntax import Call, Constant, Context, Expression, Index, parse, walk
from tools.workflows.expressions.values import CaseSensitive, Value, as_value, string, truthy

__all__ = [
    "Call",
    "CaseSensitive",
    "Constant",
    "Context",
    "Expression",
    "Index",
    "Scope",
    "Value",
    "as_value",
    "evaluate",
    "parse",
    "string",
    "truthy",
    "walk",
]
