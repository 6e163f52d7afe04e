"""Which lines a difference is shown in: what is equal is one line, however much it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from data_processing.answers.difference import Difference, DiffNode

SHOWN_INSIDE = 6  # nodes; what one side alone has is listed one by one up to here

Fold = Literal["no", "equal", "inside"]  # a node; a run of equal siblings; a node without what is inside


@dataclass(frozen=True)
class Line:
    """A line: one node, or one that stands for more."""

    index: int  # of the node, of the first one that is folded
    fold: Fold
    nodes: int  # nodes that it stands for
    modules: int  # modules that it stands for in one of what holds it, unfolded, of the left side where it has them
    resized: int  # of these, how many differ in their dimensions and in nothing else


@dataclass(frozen=True)
class _Counts:
    """What a subtree is made of."""

    nodes: int
    equal: int
    resized: int
    only_a: int
    only_b: int
    modules: int
    resized_modules: int

    def __add__(self, other: "_Counts") -> "_Counts":
        return _Counts(
            self.nodes + other.nodes,
            self.equal + other.equal,
            self.resized + other.resized,
            self.only_a + other.only_a,
            self.only_b + other.only_b,
            self.modules + other.modules,
            self.resized_modules + other.resized_modules,
        )

    def times(self, repeats: int) -> "_Counts":
        """Return the counts with modules unfolded once more."""
        return replace(self, modules=repeats * self.modules, resized_modules=repeats * self.resized_modules)


def shown_lines(nodes: Difference, *, sizes: bool, everything: bool) -> Iterator[Line]:
    """Yield the lines below the root, in order.

    `sizes`: what differs in its dimensions is not equal. `everything`: what one side alone has is never shortened.
    """
    below = _subtrees(nodes)
    run: list[int] = []
    index = 1
    while index < len(nodes):
        counts = below[index]
        equal = counts.equal + (0 if sizes else counts.resized) == counts.nodes
        if run and not (equal and nodes[run[0]].parent == nodes[index].parent):
            yield _equal_line(run, below)
            run = []
        if equal:
            run.append(index)
        else:
            yield _line(index, counts, everything)
        index += counts.nodes if equal or _shortened(counts, everything) else 1
    if run:
        yield _equal_line(run, below)


def _shortened(counts: _Counts, everything: bool) -> bool:
    of_one_side = counts.nodes in (counts.only_a, counts.only_b)
    return of_one_side and counts.nodes > SHOWN_INSIDE and not everything


def _line(index: int, counts: _Counts, everything: bool) -> Line:
    if _shortened(counts, everything):
        return Line(index, "inside", counts.nodes, counts.modules, 0)
    return Line(index, "no", 1, 1, 0)


def _equal_line(run: Sequence[int], below: Sequence[_Counts]) -> Line:
    """Return the line of a run of equal siblings; one alone without members is shown by its name."""
    counts = below[run[0]]
    for index in run[1:]:
        counts = counts + below[index]
    fold = "equal" if counts.nodes > 1 else "no"
    return Line(run[0], fold, counts.nodes, counts.modules, counts.resized_modules)


def _subtrees(nodes: Difference) -> list[_Counts]:
    """Return what each node is with all that is below it; modules are counted in one of its parent."""
    counts = [_counts_of(node) for node in nodes]
    for index in range(len(nodes) - 1, 0, -1):
        counts[index] = counts[index].times(nodes[index].module.repeats)
        counts[nodes[index].parent] += counts[index]
    return counts


def _counts_of(node: DiffNode) -> _Counts:
    kind = node.kind
    resized = int(node.only_sizes)
    return _Counts(1, int(kind == "same"), resized, int(kind == "only_a"), int(kind == "only_b"), 1, resized)
