"""From tokens to a tree, by recursive descent.

or      = and ("||" and)*          and     = same ("&&" same)*
same    = order (("==" | "!=") order)*
order   = unary (("<" | "<=" | ">" | ">=") unary)*
unary   = "!" unary | reach        reach   = start ("." (name | "*") | "[" (or | "*") "]")*
start   = "(" or ")" | literal | name "(" (or ("," or)*)? ")" | name
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from tools.workflows.errors import ExpressionError
from tools.workflows.expressions.tokens import Token, tokens
from tools.workflows.expressions.values import Value, number_of_text

DEEPEST = 50  # levels; GitHub's limit
WORDS: dict[str, Value] = {"null": None, "true": True, "false": False, "NaN": math.nan, "Infinity": math.inf}


@dataclass(frozen=True)
class Constant:
    """A literal."""

    value: Value


@dataclass(frozen=True)
class Context:
    """A context's name, in lower case."""

    name: str


@dataclass(frozen=True)
class Index:
    """`base[key]` or `base.key`."""

    base: "Expression"
    key: "Expression"


@dataclass(frozen=True)
class Every:
    """`base.*`."""

    base: "Expression"


@dataclass(frozen=True)
class Call:
    """A function by its name in lower case."""

    name: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True)
class Not:
    """`!inner`."""

    inner: "Expression"


@dataclass(frozen=True)
class Compare:
    """One of == != < <= > >=."""

    sign: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class Chain:
    """`&&` or `||` over two operands or more."""

    sign: str
    operands: tuple["Expression", ...]


Expression: TypeAlias = Constant | Context | Index | Every | Call | Not | Compare | Chain


def children(tree: Expression) -> tuple[Expression, ...]:
    """Return what stands directly under a node."""
    match tree:
        case Index(base, key):
            return base, key
        case Every(inner) | Not(inner):
            return (inner,)
        case Compare(_, left, right):
            return left, right
        case Call(_, inner) | Chain(_, inner):
            return inner
        case _:
            return ()


def walk(tree: Expression) -> Iterator[tuple[Expression, int]]:
    """Yield every node with its level, from 1."""
    waiting = [(tree, 1)]
    while waiting:
        node, level = waiting.pop()
        yield node, level
        waiting.extend((child, level + 1) for child in children(node))


def parse(text: str) -> Expression:
    """Return the tree of one expression, without its `${{ }}`."""
    reading = Parser(text)
    tree = reading.either()
    if reading.here.kind != "end":
        raise reading.unexpected("an operator or the end")
    if any(level > DEEPEST for _, level in walk(tree)):
        raise ExpressionError(f"expected at most {DEEPEST} levels")
    return tree


class Parser:
    """Goes through the tokens once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(tokens(text))
        self.position = 0
        self.level = 0

    @property
    def here(self) -> Token:
        """The token that comes next."""
        return self.tokens[self.position]

    def unexpected(self, expected: str) -> ExpressionError:
        """Return the error about the token that comes next."""
        got = repr(self.here.text) if self.here.kind != "end" else "the end"
        return ExpressionError(f"expected {expected}, got {got} at {self.here.position} of {self.text!r:.200}")

    def take(self, *signs: str) -> str | None:
        """Return the next token's text and step over it, if it is one of these signs."""
        if self.here.kind != "sign" or self.here.text not in signs:
            return None
        self.position += 1
        return self.tokens[self.position - 1].text

    def demand(self, sign: str) -> None:
        """Step over a sign that has to be there."""
        if self.take(sign) is None:
            raise self.unexpected(repr(sign))

    def either(self) -> Expression:
        """Read operands of `||`, one level deeper."""
        self.level += 1
        if self.level > DEEPEST:
            raise ExpressionError(f"expected at most {DEEPEST} levels")
        tree = self.chain("||", lambda: self.chain("&&", self.same))
        self.level -= 1
        return tree

    def chain(self, sign: str, operand: Callable[[], Expression]) -> Expression:
        """Read operands between one sign."""
        operands = [operand()]
        while self.take(sign):
            operands.append(operand())
        return Chain(sign, tuple(operands)) if len(operands) > 1 else operands[0]

    def same(self) -> Expression:
        """Read `==` and `!=`."""
        tree = self.order()
        while sign := self.take("==", "!="):
            tree = Compare(sign, tree, self.order())
        return tree

    def order(self) -> Expression:
        """Read comparisons, which bind stronger than equality."""
        tree = self.unary()
        while sign := self.take("<", "<=", ">", ">="):
            tree = Compare(sign, tree, self.unary())
        return tree

    def unary(self) -> Expression:
        """Read any number of `!`."""
        count = 0
        while self.take("!"):
            count += 1
        tree = self.reach()
        for _ in range(count):
            tree = Not(tree)
        return tree

    def reach(self) -> Expression:
        """Read what follows a value: properties, indices, filters."""
        tree = self.start()
        while sign := self.take(".", "["):
            if self.take("*"):
                tree = Every(tree)
            elif sign == "[":
                tree = Index(tree, self.either())
            else:
                tree = Index(tree, Constant(self.name()))
            if sign == "[":
                self.demand("]")
        return tree

    def name(self) -> str:
        """Read a property's name."""
        if self.here.kind != "name":
            raise self.unexpected("a name or *")
        self.position += 1
        return self.tokens[self.position - 1].text

    def start(self) -> Expression:
        """Read a literal, a context, a call or something in parentheses."""
        if self.take("("):
            tree = self.either()
            self.demand(")")
            return tree
        token = self.here
        if token.kind not in ("string", "number", "name"):
            raise self.unexpected("a value")
        self.position += 1
        if token.kind != "name":
            return Constant(token.text if token.kind == "string" else number_of_text(token.text))
        if self.take("("):
            return Call(token.text.lower(), self.arguments())
        return Constant(WORDS[token.text]) if token.text in WORDS else Context(token.text.lower())

    def arguments(self) -> tuple[Expression, ...]:
        """Read a call's arguments and its closing parenthesis."""
        if self.take(")"):
            return ()
        found = [self.either()]
        while self.take(","):
            found.append(self.either())
        self.demand(")")
        return tuple(found)
