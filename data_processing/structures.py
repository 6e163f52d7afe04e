"""The structures of a corpus compared: hashes, tokens, and the pairs that are alike."""

from collections.abc import Mapping
from dataclasses import dataclass

from data_processing.canonical import Tree
from data_processing.fingerprints import Fingerprints, fingerprints
from data_processing.similarity import Overlap, similar_pairs
from data_processing.tokens import Bag, token_bag
from pipeline.progress import Progress


@dataclass(frozen=True)
class Structure:
    """A structure as stage 2 knows it."""

    structure_id: str
    hashes: Fingerprints
    bag: Bag


@dataclass(frozen=True)
class StructurePair:
    """Two structures at or above the threshold, structure_a < structure_b."""

    structure_a: str
    structure_b: str
    overlap: Overlap


@dataclass(frozen=True)
class Comparison:
    """Structures, and the similar pairs among the distinct ones.

    Structures of the same plan with the same tokens are one for similarity: `stands_for` maps each to the smallest id.
    """

    structures: Mapping[str, Structure]
    stands_for: Mapping[str, str]
    pairs: Mapping[tuple[str, str], Overlap]

    def similarity(self, one: str | None, other: str | None) -> float | None:
        """Return the similarity of two structures, None when one is missing or it is below the threshold."""
        if one is None or other is None:
            return None
        first, second = sorted((self.stands_for[one], self.stands_for[other]))
        if first == second:
            return 1.0
        found = self.pairs.get((first, second))
        return None if found is None else found.similarity


def read_structures(
    trees: Mapping[str, Tree], known: Mapping[str, Fingerprints], progress: Progress
) -> dict[str, Structure]:
    """Return hashes and tokens of every tree; hashes that are known are not computed again."""
    structures = {}
    with progress.track("structures", len(trees)) as track:
        for structure_id, tree in sorted(trees.items()):
            structures[structure_id] = read_structure(structure_id, tree, known.get(structure_id))
            track.advance()
    return structures


def read_structure(structure_id: str, tree: Tree, known: Fingerprints | None = None) -> Structure:
    """Return hashes and tokens of a tree."""
    return Structure(structure_id, known or fingerprints(tree), token_bag(tree))


def compare(structures: Mapping[str, Structure], threshold: float) -> Comparison:
    """Return which structures are alike, every distinct pair decided exactly."""
    stands_for = distinct_structures(structures)
    distinct = sorted(set(stands_for.values()))
    found = similar_pairs([structures[structure_id].bag for structure_id in distinct], threshold)
    pairs = {(distinct[pair.first], distinct[pair.second]): pair.overlap for pair in found}
    return Comparison(structures, stands_for, pairs)


def distinct_structures(structures: Mapping[str, Structure]) -> dict[str, str]:
    """Map each structure to the smallest id among those with its plan and its tokens."""
    first_of: dict[tuple[str, tuple[tuple[str, int], ...]], str] = {}
    stands_for = {}
    for structure_id in sorted(structures):
        structure = structures[structure_id]
        key = (structure.hashes.family, tuple(sorted(structure.bag.items())))
        stands_for[structure_id] = first_of.setdefault(key, structure_id)
    return stands_for
