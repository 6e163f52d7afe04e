"""From a tree to its value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.workflows.errors import ExpressionError
from tools.workflows.expressions.functions import FUNCTIONS, HASH_FILES, STATUS, hash_files
from tools.workflows.expressions.syntax import (
    Call,
    Chain,
    Compare,
    Constant,
    Context,
    Every,
    Expression,
    Index,
    Not,
)
from tools.workflows.expressions.values import Filtered, Value, equal, greater, member, string, truthy


@dataclass(frozen=True)
class Scope:
    """What an expression can see: contexts, answers of the status functions, the folder of hashFiles."""

    contexts: Mapping[str, Value]
    status: Mapping[str, bool] = field(default_factory=dict)
    folder: Path | None = None


def evaluate(tree: Expression, scope: Scope) -> Value:
    """Return the value; `&&` and `||` return an operand and evaluate no more of them than they need."""
    match tree:
        case Constant(value):
            return value
        case Context(name):
            return context(name, scope)
        case Index(base, key):
            return indexed(evaluate(base, scope), evaluate(key, scope))
        case Every(base):
            return every(evaluate(base, scope))
        case Call(name, arguments):
            return call(name, [evaluate(argument, scope) for argument in arguments], scope)
        case Not(inner):
            return not truthy(evaluate(inner, scope))
        case Compare(sign, left, right):
            return compare(sign, evaluate(left, scope), evaluate(right, scope))
        case Chain(sign, operands):
            return chained(sign, operands, scope)


def context(name: str, scope: Scope) -> Value:
    """Return a whole context."""
    if name not in scope.contexts:
        raise ExpressionError(f"unknown context {name!r}, expected one of {', '.join(sorted(scope.contexts))}")
    return scope.contexts[name]


def chained(sign: str, operands: tuple[Expression, ...], scope: Scope) -> Value:
    """Return the first operand that decides, or the last."""
    value: Value = None
    for operand in operands:
        value = evaluate(operand, scope)
        if truthy(value) == (sign == "||"):
            break
    return value


def compare(sign: str, left: Value, right: Value) -> bool:
    """Compare two values."""
    match sign:
        case "==":
            return equal(left, right)
        case "!=":
            return not equal(left, right)
        case ">":
            return greater(left, right)
        case ">=":
            return greater(left, right) or equal(left, right)
        case "<":
            return greater(right, left)
        case _:
            return greater(right, left) or equal(left, right)


def indexed(base: Value, key: Value) -> Value:
    """Return one item, or null; of a filtered array the items' items that exist."""
    if isinstance(base, Filtered):
        pairs = [member(item, key) for item in base]
        return Filtered(item for found, item in pairs if found)
    return member(base, key)[1]


def every(base: Value) -> Value:
    """Return all items of an array or all values of an object."""
    if isinstance(base, Filtered):
        return Filtered(inner for item in base for inner in inside(item))
    return Filtered(inside(base))


def inside(value: Value) -> list[Value]:
    """Return a value's items."""
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list) else []


def call(name: str, given: list[Value], scope: Scope) -> Value:
    """Call a function."""
    if name in STATUS:
        return status(name, given, scope)
    if name == HASH_FILES:
        if scope.folder is None or not given:
            raise ExpressionError("hashFiles: expected a pattern or more, in a step")
        return hash_files(scope.folder, [string(pattern) for pattern in given])
    function = FUNCTIONS.get(name)
    if function is None:
        raise ExpressionError(f"unknown function {name!r}, expected one of {', '.join(sorted({*FUNCTIONS, *STATUS}))}")
    if not function.fewest <= len(given) <= function.most:
        raise ExpressionError(f"{name}: expected {function.fewest} to {function.most} arguments, got {len(given)}")
    return function.answer(given)


def status(name: str, given: list[Value], scope: Scope) -> Value:
    """Answer a status function."""
    if given or name not in scope.status:
        raise ExpressionError(f"{name}() takes no argument and stands in conditions only")
    return scope.status[name]
