"""Texts with `${{ }}` in them, trees of such texts, and conditions."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from tools.workflows.errors import EvaluationError, ExpressionError, Place, refuse
from tools.workflows.expressions import Call, Constant, Expression, Scope, Value, evaluate, parse, string, truthy, walk
from tools.workflows.expressions.functions import STATUS
from tools.workflows.expressions.values import CaseSensitive
from tools.workflows.places import Allowed, check_names
from tools.workflows.yaml_nodes import Node

EXPRESSION = re.compile(r"\$\{\{((?:'[^']*'|[^'])*?)\}\}", re.DOTALL)


@dataclass(frozen=True)
class Template:
    """A scalar; one part keeps the kind of its value, several are joined as texts."""

    place: Place
    parts: tuple[Expression, ...]

    def value(self, scope: Scope) -> Value:
        """Evaluate."""
        try:
            values = [evaluate(part, scope) for part in self.parts]
        except ExpressionError as error:
            raise EvaluationError(f"{self.place}: {error}") from None
        return values[0] if len(values) == 1 else "".join(map(string, values))

    def text(self, scope: Scope) -> str:
        """Evaluate to a text."""
        return string(self.value(scope))

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The parts that are computed."""
        return tuple(part for part in self.parts if not isinstance(part, Constant))


Tree: TypeAlias = Template | list["Tree"] | dict[str, "Tree"]


def template(node: Node, allowed: Allowed) -> Template:
    """Read a scalar."""
    if isinstance(node.value, list | dict):
        raise refuse(node.place, f"{allowed.place}: expected a scalar")
    try:
        parts = parts_of(node.value) if isinstance(node.value, str) else (Constant(node.value),)
        for part in parts:
            check_names(part, allowed)
    except ExpressionError as error:
        raise refuse(node.place, str(error)) from None
    return Template(node.place, parts)


def parts_of(text: str) -> tuple[Expression, ...]:
    """Split a text at its expressions."""
    pieces = EXPRESSION.split(text)
    if any("${{" in piece for piece in pieces[::2]):
        raise ExpressionError("expected }} after ${{")
    parts = [parse(piece) if index % 2 else Constant(piece) for index, piece in enumerate(pieces)]
    return tuple(part for part in parts if part != Constant("")) or (Constant(""),)


def tree(node: Node, allowed: Allowed) -> Tree:
    """Read scalars in mappings and sequences."""
    if isinstance(node.value, dict):
        return {key: tree(item, allowed) for key, item in node.value.items()}
    if isinstance(node.value, list):
        return [tree(item, allowed) for item in node.value]
    return template(node, allowed)


def templates(node: Node, allowed: Allowed) -> dict[str, Template]:
    """Read a mapping of scalars."""
    return {key: template(item, allowed) for key, item in node.mapping(allowed.place).items()}


def tree_value(what: Tree, scope: Scope) -> Value:
    """Evaluate a tree."""
    if isinstance(what, dict):
        return {key: tree_value(item, scope) for key, item in what.items()}
    if isinstance(what, list):
        return [tree_value(item, scope) for item in what]
    return what.value(scope)


def texts(what: dict[str, Template], scope: Scope) -> dict[str, str]:
    """Evaluate a mapping to texts."""
    return {key: item.text(scope) for key, item in what.items()}


def environment_value(variables: dict[str, str]) -> CaseSensitive:
    """Return variables as the `env` context."""
    return CaseSensitive(dict[str, Value](variables))


@dataclass(frozen=True)
class Condition:
    """An `if`; without a status function it also asks for success()."""

    place: Place
    expression: Expression
    asks_status: bool

    def holds(self, scope: Scope) -> bool:
        """Evaluate."""
        try:
            return (self.asks_status or scope.status["success"]) and truthy(evaluate(self.expression, scope))
        except ExpressionError as error:
            raise EvaluationError(f"{self.place}: {error}") from None


def condition(node: Node | None, place: Place, allowed: Allowed) -> Condition:
    """Read an `if`, with or without `${{ }}` around all of it; a text around an expression is always true: refused."""
    if node is None:
        return Condition(place, Constant(True), asks_status=False)
    expression = expression_of(node, allowed)
    names = {part.name for part, _ in walk(expression) if isinstance(part, Call)}
    return Condition(node.place, expression, asks_status=bool(names & STATUS))


def expression_of(node: Node, allowed: Allowed) -> Expression:
    """Return the one expression of an `if`."""
    if not isinstance(node.value, str) or "${{" in node.value:
        read = template(node, allowed)
        if len(read.parts) != 1:
            raise refuse(node.place, "if: a text around ${{ }} is always true; write the whole condition inside")
        return read.parts[0]
    try:
        expression = parse(node.value)
        check_names(expression, allowed)
    except ExpressionError as error:
        raise refuse(node.place, f"if: {error}") from None
    return expression


def all_templates(what: Tree) -> Iterator[Template]:
    """Yield the templates of a tree."""
    if isinstance(what, Template):
        yield what
        return
    for item in what.values() if isinstance(what, dict) else what:
        yield from all_templates(item)
