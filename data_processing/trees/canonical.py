"""The canonical tree of a structure: what is left of its modules when wording is taken away (DESIGN 6).

- A leaf of a library (Linear, Conv1d, Conv1D, Embedding, LayerNorm, ...) keeps its kind and its parameters' names.
- A class of one model, and a container, has no name: it is known by what it contains and by its own parameters.
- What holds no parameter anywhere below it (dropout, activations, rotary helpers, identities) is left out.
- Attribute names stay on the edges for tokens; the hashes do not look at them. The one thing they say of a module's
  place is whether a container numbers it (layers.0-11).
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

# RMSNorm exists as a torch class and as one class in each model: both are known by their one parameter.
ANONYMOUS_KINDS = frozenset({"container", "module", "RMSNorm"})
ROOT = 0
NUMBER = re.compile(r"[0-9]+(-[0-9]+)?")


@dataclass(frozen=True)
class ModuleRow:
    """What the canonical tree needs of a row of `modules`."""

    structure_id: str
    position: int
    path: str
    parent: str | None
    kind: str
    parameter_shapes: str
    repeats: int


@dataclass(frozen=True)
class Parameter:
    """A module's own parameter."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Node:
    """A module of a canonical tree. Trees are tuples of nodes, depth first, the root at index 0."""

    parent: int  # index of the parent; -1 = this is the root
    name: str  # attribute that holds it; "" = the root, or a container numbers it
    repeats: int  # equal siblings in this run, at least 1
    kind: str  # class of a library leaf; "" = known by what it contains
    parameters: tuple[Parameter, ...]  # by number of dimensions, then by name

    @property
    def numbered(self) -> bool:
        """Whether a container numbers it, as it does the layers of a stack."""
        return not self.name and self.parent >= 0


Tree = tuple[Node, ...]


def canonical_tree(rows: Iterable[ModuleRow]) -> Tree:
    """Return the canonical tree of one structure's folded modules, given in any order.

    The root is a row of its own (path "") only where it has parameters.
    Raises `ValueError` when a module's parent is not among the rows.
    """
    in_order = sorted(rows, key=lambda row: row.position)
    root_parameters = [_own_parameters(row.parameter_shapes) for row in in_order if not row.path]
    ordered = [row for row in in_order if row.path]
    parameters = [_own_parameters(row.parameter_shapes) for row in ordered]
    parents = _parent_indices(ordered)
    kept = _holds_parameters(parents, parameters)
    new_index = {-1: ROOT}
    nodes = [Node(-1, "", 1, "", root_parameters[0] if root_parameters else ())]
    for index, row in enumerate(ordered):
        if kept[index]:
            new_index[index] = len(nodes)
            nodes.append(_node(row, new_index[parents[index]], parameters[index]))
    return tuple(nodes)


def children_of(tree: Tree) -> list[list[int]]:
    """Return for each node the indices of its children in their order."""
    children: list[list[int]] = [[] for _ in tree]
    for index, node in enumerate(tree[1:], start=1):
        children[node.parent].append(index)
    return children


def _node(row: ModuleRow, parent: int, parameters: tuple[Parameter, ...]) -> Node:
    name = row.path.rpartition(".")[2]
    return Node(
        parent=parent,
        name="" if NUMBER.fullmatch(name) else name,
        repeats=row.repeats,
        kind="" if row.kind in ANONYMOUS_KINDS else row.kind,
        parameters=parameters,
    )


@lru_cache(maxsize=1 << 14)  # most modules of most models have the same few shapes
def _own_parameters(shapes: str) -> tuple[Parameter, ...]:
    if shapes == "{}":
        return ()
    parameters = [Parameter(name, tuple(shape)) for name, shape in json.loads(shapes).items()]
    return tuple(sorted(parameters, key=lambda parameter: (len(parameter.shape), parameter.name)))


def _parent_indices(rows: list[ModuleRow]) -> list[int]:
    index_of = {row.path: index for index, row in enumerate(rows)}
    parents = []
    for index, row in enumerate(rows):
        parent = -1 if row.parent is None else index_of.get(row.parent, index)
        if parent >= index:
            raise ValueError(f"structure {row.structure_id}: module {row.path!r} stands before its parent")
        parents.append(parent)
    return parents


def _holds_parameters(parents: list[int], parameters: list[tuple[Parameter, ...]]) -> list[bool]:
    """Return for each module whether it or anything below it has a parameter."""
    kept = [bool(own) for own in parameters]
    for index in range(len(parents) - 1, -1, -1):
        if kept[index] and parents[index] >= 0:
            kept[parents[index]] = True
    return kept
