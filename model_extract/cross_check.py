"""The two views of one model compared: what its config builds, and what its weight files hold.

Names are first brought to one form in the ways in which files are known to differ. What each way explains is taken
away; the verdict names the weightiest way that was needed, or says that something is left.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product, takewhile

from model_extract.formats.tensors import Tensor
from model_extract.quantisation import Shape, unpacked
from model_extract.reading import Structure
from store.records import CrossCheckVerdict, ModuleRecord

# Buffers that files of older versions or of other classes hold; the config's view has parameters only.
_BUFFERS = frozenset(
    {
        "attention_mask",
        "causal_mask",
        "cos_cached",
        "e_score_correction_bias",
        "expert_bias",
        "inv_freq",
        "masked_bias",
        "num_batches_tracked",
        "original_inv_freq",
        "position_ids",
        "relative_coords_table",
        "relative_position_index",
        "running_mean",
        "running_var",
        "sin_cached",
        "token_type_ids",
    }
)
_EXPERT = re.compile(r"(?P<parent>.+)\.experts\.(?P<index>\d+)\..+", re.ASCII)
_STACKED = re.compile(r"(?P<parent>.+)\.experts\.[^.\d][^.]*")
_LAYER = re.compile(r"(.*\.)?\d+(?=\.|$)", re.ASCII)
_PREFIX_PARTS = 3  # a prefix is at most that long
_EXAMPLES = 3
# "prefix" stands for all other names of the same parameters. Where several ways were needed, the first here is named.
_WEIGHT: tuple[CrossCheckVerdict, ...] = ("quantised", "experts_stacked", "prefix", "tied_weights")


@dataclass(frozen=True)
class CrossCheck:
    """How the views compare.

    Counted are parameters with one name and one shape in both, and those of one view alone, before any difference is
    explained and without buffers. `detail` gives examples of what is unexplained, or where all is explained, of what
    differed; empty = nothing did.
    """

    verdict: CrossCheckVerdict
    shared: int
    only_config: int
    only_header: int
    detail: str


@dataclass(frozen=True)
class _Views:
    """What is still unmatched, by name; a shape is None where a packed weight's says nothing of the parameter's.

    `tied` are the parameters of modules that share some with an earlier one, `present` those of them that were matched.
    """

    config: dict[str, Shape]
    header: dict[str, Shape | None]
    tied: dict[str, Shape]
    present: frozenset[str] = frozenset()
    ways: frozenset[CrossCheckVerdict] = frozenset()

    @property
    def n_unmatched(self) -> int:
        return len(self.config) + len(self.header)


def compare(config: Structure, header: Sequence[Tensor], *, own_code: bool, quantised: bool) -> CrossCheck:
    """Compare what a config built with the tensors of all files of the model.

    `own_code` and `quantised` are what the config says: it names code of its own; its weights are quantised. What is
    left unexplained is put down to them.
    """
    built, tied = _parameters(config.modules)
    stored = {tensor.name: tensor.shape for tensor in header if tensor.name in built or not _is_buffer(tensor)}
    first = _matched(_Views(built, dict(stored), tied))
    views = first
    for verdict, way in _ways(header, stored):
        after = _matched(way(views))
        if after.n_unmatched < views.n_unmatched:
            views = replace(after, ways=views.ways | {verdict})
    shared = len(built) - len(first.config)
    verdict = _verdict(views, own_code=own_code, quantised=quantised)
    detail = _detail(views if views.n_unmatched else first)
    return CrossCheck(verdict, shared, len(first.config), len(first.header), detail)


def _ways(
    header: Sequence[Tensor], stored: Mapping[str, Shape]
) -> list[tuple[CrossCheckVerdict, Callable[[_Views], _Views]]]:
    """Return the ways in which files differ, in the order in which one must be undone for the next to be seen."""
    return [
        ("quantised", lambda views: _without_packing(views, header, stored)),
        ("prefix", _without_prefix),
        ("experts_stacked", _without_experts),
        ("tied_weights", _without_ties),
        ("prefix", _without_new_names),
    ]


def _verdict(views: _Views, *, own_code: bool, quantised: bool) -> CrossCheckVerdict:
    if not views.n_unmatched:
        needed: list[CrossCheckVerdict] = [way for way in _WEIGHT if way in views.ways]
        return needed[0] if needed else "agree"
    if own_code:
        return "custom_code"
    return "quantised" if quantised else "other"


def _parameters(rows: Iterable[ModuleRecord]) -> tuple[dict[str, Shape], dict[str, Shape]]:
    """Return the shapes of all parameters by full name, and of those in modules that share some with an earlier one."""
    paths: dict[str | None, list[str]] = {None: [""]}
    shapes: dict[str, Shape] = {}
    tied: dict[str, Shape] = {}
    for row in rows:
        paths[row.path] = [f"{parent}{name}" for parent in paths[row.parent] for name in _names(row)]
        own = {name: tuple(shape) for name, shape in json.loads(row.parameter_shapes).items()}
        named = {f"{path}{name}": shape for path in paths[row.path] for name, shape in own.items()}
        shapes.update(named)
        if row.n_parameters < sum(math.prod(shape) for shape in own.values()):
            tied.update(named)
    return shapes, tied


def _names(row: ModuleRecord) -> Iterator[str]:
    """Yield the names of a run's members, or of a single module, with the dot that follows; "" for the root."""
    last = row.path.rpartition(".")[2]
    first = int(last.partition("-")[0]) if row.repeats > 1 else 0
    for place in range(row.repeats):
        yield f"{first + place}." if row.repeats > 1 else f"{last}." if last else ""


def _is_buffer(tensor: Tensor) -> bool:
    last = tensor.name.rpartition(".")[2]
    # GPT-2 and its like kept the triangle of causal attention, (1, 1, length, length), under this name.
    return last in _BUFFERS or (last == "bias" and len(tensor.shape) == 4)


def _matched(views: _Views) -> _Views:
    """Return the views without what has one name and one shape in both."""
    shared = {name for name, shape in views.header.items() if _fits(views.config.get(name), shape)}
    return replace(
        views,
        config={name: shape for name, shape in views.config.items() if name not in shared},
        header={name: shape for name, shape in views.header.items() if name not in shared},
        present=views.present | (shared & views.tied.keys()),
    )


def _fits(built: Shape | None, stored: Shape | None) -> bool:
    return built is not None and (stored is None or built == stored)


def _without_packing(views: _Views, header: Sequence[Tensor], stored: Mapping[str, Shape]) -> _Views:
    """Give packed weights the names of the parameters that they stand for, and take away what unpacks them."""
    found = unpacked(header)
    ends = {_end(name) for name in views.config}
    settled = stored.keys() - views.header.keys()
    buffers = {tensor.name for tensor in header} - stored.keys()
    kept = {
        name: shape
        for name, shape in found.shapes.items()
        if name not in buffers and (name in views.config or name not in settled)
    }
    # Some writers give every packed layer a bias, of zeros where the model has none.
    added = {name for name in kept if name.endswith(".bias") and _end(name) not in ends}
    added = {name for name in added if name.rpartition(".")[0] in found.packed_modules}
    return replace(views, header={name: shape for name, shape in kept.items() if name not in added})


def _end(name: str) -> tuple[str, ...]:
    return tuple(name.split(".")[-2:])


def _without_prefix(views: _Views) -> _Views:
    """Exchange the root of the file's names for the config's, where that matches anything.

    A side that has no such root is a base model: what the other has beside the root, a head, may be absent.
    """
    pairs = product(["", *_common_prefixes(views.header)], ["", *_common_prefixes(views.config)])
    renamed = {(old, new): _renamed(views, old, new) for old, new in pairs}
    (old, new), best = min(renamed.items(), key=lambda item: _matched(item[1]).n_unmatched)
    if _matched(best).n_unmatched == views.n_unmatched:
        return views
    built = {name: shape for name, shape in best.config.items() if old or name.startswith(new) or name in best.header}
    kept = {exchanged for name, exchanged in zip(views.header, best.header, strict=True) if new or name.startswith(old)}
    return replace(
        best,
        config=built,
        header={name: shape for name, shape in best.header.items() if name in kept or name in built},
    )


def _common_prefixes(names: Mapping[str, object]) -> list[str]:
    """Return the beginnings that at least half of the names have: whole parts, none of them a number."""
    counts: Counter[str] = Counter()
    for name in names:
        words = list(takewhile(lambda part: not part.isdecimal(), name.split(".")[:-1][:_PREFIX_PARTS]))
        counts.update(".".join(words[: place + 1]) + "." for place in range(len(words)))
    return [prefix for prefix, count in counts.items() if 2 * count >= len(names)]


def _renamed(views: _Views, old: str, new: str) -> _Views:
    """Return the views with one prefix of the file's names exchanged, or as they are where two names would be equal."""
    header = {
        name if name in views.config or not name.startswith(old) else f"{new}{name.removeprefix(old)}": shape
        for name, shape in views.header.items()
    }
    return replace(views, header=header) if len(header) == len(views.header) else views


@dataclass(frozen=True)
class _Experts:
    """The experts of one layer: the module that holds them, their parameters' names, their number and size."""

    parent: str
    names: frozenset[str]
    n_experts: int
    n_elements: int | None  # None = some are packed


def _without_experts(views: _Views) -> _Views:
    """Take away experts that are one parameter in the config's view and one by one in the file.

    They are the same where a layer has as many experts with as many elements in all: whether two projections are fused
    and which dimension comes first does not show. The module around them may have another name in the file.
    """
    built, stored = _stacked_experts(views.config), _single_experts(views.header)
    same = [(built[layer], stored[layer]) for layer in built.keys() & stored.keys() if _are_same(built, stored, layer)]
    gone = {name for pair in same for experts in pair for name in experts.names}
    parents = {theirs.parent: ours.parent for ours, theirs in same}
    return replace(
        views,
        config={name: shape for name, shape in views.config.items() if name not in gone},
        header={_moved(name, parents): shape for name, shape in views.header.items() if name not in gone},
    )


def _are_same(built: Mapping[str, _Experts], stored: Mapping[str, _Experts], layer: str) -> bool:
    ours, theirs = built[layer], stored[layer]
    return ours.n_experts == theirs.n_experts and theirs.n_elements in (None, ours.n_elements)


def _stacked_experts(built: Mapping[str, Shape]) -> dict[str, _Experts]:
    """Return the experts of each layer whose parameters have one dimension for all experts, the first."""
    layers: dict[str, list[tuple[str, str]]] = {}
    for name, shape in built.items():
        match = _STACKED.fullmatch(name)
        if match and shape:
            layers.setdefault(_layer(match["parent"]), []).append((match["parent"], name))
    return {layer: _stacked(members, built) for layer, members in layers.items()}


def _stacked(members: Sequence[tuple[str, str]], built: Mapping[str, Shape]) -> _Experts:
    names = [name for _, name in members]
    n_elements = sum(math.prod(built[name]) for name in names)
    return _Experts(members[0][0], frozenset(names), built[names[0]][0], n_elements)


def _single_experts(stored: Mapping[str, Shape | None]) -> dict[str, _Experts]:
    """Return the experts of each layer that are numbered modules."""
    layers: dict[str, list[re.Match[str]]] = {}
    for name in stored:
        match = _EXPERT.fullmatch(name)
        if match:
            layers.setdefault(_layer(match["parent"]), []).append(match)
    return {layer: _single(matches, stored) for layer, matches in layers.items()}


def _single(matches: Sequence[re.Match[str]], stored: Mapping[str, Shape | None]) -> _Experts:
    names = frozenset(match[0] for match in matches)
    shapes = [stored[name] for name in names]
    sizes = [math.prod(shape) for shape in shapes if shape is not None]
    n_elements = sum(sizes) if len(sizes) == len(shapes) else None
    return _Experts(matches[0]["parent"], names, len({match["index"] for match in matches}), n_elements)


def _layer(path: str) -> str:
    """Return a path up to its last number: the modules behind it have different names in different classes."""
    match = _LAYER.match(path)
    return match[0] if match else ""


def _moved(name: str, parents: Mapping[str, str]) -> str:
    """Return a name with the module around it renamed, where it is one of `parents`."""
    parent = next((parent for parent in _ancestors(name) if parent in parents), None)
    return name if parent is None else f"{parents[parent]}{name.removeprefix(parent)}"


def _ancestors(name: str) -> Iterator[str]:
    while name:
        name = name.rpartition(".")[0]
        yield name


def _without_ties(views: _Views) -> _Views:
    """Take away parameters that the file need not hold: shared ones, of which it holds one."""
    shared = {views.tied[name] for name in views.present}
    absent = {name: shape for name, shape in views.config.items() if name not in views.tied and shape not in shared}
    return replace(views, config=absent)


def _without_new_names(views: _Views) -> _Views:
    """Take away what has other names in the file: as many parameters with the same shapes at the same numbers.

    The library renames modules from version to version, and files keep the names of the one that wrote them.
    """
    built, stored = _shapes_by_numbers(views.config), _shapes_by_numbers(views.header)
    same = {numbers for numbers in built.keys() & stored.keys() if built[numbers] == stored[numbers]}
    return replace(
        views,
        config={name: shape for name, shape in views.config.items() if _numbers(name) not in same},
        header={name: shape for name, shape in views.header.items() if _numbers(name) not in same},
    )


def _shapes_by_numbers(names: Mapping[str, Shape | None]) -> dict[tuple[str, ...], Counter[Shape | None]]:
    shapes: dict[tuple[str, ...], Counter[Shape | None]] = {}
    for name, shape in names.items():
        shapes.setdefault(_numbers(name), Counter())[shape] += 1
    return shapes


def _numbers(name: str) -> tuple[str, ...]:
    """Return the numbers in a path: which layer of which stack it is in."""
    return tuple(part for part in name.split(".") if part.isdecimal())


def _detail(views: _Views) -> str:
    sides = (("in the config alone", views.config), ("in the file alone", views.header))
    return "; ".join(f"{len(names):,} {where}: {_examples(names)}" for where, names in sides if names)


def _examples(names: Mapping[str, Shape | None]) -> str:
    shown = [f"{name[:100]} {'packed' if shape is None else list(shape)}" for name, shape in names.items()]
    return ", ".join([*shown[:_EXAMPLES], *(["..."] if len(shown) > _EXAMPLES else [])])
