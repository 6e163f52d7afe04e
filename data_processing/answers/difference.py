"""What differs between two structures, module by module: the tree of both laid over each other."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from data_processing.answers.alignment import Alignment
from data_processing.answers.module_trees import Module, ModuleTree, Side, members_of, own_class, unfolded_counts
from data_processing.trees.canonical import ROOT, Parameter

Kind = Literal["same", "changed", "moved", "renamed", "only_a", "only_b"]
Aspect = Literal["kind", "parameter", "shape", "size", "repeats", "place", "order", "name"]


@dataclass(frozen=True)
class Change:
    """One thing in which two modules that correspond differ. None = the side has nothing of it."""

    aspect: Aspect
    left: str | None
    right: str | None


@dataclass(frozen=True)
class DiffNode:
    """A module of either structure, or one of each that correspond. Trees are tuples of nodes, depth first."""

    parent: int  # index of the node that holds it; -1 = this is the root
    kind: Kind
    left: Module | None
    right: Module | None
    changes: tuple[Change, ...] = ()

    @property
    def module(self) -> Module:
        """The left module, the right one where there is no left. Raises `ValueError` when there is neither."""
        found = self.left or self.right
        if found is None:
            raise ValueError("a node stands for a module of at least one side")
        return found

    @property
    def only_sizes(self) -> bool:
        """Whether it is changed, and in nothing but its dimensions."""
        return bool(self.changes) and all(change.aspect == "size" for change in self.changes)


Difference = tuple[DiffNode, ...]


@dataclass(frozen=True)
class Resizing:
    """A dimension that is another one on the right, in how many modules of each unfolded tree, and their names."""

    left: int
    right: int
    count_left: int
    count_right: int
    names: tuple[str, ...]  # the attributes' names, the most frequent first


def difference(left: Side, right: Side, alignment: Alignment, *, kinds_told: bool = True) -> Difference:
    """Return both trees as one: every module of each stands in exactly one node, the root first.

    Siblings keep the left side's order; what the right side alone has stands behind what precedes it there.
    """
    overlay = _Overlay(left, right, alignment, kinds_told)
    nodes: list[DiffNode] = []
    pending: list[tuple[int | None, int | None, int]] = [(ROOT, ROOT, -1)]
    while pending:
        one, other, parent = pending.pop()
        nodes.append(overlay.node(one, other, parent))
        pending.extend((*pair, len(nodes) - 1) for pair in reversed(overlay.members(one, other)))
    return tuple(nodes)


class _Overlay:
    """Two trees laid over each other by an alignment."""

    def __init__(self, left: Side, right: Side, alignment: Alignment, kinds_told: bool) -> None:
        self._left, self._right = left, right
        self._pairs, self._displaced = alignment.pairs, alignment.displaced
        self._left_of = alignment.mirrored().pairs
        self._left_members, self._right_members = members_of(left.modules), members_of(right.modules)
        self._kinds_told = kinds_told

    def members(self, one: int | None, other: int | None) -> list[tuple[int | None, int | None]]:
        """Return the pairs of indices below a pair, in the order in which they are shown."""
        own = [] if one is None else self._left_members[one]
        behind: dict[int | None, list[tuple[int | None, int | None]]] = defaultdict(list)
        anchor = None
        for index in [] if other is None else self._right_members[other]:
            if index in self._left_of:
                anchor = self._below(one, self._left_of[index]) or anchor
            else:
                behind[anchor].append((None, index))
        shown = behind.pop(None, []) if behind.keys() - {None} or anchor else []
        for index in own:
            shown += [(index, self._pairs.get(index)), *behind[index]]
        return [*shown, *behind[None]]

    def _below(self, above: int | None, index: int) -> int | None:
        """Return the member of `above` that a left module stands in, itself included; None = it stands elsewhere."""
        while index != ROOT and self._left.modules[index].parent != above:
            index = self._left.modules[index].parent
        return index or None

    def node(self, one: int | None, other: int | None, parent: int) -> DiffNode:
        """Return what a pair of indices is."""
        left = None if one is None else self._left.modules[one]
        right = None if other is None else self._right.modules[other]
        if one is None or left is None:
            return DiffNode(parent, "only_b", None, right)
        if other is None or right is None:
            return DiffNode(parent, "only_a", left, None)
        changes = (*self._own_changes(one, left, other, right), *self._place_changes(one, left, other, right))
        return DiffNode(parent, _kind_of(changes), left, right, changes)

    def _own_changes(self, one: int, left: Module, other: int, right: Module) -> Iterator[Change]:
        names = self._kind(one, left), self._kind(other, right, on_right=True)
        if self._kinds_told and names[0] != names[1]:
            yield Change("kind", left.kind or left.class_name, right.kind or right.class_name)
        for own, others in matched_parameters(left, right):
            yield from _parameter_changes(own, others)
        if left.repeats != right.repeats:
            yield Change("repeats", str(left.repeats), str(right.repeats))

    def _kind(self, index: int, module: Module, *, on_right: bool = False) -> str:
        """Return what is compared of a class: a library leaf's kind, a class without parameters and members, or ""."""
        side, members = (self._right, self._right_members) if on_right else (self._left, self._left_members)
        if module.parameters or members[index] or index == ROOT:
            return module.kind
        return own_class(module, side.modules[module.parent])

    def _place_changes(self, one: int, left: Module, other: int, right: Module) -> Iterator[Change]:
        if one == ROOT:
            return
        if not self._same_parent(left.parent, right.parent):
            above = self._left.modules[left.parent].path, self._right.modules[right.parent].path
            yield Change("place", *above)
        elif one in self._displaced:
            yield Change("order", self._after(one, left), self._after(other, right, on_right=True))
        if left.name != right.name and not (left.numbered and right.numbered):
            yield Change("name", left.name, right.name)

    def _same_parent(self, one: int, other: int) -> bool:
        return self._pairs.get(one) == other or (one == self._left.body and other == self._right.body)

    def _after(self, index: int, module: Module, *, on_right: bool = False) -> str:
        side, members = (self._right, self._right_members) if on_right else (self._left, self._left_members)
        at = members[module.parent].index(index)
        return f"after {side.modules[members[module.parent][at - 1]].name}" if at else "first"


def _kind_of(changes: Sequence[Change]) -> Kind:
    """Return the gravest: what a module is, then where it stands, then what it is called."""
    aspects = {change.aspect for change in changes}
    if aspects - {"place", "order", "name"}:
        return "changed"
    if aspects & {"place", "order"}:
        return "moved"
    return "renamed" if aspects else "same"


def matched_parameters(left: Module, right: Module) -> list[tuple[Parameter | None, Parameter | None]]:
    """Return the parameters of two modules by name; what is left of models' own classes by number of dimensions."""
    others = {parameter.name: parameter for parameter in right.parameters}
    matched: list[tuple[Parameter | None, Parameter | None]] = []
    alone: list[Parameter] = []
    for parameter in left.parameters:
        if parameter.name in others:
            matched.append((parameter, others.pop(parameter.name)))
        else:
            alone.append(parameter)
    for parameter in alone:
        other = None if left.kind or right.kind else _of_equal_rank(parameter, others)
        matched.append((parameter, others.pop(other) if other else None))
    return [*matched, *((None, parameter) for parameter in others.values())]


def _of_equal_rank(parameter: Parameter, others: Mapping[str, Parameter]) -> str | None:
    return next((name for name, other in others.items() if len(other.shape) == len(parameter.shape)), None)


def _parameter_changes(left: Parameter | None, right: Parameter | None) -> Iterator[Change]:
    if left is None or right is None or left.name != right.name:
        yield Change("parameter", left and left.name, right and right.name)
    if left is not None and right is not None and left.shape != right.shape:
        aspect: Aspect = "size" if len(left.shape) == len(right.shape) else "shape"
        yield Change(aspect, _described(left), _described(right))


def _described(parameter: Parameter) -> str:
    return f"{parameter.name} {shape_text(parameter.shape)}"


def shape_text(shape: Sequence[int]) -> str:
    """Return "4096 x 11008"; a parameter without dimensions is a scalar."""
    return " x ".join(map(str, shape)) or "scalar"


def resizings(nodes: Difference, left: Side, right: Side) -> list[Resizing]:
    """Return the dimensions that differ in modules that correspond, the most frequent first, then the smallest."""
    counts = _counts_by_path(left.modules), _counts_by_path(right.modules)
    modules: dict[tuple[int, int], dict[tuple[str, str], str]] = defaultdict(dict)
    for node in nodes:
        if node.left is not None and node.right is not None:
            for sizes in _resized(node.left, node.right):
                modules[sizes][node.left.path, node.right.path] = node.left.name
    found = [_resizing(sizes, places, counts) for sizes, places in modules.items()]
    return sorted(found, key=lambda one: (-one.count_left, one.left, one.right))


def _resizing(
    sizes: tuple[int, int], places: Mapping[tuple[str, str], str], counts: tuple[Mapping[str, int], Mapping[str, int]]
) -> Resizing:
    names: Counter[str] = Counter()
    for (path, _), name in places.items():
        names[name] += counts[0][path]
    return Resizing(
        *sizes,
        count_left=names.total(),
        count_right=sum(counts[1][path] for _, path in places),
        names=tuple(name for name, _ in names.most_common()),
    )


def _resized(left: Module, right: Module) -> Iterator[tuple[int, int]]:
    for own, others in matched_parameters(left, right):
        if own is not None and others is not None and len(own.shape) == len(others.shape):
            yield from (pair for pair in zip(own.shape, others.shape, strict=True) if pair[0] != pair[1])


def _counts_by_path(modules: ModuleTree) -> dict[str, int]:
    return {module.path: count for module, count in zip(modules, unfolded_counts(modules), strict=True)}
