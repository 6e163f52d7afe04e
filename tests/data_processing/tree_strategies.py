"""Random module trees for Hypothesis, and the changes that tests make to them.

A tree is a `Module` as in `tests.data_processing.module_trees`; a path is the tuple of attribute names from the root.
Leaves are drawn from a list that is written down here: few sizes and names, so that equal siblings are common.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product

from hypothesis import settings
from hypothesis import strategies as st

from data_processing.trees.canonical import ModuleRow
from tests.data_processing.module_trees import Module, rows_of

Path = tuple[str, ...]

ANONYMOUS = ("module", "container", "RMSNorm")
NAMES = ("attn", "mlp", "norm", "dense", "proj")
ANCHOR = "anchor"  # a Linear without bias, so that there always is one
_SIZES = (1, 2, 3, 8)


def _library_leaves() -> Iterator[Module]:
    for kind, (outputs, inputs) in product(("Linear", "Conv1D"), product(_SIZES, repeat=2)):
        yield Module(kind, {"weight": (outputs, inputs)})
        yield Module(kind, {"weight": (outputs, inputs), "bias": (outputs,)})
    for size in _SIZES:
        yield Module("LayerNorm", {"weight": (size,), "bias": (size,)})
        yield Module("LayerNorm", {"weight": (size,)})
        yield Module("Embedding", {"weight": (8, size)})


def _own_parameters() -> Iterator[dict[str, tuple[int, ...]]]:
    shapes = ((), (1,), (2,), (2, 3), (3, 2), (2, 2, 8))
    yield from ({name: shape} for name, shape in product(("scale", "weight"), shapes))
    yield from ({"z": one, "a": other} for one, other in product(shapes, repeat=2))


OWN_PARAMETERS = tuple(_own_parameters())
LEAVES = (*_library_leaves(), *(Module(kind, own) for own in OWN_PARAMETERS for kind in ANONYMOUS[:2]))
IMAGE_LEAVES = tuple(Module("Conv2d", {"weight": (size, 3, 2, 2), "bias": (size,)}) for size in _SIZES)
HELPERS = (Module("Dropout"), Module("module", {}, {"act": Module("GELU"), "0": Module("Identity", repeats=2)}))

# Drawing a tree takes 5 ms.
sixty_examples = settings(max_examples=60)

leaves = st.sampled_from(LEAVES)
linears = st.sampled_from([leaf for leaf in LEAVES if leaf.kind == "Linear" and "bias" not in leaf.shapes])


def numbered(runs: Iterable[Module]) -> dict[str, Module]:
    """Children that a container numbers, each run in its place behind those before it."""
    children: dict[str, Module] = {}
    start = 0
    for run in runs:
        children[str(start)] = run
        start += run.repeats
    return children


@st.composite
def containers(draw: st.DrawFn, inside: st.SearchStrategy[Module], most_runs: int) -> Module:
    """A module with named children, a stack of at most `most_runs` runs, or both; some own parameters."""
    named = draw(st.dictionaries(st.sampled_from(NAMES), inside, max_size=2))
    runs = draw(st.lists(st.tuples(inside, st.integers(1, 5)), min_size=0 if named else 1, max_size=most_runs))
    own = draw(st.sampled_from(({}, {}, {}, *OWN_PARAMETERS)))
    stacked = numbered(replace(run, repeats=repeats) for run, repeats in runs)
    return Module(draw(st.sampled_from(ANONYMOUS)), own, {**named, **stacked})


def modules(
    most_runs: int = 2, among: Sequence[Module] = (*LEAVES, *IMAGE_LEAVES, *HELPERS)
) -> st.SearchStrategy[Module]:
    """Any module; with `most_runs` = 1 no stack has layers that differ."""
    return st.recursive(st.sampled_from(among), lambda inside: containers(inside, most_runs), max_leaves=4)


@st.composite
def trees(draw: st.DrawFn, most_runs: int = 2) -> Module:
    """A whole model, with an anchor beside everything else."""
    root = draw(containers(modules(most_runs), most_runs))
    return replace(root, kind="module", children={**root.children, ANCHOR: draw(linears)})


@st.composite
def bodies(draw: st.DrawFn) -> Module:
    """What heads are put upon: an embedding beside a stack of equal blocks with an anchor; no image convolutions."""
    parts = draw(st.dictionaries(st.sampled_from(NAMES), modules(1, LEAVES), max_size=1))
    block = Module("module", {}, {**parts, ANCHOR: draw(linears)}, draw(st.integers(1, 5)))
    extra = draw(st.dictionaries(st.sampled_from(["norm", "pooler"]), leaves, max_size=1))
    stack = Module("container", {}, numbered([block]))
    own = draw(st.sampled_from(({}, {}, {"scale": (8,)})))
    return Module("module", own, {"embed": Module("Embedding", {"weight": (8, 2)}), "layers": stack, **extra})


def heads() -> st.SearchStrategy[dict[str, Module]]:
    """Heads by name: single leaves, or a few in a sequence."""
    sequences = st.lists(leaves, min_size=1, max_size=3).map(lambda runs: Module("container", {}, numbered(runs)))
    return st.dictionaries(st.sampled_from(["lm_head", "score", "classifier"]), leaves | sequences, max_size=2)


def headed(body: Module, beside: Mapping[str, Module], name: str = "model") -> Module:
    return Module("module", {}, {name: body, **beside})


def all_rows(root: Module) -> list[ModuleRow]:
    """The rows of a tree, with one for the root where it has parameters, as stage 1 writes them."""
    rows = rows_of(root)
    if root.shapes:
        shapes = json.dumps({name: list(shape) for name, shape in root.shapes.items()})
        rows.append(ModuleRow("s", len(rows), "", None, root.kind, shapes, 1))
    return rows


def paths_of(tree: Module, above: Path = ()) -> Iterator[Path]:
    """Yield the path of every module, the root's () first."""
    yield above
    for name, child in tree.children.items():
        yield from paths_of(child, (*above, name))


def module_at(tree: Module, path: Path) -> Module:
    return module_at(tree.children[path[0]], path[1:]) if path else tree


def changed_at(tree: Module, path: Path, change: Callable[[Module], Module]) -> Module:
    """The tree with the module at a path replaced."""
    if not path:
        return change(tree)
    children = dict(tree.children)
    children[path[0]] = changed_at(children[path[0]], path[1:], change)
    return replace(tree, children=children)


def changed_everywhere(tree: Module, change: Callable[[Module], Module]) -> Module:
    """The tree with every module replaced, what it contains first."""
    children = {name: changed_everywhere(child, change) for name, child in tree.children.items()}
    return change(replace(tree, children=children))


def with_runs(module: Module, rewrite: Callable[[Module], Iterable[Module]]) -> Module:
    """The module with each numbered run written as other runs, in its place and numbered anew."""
    children: dict[str, Module] = {}
    start = 0
    for name, child in module.children.items():
        if not name.isdigit():
            children[name] = child
            continue
        for run in rewrite(child):
            children[str(start)] = run
            start += run.repeats
    return replace(module, children=children)


def holds_parameters(module: Module) -> bool:
    return bool(module.shapes) or any(holds_parameters(child) for child in module.children.values())
