"""A module tree from the names and shapes of a file's tensors: works for custom code without running it.

It has the modules that own parameters and those around them; what has none (activations, dropout) is in no file, and
the file does not name classes.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from model_extract.failures import UnreadableError
from model_extract.formats.tensors import MAX_ELEMENTS, Tensor
from model_extract.quantisation import main_dtype, scheme_of
from model_extract.reading import Structure, structure_of
from model_extract.tree import Node, count_parameters, unfold
from store.records import Provenance

MAX_DEPTH = 40  # parts of a name; the longest real one that we have seen has 12
MAX_MODULES = 250_000
MAX_ROWS = 50_000  # of the folded tree; the largest of transformers' own types has 4,075
_DIGITS = re.compile(r"(\d+)", re.ASCII)
_NUMBER = re.compile(r"0|[1-9][0-9]*")

Shapes = tuple[tuple[str, tuple[int, ...]], ...]


def tree_of(tensors: Iterable[Tensor]) -> Node:
    """Return the unfolded tree of a file's or several files' tensors; their order does not matter.

    Children and parameters stand in natural order (2 before 10). Raises `UnreadableError` with `bad_header` for names
    that make no tree: twice the same, an empty part, control characters, too deep, too many, too many that differ.
    """
    return unfold(folded_tree_of(tensors))


def folded_tree_of(tensors: Iterable[Tensor]) -> Node:
    """Return what folding `tree_of` gives, without making a node for each of a hundred equal layers."""
    branches = _Branches()
    for tensor in tensors:
        branches.add(tensor)
    return _Bodies().node(branches.root)


def describe_tensors(
    tensors: Sequence[Tensor],
    provenance: Provenance,
    traits: Mapping[str, str],
    *,
    architecture: str | None = None,
    hidden_size: int | None = None,
) -> Structure:
    """Return the folded structure of a file's or several files' tensors.

    Traits of its own: `dtype`, the type of most elements, and `quantisation`, the scheme where there is one; those
    given win. Raises `UnreadableError` with `bad_header`, or `no_weights` where there is no tensor at all.
    """
    if not tensors:
        raise UnreadableError("no_weights", "the file has no tensors")
    folded = folded_tree_of(tensors)
    n_parameters = count_parameters(folded)
    if n_parameters > MAX_ELEMENTS:
        raise _bad(f"{n_parameters:,} parameters; the limit is {MAX_ELEMENTS:,}")
    found = {"dtype": main_dtype(tensors), "quantisation": scheme_of(tensors), **traits}
    described = {name: value for name, value in sorted(found.items()) if value is not None}
    return structure_of(folded, provenance, described, hidden_size=hidden_size, architecture=architecture, note=None)


@dataclass
class _Branch:
    """A module as its parameters come in."""

    children: dict[str, "_Branch"] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


class _Branches:
    """All modules by their paths."""

    def __init__(self) -> None:
        self.root = _Branch()
        self._by_path = {"": self.root}

    def add(self, tensor: Tensor) -> None:
        path, _, parameter = tensor.name.rpartition(".")
        branch = self._by_path.get(path)
        if branch is None:
            branch = self._grown(path)
        if not parameter or tensor.name.startswith(".") or not tensor.name.isprintable():
            raise _bad(f"tensor {tensor.name[:100]!r} is no parameter's name")
        if parameter in branch.shapes:
            raise _bad(f"two tensors are named {tensor.name[:100]!r}")
        branch.shapes[parameter] = tensor.shape

    def _grown(self, path: str) -> _Branch:
        if path.count(".") >= MAX_DEPTH or len(self._by_path) > MAX_MODULES:
            raise _bad(
                f"module {path[:100]!r}: more than {MAX_DEPTH} levels deep, or more than {MAX_MODULES:,} modules"
            )
        parent_path, _, name = path.rpartition(".")
        if not name:
            raise _bad(f"module {path[:100]!r} is no module's name")
        parent = self._by_path.get(parent_path)
        if parent is None:
            parent = self._grown(parent_path)
        branch = parent.children[name] = self._by_path[path] = _Branch()
        return branch


class _Bodies:
    """Makes one nameless node of all modules that are equal but for their names."""

    def __init__(self) -> None:
        self._numbers: dict[tuple, int] = {}
        self._nodes: list[Node] = []
        self._rows: list[int] = []  # below each node, once runs are folded

    def node(self, branch: _Branch) -> Node:
        return self._nodes[self._number(branch)]

    def _number(self, branch: _Branch) -> int:
        """Return the number that equal modules share."""
        children = tuple(
            [(name, self._number(branch.children[name])) for name in sorted(branch.children, key=_natural)]
        )
        shapes = tuple([(name, branch.shapes[name]) for name in sorted(branch.shapes, key=_natural)])
        number = self._numbers.setdefault((shapes, children), len(self._nodes))
        if number == len(self._nodes):
            self._nodes.append(self._made(shapes, children))
        return number

    def _made(self, shapes: Shapes, children: Sequence[tuple[str, int]]) -> Node:
        is_list = bool(children) and not shapes and all(name.isdecimal() for name, _ in children)
        runs = _runs(children)
        self._rows.append(sum(1 + self._rows[number] for _, _, number in runs))
        if self._rows[-1] > MAX_ROWS:
            raise _bad(f"more than {MAX_ROWS:,} modules of which no two neighbours are equal")
        return Node(
            name="",
            class_name="ModuleList" if is_list else "unknown",
            kind="container" if is_list else "module",
            shapes=shapes,
            n_parameters=sum(math.prod(shape) for _, shape in shapes),
            children=tuple(replace(self._nodes[number], name=name, repeats=repeats) for name, repeats, number in runs),
        )


def _runs(children: Iterable[tuple[str, int]]) -> list[tuple[str, int, int]]:
    """Return name, length and body of each run of consecutively numbered children with one body."""
    runs: list[tuple[str, int, int]] = []
    for name, number in children:
        first, repeats, body = runs[-1] if runs else ("", 0, -1)
        if body == number and _NUMBER.fullmatch(first) and name == str(int(first) + repeats):
            runs[-1] = (first, repeats + 1, body)
        else:
            runs.append((name, 1, number))
    return [(_name_of_run(first, repeats), repeats, body) for first, repeats, body in runs]


def _name_of_run(first: str, repeats: int) -> str:
    return first if repeats == 1 else f"{first}-{int(first) + repeats - 1}"


@lru_cache(maxsize=10_000)
def _natural(part: str) -> tuple:
    """Return what a part is sorted by: texts and numbers in turn, and the part itself where 1 and 01 are equal."""
    pieces = _DIGITS.split(part)
    return tuple(int(piece) if place % 2 else piece for place, piece in enumerate(pieces)), part


def _bad(detail: str) -> UnreadableError:
    return UnreadableError("bad_header", detail)
