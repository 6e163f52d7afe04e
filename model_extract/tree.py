"""A model's module tree, folded: runs of equal siblings become one row.

The tree has the modules of `named_modules()` once each and the root's own parameters. A parameter that several modules
share counts at its first owner in the order of `named_parameters()`, so that the rows' own parameters, each times the
repeats of its ancestors and itself, add up to `sum(p.numel() for p in model.parameters())`.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from model_extract.text import storable
from store.records import ModuleRecord

if TYPE_CHECKING:
    from torch import nn

_BLOCK_WORDS = re.compile(r"block|layer|encoder|decoder", re.IGNORECASE)
_INDEX = re.compile(r"\d+(-\d+)?")
_CONTAINERS = ("ModuleList", "ModuleDict", "Sequential", "ParameterList", "ParameterDict")


class MiscountError(Exception):
    """A tree whose parameters are not those of the model it was read from: a fault of this module."""


@dataclass(frozen=True)
class Node:
    """One module; after folding, a run of `repeats` equal siblings named "first-last"."""

    name: str
    class_name: str
    kind: str
    shapes: tuple[tuple[str, tuple[int, ...]], ...]  # own parameters, tied ones too
    n_parameters: int  # own, those that an earlier module owns left out
    children: tuple["Node", ...]
    repeats: int = 1


def read_tree(model: "nn.Module") -> Node:
    """Return the unfolded tree of a model."""
    return _Walk().node("", model)


def fold(node: Node) -> Node:
    """Return the tree with every run of equal, consecutively numbered siblings as one node."""
    folded: list[Node] = []
    for child in (fold(child) for child in node.children):
        if folded and _continues(folded[-1], child):
            folded[-1] = _extended(folded[-1], child)
        else:
            folded.append(child)
    return replace(node, children=tuple(folded))


def unfold(node: Node) -> Node:
    """Return the tree with every run written out: the inverse of `fold`."""
    children: list[Node] = []
    for child in (unfold(child) for child in node.children):
        names = [child.name] if child.repeats == 1 else _names_of_run(child)
        children.extend(replace(child, name=name, repeats=1) for name in names)
    return replace(node, children=tuple(children))


def count_modules(node: Node) -> int:
    """Return the number of modules below a node, runs counted with their length."""
    return sum(child.repeats * (1 + count_modules(child)) for child in node.children)


def count_parameters(node: Node) -> int:
    """Return the number of parameters of a node and all below it, shared ones once."""
    return node.repeats * (node.n_parameters + sum(count_parameters(child) for child in node.children))


def check_count(node: Node, expected: int) -> None:
    """Raise `MiscountError` unless the tree has `expected` parameters."""
    counted = count_parameters(node)
    if counted != expected:
        raise MiscountError(f"the tree has {counted:,} parameters, the model {expected:,}")


def depth(node: Node) -> int:
    """Return the depth of the deepest module below a node; 0 = it has none."""
    return max((1 + depth(child) for child in node.children), default=0)


def longest_block_run(node: Node) -> int:
    """Return the length of the longest list of numbered siblings that have children; 0 = none has two or more.

    Blocks of a list need not be equal: the first of a T5 encoder alone holds the position bias, hybrids mix attention
    with other layers. Experts are no blocks: they stand beside each other, not behind.
    """
    own = sum(child.repeats for child in node.children if child.children) if _is_stack(node) else 0
    inside = [longest_block_run(child) for child in node.children]
    return max([own if own > 1 else 0, *inside])


def module_rows(root: Node, structure_id: str) -> list[ModuleRecord]:
    """Return the rows of a folded tree in depth-first preorder.

    The root itself is a row (path "", depth 0) only where it owns parameters.
    """
    rows: list[ModuleRecord] = []
    if root.shapes:
        rows.append(_row(root, "", None, 0, 0, structure_id))
    for child in root.children:
        _append_rows(rows, child, None, 1, structure_id)
    return rows


def block_of(path: str) -> str:
    """Return the block that a module belongs to.

    The first part of the path, the module's own name left out, that says block, layer, encoder or decoder, with the
    number that follows; else the first part; "base" for a module at the top (METHODS 1).
    """
    parts = path.split(".")[:-1]
    for place, part in enumerate(parts):
        if _BLOCK_WORDS.search(part):
            following = parts[place + 1 : place + 2]
            numbered = bool(following) and _INDEX.fullmatch(following[0]) is not None
            return f"{part}.{following[0]}" if numbered else part
    return parts[0] if parts else "base"


class _Walk:
    """Reads a model once, in the order of `named_modules()`, remembering what has been seen."""

    def __init__(self) -> None:
        self._modules: set[int] = set()
        self._parameters: set[int] = set()

    def node(self, name: str, module: "nn.Module") -> Node:
        self._modules.add(id(module))
        own = [(key, value) for key, value in module._parameters.items() if value is not None]
        # Arguments are evaluated in this order: the module's own parameters are seen before its children's.
        return Node(
            name=storable(name),  # some models name modules by words of their config
            class_name=type(module).__name__,
            kind=kind_of(module),
            shapes=tuple((key, tuple(value.shape)) for key, value in own),
            n_parameters=self._count_new(value for _, value in own),
            children=tuple(self._children(module)),
        )

    def _children(self, module: "nn.Module") -> Iterator[Node]:
        for name, child in module._modules.items():
            if child is not None and id(child) not in self._modules:
                yield self.node(name, child)

    def _count_new(self, parameters: Iterator[Any]) -> int:
        count = 0
        for parameter in parameters:
            if id(parameter) not in self._parameters:
                self._parameters.add(id(parameter))
                count += parameter.numel()
        return count


def kind_of(module: "nn.Module") -> str:
    """Return what a module is to the library.

    The name of the torch class that it is or derives from, "Conv1D" for transformers' transposed linear layer,
    "container" for lists and sequences, "module" for classes that models define.
    """
    from torch import nn

    for ancestor in type(module).__mro__:
        name = ancestor.__name__
        if ancestor is nn.Module:
            break
        if name in _CONTAINERS and ancestor.__module__.startswith("torch.nn."):
            return "container"
        if name == "Conv1D" and ancestor.__module__ == "transformers.pytorch_utils":
            return name
        if ancestor.__module__.startswith("torch.nn.") and getattr(nn, name, None) is ancestor:
            return name
    return "module"


def _continues(run: Node, node: Node) -> bool:
    """Return whether `node` is the next member of `run`: numbered one higher and equal in all but its name."""
    last = run.name.rpartition("-")[2]
    if not (last.isdecimal() and node.name.isdecimal() and int(node.name) == int(last) + 1):
        return False
    return replace(run, name="", repeats=1) == replace(node, name="", repeats=1)


def _extended(run: Node, node: Node) -> Node:
    first = run.name.partition("-")[0]
    return replace(run, name=f"{first}-{node.name}", repeats=run.repeats + 1)


def _names_of_run(run: Node) -> list[str]:
    first = int(run.name.partition("-")[0])
    return [str(first + place) for place in range(run.repeats)]


def _is_stack(node: Node) -> bool:
    """Return whether a node is a list of modules that follow one another."""
    return node.class_name == "ModuleList" and node.name != "experts"


def _append_rows(rows: list[ModuleRecord], node: Node, parent: str | None, level: int, structure_id: str) -> None:
    path = f"{parent}.{node.name}" if parent else node.name
    rows.append(_row(node, path, parent, level, len(rows), structure_id))
    for child in node.children:
        _append_rows(rows, child, path, level + 1, structure_id)


def _row(node: Node, path: str, parent: str | None, level: int, position: int, structure_id: str) -> ModuleRecord:
    return ModuleRecord(
        structure_id=structure_id,
        position=position,
        path=path,
        parent=parent,
        depth=level,
        block=block_of(path),
        class_name=node.class_name,
        kind=node.kind,
        n_parameters=node.n_parameters,
        parameter_shapes=_shapes_json(node.shapes),
        repeats=node.repeats,
    )


def _shapes_json(shapes: Sequence[tuple[str, tuple[int, ...]]]) -> str:
    return json.dumps({name: list(shape) for name, shape in shapes})
