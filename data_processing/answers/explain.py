"""`python -m data_processing explain A B`: how two architectures differ, and what they are to each other."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from data_processing.answers.alignment import align
from data_processing.answers.difference import Difference, DiffNode, Resizing, difference, resizings
from data_processing.answers.module_trees import ExplainedRow, read_side
from data_processing.answers.neighbours import find_structure
from data_processing.corpus import read_models
from data_processing.similarity.jaccard import Overlap, differing_tokens, overlap
from data_processing.trees.structures import Structure, read_structure
from pipeline.text import count_of
from store import Query, Store

_QUERIES = Path(__file__).with_name("queries")
_PARTLY = 0.5  # similarity from which two architectures that are not similar are called alike in part
_REASONS_SHOWN = 3
_NAMES_SHOWN = 4


@dataclass(frozen=True)
class ExplainedModel:
    """A model's structure in numbers. None = the source did not say."""

    provenance: str
    architecture: str | None
    n_parameters: int
    n_modules: int
    n_layers: int
    hidden_size: int | None


@dataclass(frozen=True)
class Described:
    """A model with all that an explanation needs of it."""

    model_id: str
    numbers: ExplainedModel
    traits: Mapping[str, str]
    rows: Sequence[ExplainedRow]


@dataclass(frozen=True)
class Fact:
    """A trait or a number of both models. None = the source did not say."""

    name: str
    left: int | str | None
    right: int | str | None

    @property
    def differs(self) -> bool:
        """Whether the models differ in it."""
        return self.left != self.right


@dataclass(frozen=True)
class Explanation:
    """Two models compared."""

    left: Described
    right: Described
    verdict: str
    nodes: Difference
    resizings: tuple[Resizing, ...]
    traits: tuple[Fact, ...]
    numbers: tuple[Fact, ...]
    equal_levels: Mapping[str, bool]  # exact, layout, plan, body -> whether the hashes are equal
    overlap: Overlap
    only_left: tuple[str, ...]  # tokens, the most frequent first
    only_right: tuple[str, ...]
    note: str | None  # what the comparison could not look at


EXPLAINED_MODULES = Query(_QUERIES / "explained_modules.sql", ExplainedRow)
EXPLAINED_MODEL = Query(_QUERIES / "explained_model.sql", ExplainedModel)


def read_described(store: Store, model_ids: Iterable[str]) -> list[Described]:
    """Return models of the store. Raises `UsageError` for an unknown model and for one that was not extracted."""
    models = read_models(store)
    found = [(model_id, find_structure(models, model_id)) for model_id in model_ids]
    return [_read_one(store, model_id, structure_id) for model_id, structure_id in found]


def _read_one(store: Store, model_id: str, structure_id: str) -> Described:
    traits = store.rows("SELECT name, value FROM traits WHERE structure_id = $structure", {"structure": structure_id})
    return Described(
        model_id=model_id,
        numbers=store.fetch(EXPLAINED_MODEL, model=model_id, structure=structure_id)[0],
        traits=dict(traits),
        rows=store.fetch(EXPLAINED_MODULES, structure=structure_id),
    )


def explain(left: Described, right: Described, threshold: float) -> Explanation:
    """Return how two models differ. `threshold` is the similarity from which they are called similar."""
    kinds_told = left.numbers.provenance == right.numbers.provenance == "config"
    one, other = (read_side(model.rows, with_parameters_only=not kinds_told) for model in (left, right))
    first, second = read_structure(left.model_id, one.tree), read_structure(right.model_id, other.tree)
    nodes = difference(one, other, align(one, other, kinds_told=kinds_told), kinds_told=kinds_told)
    shared, levels = overlap(first.bag, second.bag), _equal_levels(first, second)
    return Explanation(
        left=left,
        right=right,
        verdict=_verdict(levels, left, right, _likeness(shared.similarity, threshold), nodes),
        nodes=nodes,
        resizings=tuple(resizings(nodes, one, other)),
        traits=_traits(left, right),
        numbers=_numbers(left.numbers, right.numbers),
        equal_levels=levels,
        overlap=shared,
        only_left=tuple(differing_tokens(first.bag, second.bag)),
        only_right=tuple(differing_tokens(second.bag, first.bag)),
        note=None if kinds_told else _COARSE,
    )


_COARSE = (
    "at least one model is known by its tensors alone: classes, the order of modules and modules without parameters "
    "are not compared"
)


def _traits(left: Described, right: Described) -> tuple[Fact, ...]:
    names = sorted({*left.traits, *right.traits})
    return tuple(Fact(name, left.traits.get(name), right.traits.get(name)) for name in names)


def _numbers(left: ExplainedModel, right: ExplainedModel) -> tuple[Fact, ...]:
    pairs = {
        "parameters": (left.n_parameters, right.n_parameters),
        "modules": (left.n_modules, right.n_modules),
        "layers": (left.n_layers, right.n_layers),
        "width": (left.hidden_size, right.hidden_size),
    }
    return tuple(Fact(name, one, other) for name, (one, other) in pairs.items())


def _equal_levels(left: Structure, right: Structure) -> dict[str, bool]:
    one, other = left.hashes, right.hashes
    return {
        "exact": one.exact == other.exact,
        "layout": one.layout == other.layout,
        "plan": one.family == other.family,
        "body": one.body == other.body,
    }


def _likeness(similarity: float, threshold: float) -> str:
    word = "similar" if similarity >= threshold else "alike in part" if similarity >= _PARTLY else "different"
    return f"{word} ({similarity:.2f})"


def _verdict(levels: Mapping[str, bool], left: Described, right: Described, likeness: str, nodes: Difference) -> str:
    """Return what the hashes say in words; where the plans are unequal, how alike they are and the main differences."""
    if levels["exact"]:
        return "the same architecture at the same size" + _other_traits(left, right)
    if levels["layout"] or levels["plan"]:
        return f"the same plan, {_other_sizes(left.numbers, right.numbers)}" + _other_traits(left, right)
    body = ", with bodies of the same plan" if levels["body"] else ""
    reasons = islice(reasons_of(nodes, left.model_id, right.model_id), _REASONS_SHOWN)
    return f"{likeness}{body}: {'; '.join(reasons)}".removesuffix(": ")


def _other_sizes(left: ExplainedModel, right: ExplainedModel) -> str:
    width = None not in (left.hidden_size, right.hidden_size) and left.hidden_size != right.hidden_size
    words = [word for word, differs in (("width", width), ("depth", left.n_layers != right.n_layers)) if differs]
    return f"other {' and '.join(words)}" if words else "other sizes inside the blocks or of the vocabulary"


def _other_traits(left: Described, right: Described) -> str:
    """Return the traits that both models tell otherwise: the same plan is not the same function."""
    names = [name for name in sorted(left.traits) if right.traits.get(name, left.traits[name]) != left.traits[name]]
    return f"; {_listed(names)} {'differs' if len(names) == 1 else 'differ'}" if names else ""


def reasons_of(nodes: Difference, left: str, right: str) -> Iterator[str]:
    """Yield what differs in plan, in words: parameters, kinds, modules of one side alone, places."""
    changes: dict[tuple[str, str | None, str | None], list[str]] = defaultdict(list)
    for node in nodes:
        for change in node.changes:
            places = change.aspect in ("order", "place", "name")
            key = (change.aspect, None, None) if places else (change.aspect, change.left, change.right)
            changes[key].append(_name_of(node))
    for (aspect, one, other), names in changes.items():
        if aspect == "parameter":
            yield f"{_parameter_words(one, other, left, right)} in {_listed(names)}"
        elif aspect == "kind":
            yield f"{one} in {left} is {other} in {right} ({_listed(names)})"
    for kind, model_id in (("only_a", left), ("only_b", right)):
        names = [_name_of(nodes[index]) for index in _absent(nodes) if nodes[index].kind == kind]
        if names:
            yield f"only {model_id} has {_listed(names)}"
    moved = changes.get(("order", None, None), [])
    if moved:
        yield f"{_listed(moved)} in another order"


def _parameter_words(one: str | None, other: str | None, left: str, right: str) -> str:
    if one and other:
        return f"{one} is called {other}"
    return f"{right} has a {other}" if other else f"{left} has a {one}"


def _absent(nodes: Difference) -> list[int]:
    """Return the topmost nodes of one side alone that hold parameters and nothing that the other side has too."""
    holds = [bool(node.module.parameters) for node in nodes]
    shared = [node.left is not None and node.right is not None for node in nodes]
    for index in range(len(nodes) - 1, 0, -1):
        parent = nodes[index].parent
        holds[parent] |= holds[index]
        shared[parent] |= shared[index]
    return [
        index for index in range(1, len(nodes)) if holds[index] and not shared[index] and shared[nodes[index].parent]
    ]


def _name_of(node: DiffNode) -> str:
    """Return a module's name, with its container's where it is numbered."""
    path = node.module.path.split(".")
    return ".".join(path[-2:] if node.module.numbered else path[-1:]) or "the model itself"


def _listed(names: Sequence[str]) -> str:
    """Return "a, b and c", each name once; of many the first few."""
    distinct = list(dict.fromkeys(names))
    shown, more = distinct[:_NAMES_SHOWN], len(distinct) - _NAMES_SHOWN
    if more > 0:
        return f"{', '.join(shown)} and {count_of(more, 'other name')}"
    return " and ".join([*([", ".join(shown[:-1])] if shown[1:] else []), shown[-1]])
