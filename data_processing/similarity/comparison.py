"""The structures of a corpus compared: which are the same for similarity, and which pairs are alike."""

from collections.abc import Mapping
from dataclasses import dataclass

from data_processing.similarity.jaccard import Overlap, similar_pairs
from data_processing.trees.structures import Structure


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
