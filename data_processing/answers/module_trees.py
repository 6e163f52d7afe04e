"""A structure's modules as they are compared for people: all of them, with names, classes and sizes."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise, takewhile

from data_processing.trees.bodies import find_body
from data_processing.trees.canonical import ANONYMOUS_KINDS, NUMBER, ROOT, ModuleRow, Parameter, Tree, canonical_tree

UNKNOWN_CLASS = "unknown"  # what a tensor header tells of a class
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class ExplainedRow:
    """What an explanation needs of a row of `modules`."""

    structure_id: str
    position: int
    path: str
    parent: str | None
    class_name: str
    kind: str
    parameter_shapes: str
    repeats: int


@dataclass(frozen=True)
class Module:
    """A folded module. Trees are tuples of modules, depth first, the root at index 0."""

    parent: int  # index of the parent; -1 = this is the root
    path: str  # "" = the root
    name: str  # attribute that holds it, or its numbers in a container; "" = the root
    class_name: str
    kind: str  # class of a library leaf; "" = known by what it contains
    parameters: tuple[Parameter, ...]  # most dimensions first, then weight, then by name
    repeats: int  # equal siblings in this run, at least 1

    @property
    def numbered(self) -> bool:
        """Whether a container numbers it, as it does the layers of a stack."""
        return NUMBER.fullmatch(self.name) is not None

    @property
    def is_told(self) -> bool:
        """Whether the source tells its class."""
        return self.class_name != UNKNOWN_CLASS


ModuleTree = tuple[Module, ...]


@dataclass(frozen=True)
class Side:
    """One of the two structures that are compared."""

    modules: ModuleTree
    tree: Tree  # the canonical one
    body: int  # index in `modules` of what a task head is put upon; 0 = the root itself


def read_side(rows: Iterable[ExplainedRow], *, with_parameters_only: bool = False) -> Side:
    """Return a structure from its rows, given in any order.

    `with_parameters_only` leaves out what a tensor header cannot tell: modules without a parameter in or below them.
    Raises `ValueError` when a module's parent is not among the rows.
    """
    ordered = sorted(rows, key=lambda row: row.position)
    tree = canonical_tree(map(_canonical_row, ordered))
    modules = _modules(ordered)
    kept = _holding_parameters(modules)
    body = kept[find_body(tree)]
    return Side(_only(modules, kept), tree, kept.index(body)) if with_parameters_only else Side(modules, tree, body)


def members_of(modules: Sequence[Module]) -> list[list[int]]:
    """Return for each module the indices of its children in their order."""
    children: list[list[int]] = [[] for _ in modules]
    for index, module in enumerate(modules[1:], start=1):
        children[module.parent].append(index)
    return children


def unfolded_counts(modules: Sequence[Module]) -> list[int]:
    """Return how often each module stands in the unfolded tree."""
    counts = [1]
    for module in modules[1:]:
        counts.append(counts[module.parent] * module.repeats)
    return counts


def own_class(module: Module, above: Module) -> str:
    """Return a class without the model's name before it and "Activation" behind it.

    The model's name is the words that the class shares with its parent's: `RotaryEmbedding` for
    `LlamaRotaryEmbedding` in `LlamaModel`.
    """
    own, parents = _words(module.class_name), _words(above.class_name)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(own, parents, strict=False)))
    return "".join(own[shared:]).removesuffix("Activation") or module.class_name


@lru_cache(maxsize=4096)
def _words(class_name: str) -> tuple[str, ...]:
    starts = [0, *(found.start() for found in _WORD_START.finditer(class_name)), len(class_name)]
    return tuple(class_name[start:end] for start, end in pairwise(starts))


def _canonical_row(row: ExplainedRow) -> ModuleRow:
    return ModuleRow(row.structure_id, row.position, row.path, row.parent, row.kind, row.parameter_shapes, row.repeats)


def _modules(ordered: Sequence[ExplainedRow]) -> ModuleTree:
    index_of: dict[str | None, int] = {None: ROOT}
    modules = [Module(-1, "", "", UNKNOWN_CLASS, "", (), 1)]
    for row in ordered:
        if not row.path:
            modules[ROOT] = _module(row, -1)
            continue
        modules.append(_module(row, index_of[row.parent]))
        index_of[row.path] = len(modules) - 1
    return tuple(modules)


def _module(row: ExplainedRow, parent: int) -> Module:
    name = row.path if row.parent is None else row.path.removeprefix(f"{row.parent}.")
    parameters = [Parameter(own, tuple(shape)) for own, shape in json.loads(row.parameter_shapes).items()]
    parameters.sort(key=lambda one: (-len(one.shape), one.name != "weight", one.name))
    return Module(
        parent=parent,
        path=row.path,
        name=name,
        class_name=row.class_name,
        kind="" if row.kind in ANONYMOUS_KINDS else row.kind,
        parameters=tuple(parameters),
        repeats=row.repeats,
    )


def _holding_parameters(modules: ModuleTree) -> list[int]:
    """Return the root and the modules with a parameter in or below them: the canonical tree's nodes, in its order."""
    holds = [bool(module.parameters) for module in modules]
    for index in range(len(modules) - 1, ROOT, -1):
        holds[modules[index].parent] |= holds[index]
    return [index for index, held in enumerate(holds) if held or index == ROOT]


def _only(modules: ModuleTree, kept: Sequence[int]) -> ModuleTree:
    new_index = {-1: -1} | {index: at for at, index in enumerate(kept)}
    return tuple(replace(modules[index], parent=new_index[modules[index].parent]) for index in kept)
