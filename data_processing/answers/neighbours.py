"""The architectures nearest to one model, with what they do not share."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from data_processing.corpus import ModelRow
from data_processing.similarity.comparison import distinct_structures
from data_processing.similarity.jaccard import Overlap, differing_tokens, overlap
from data_processing.trees.canonical import Tree
from data_processing.trees.fingerprints import Fingerprints
from data_processing.trees.structures import Structure, read_structure
from pipeline.errors import UsageError
from pipeline.text import count_of, printable

_NAMES_SHOWN = 8
_TOKENS_SHOWN = 6
_NAME_WIDTH, _TOKEN_WIDTH = 80, 120  # characters


@dataclass(frozen=True)
class Neighbour:
    """An architecture near the one asked for, the models that have it, and the tokens that only one of the two has."""

    model_ids: tuple[str, ...]
    overlap: Overlap
    same_family: bool
    only_here: tuple[str, ...]  # in the model asked for
    only_there: tuple[str, ...]


def find_structure(models: Sequence[ModelRow], model_id: str) -> str:
    """Return the structure of a model. Raises `UsageError` for an unknown model and for one that was not extracted."""
    named = [model for model in models if model.model_id == model_id]
    for model in named:
        if model.structure_id is not None:
            return model.structure_id
    if named:
        raise UsageError(
            f"expected a model with a structure, got {model_id!r}, which was not extracted "
            f"(reason: {named[0].reason or 'not tried yet'})"
        )
    extracted = sorted({model.model_id for model in models if model.structure_id is not None})
    near = get_close_matches(model_id, extracted, n=5, cutoff=0.5)
    hint = f" Did you mean {' or '.join(printable(name, _NAME_WIDTH) for name in near)}?" if near else ""
    raise UsageError(
        f"expected one of the store's {count_of(len(extracted), 'extracted model')}, got {model_id!r}.{hint}"
    )


def nearest(
    structure_id: str,
    trees: Mapping[str, Tree],
    models: Iterable[ModelRow],
    count: int,
    known_hashes: Mapping[str, Fingerprints] | None = None,
) -> list[Neighbour]:
    """Return the `count` architectures most similar to one, the most similar first; known hashes save their making.

    Structures of the same plan with the same tokens are one neighbour. Of equally similar ones the same family comes
    first, then the name decides.
    """
    names, hashes = _names_of(models), known_hashes or {}
    structures = {name: read_structure(name, tree, hashes.get(name)) for name, tree in trees.items()}
    own = structures[structure_id]
    groups: dict[str, list[str]] = defaultdict(list)
    for name, first in distinct_structures(structures).items():
        if name != structure_id:
            groups[first].append(name)
    found = [(_join(names, group), structures[group[0]]) for group in groups.values()]
    ordered = sorted(found, key=lambda one: (*_farness(own, one[1]), one[0]))
    return [_neighbour(own, other, model_ids) for model_ids, other in ordered[:count]]


def _farness(own: Structure, other: Structure) -> tuple[float, bool]:
    return -overlap(own.bag, other.bag).similarity, own.hashes.family != other.hashes.family


def _neighbour(own: Structure, other: Structure, model_ids: tuple[str, ...]) -> Neighbour:
    return Neighbour(
        model_ids=model_ids,
        overlap=overlap(own.bag, other.bag),
        same_family=own.hashes.family == other.hashes.family,
        only_here=tuple(differing_tokens(own.bag, other.bag)),
        only_there=tuple(differing_tokens(other.bag, own.bag)),
    )


def _join(names: Mapping[str, tuple[str, ...]], group: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({model_id for name in group for model_id in names[name]}))


def describe(neighbour: Neighbour, rank: int, model_id: str) -> str:
    """Return a neighbour as text for people: similarity, models, and what differs."""
    shown = ", ".join(printable(name, _NAME_WIDTH) for name in neighbour.model_ids[:_NAMES_SHOWN])
    more = len(neighbour.model_ids) - _NAMES_SHOWN
    found = neighbour.overlap
    also = f" and {more:,} more" if more > 0 else ""
    same = "  (same family hash)" if neighbour.same_family else ""
    lines = [
        f"{rank:3d}  {found.similarity:.3f}  {shown}{also}{same}",
        f"            shared weight {found.shared:g} of {found.total:g}",
    ]
    for owner, tokens in ((model_id, neighbour.only_here), (neighbour.model_ids[0], neighbour.only_there)):
        if tokens:
            lines.append(f"            only in {printable(owner, _NAME_WIDTH)}: {_some(tokens)}")
    return "\n".join(lines)


def _some(tokens: Sequence[str]) -> str:
    more = len(tokens) - _TOKENS_SHOWN
    shown = [printable(token, _TOKEN_WIDTH) for token in tokens[:_TOKENS_SHOWN]]
    return "; ".join([*shown, *([f"and {more:,} more"] if more > 0 else [])])


def _names_of(models: Iterable[ModelRow]) -> dict[str, tuple[str, ...]]:
    """Return for each structure the models that have it, in order of their ids."""
    names: dict[str, set[str]] = defaultdict(set)
    for model in models:
        if model.structure_id is not None:
            names[model.structure_id].add(model.model_id)
    return {structure_id: tuple(sorted(ids)) for structure_id, ids in names.items()}
