"""The structures of a corpus compared: which are the same for similarity, and which pairs are alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from data_processing.similarity import jaccard, sequence
from data_processing.similarity.pairs import similar_pairs, similarity_matrix
from data_processing.similarity.sequence import ModuleSequence, sequence_pairs
from data_processing.similarity.signatures import Signatures, read_signatures
from data_processing.trees.structures import Structure
from data_processing.trees.tokens import TOKENS_VERSION

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Alike:
    """Two structures at or above the threshold, structure_a < structure_b.

    `shared` and `total` are in the method's own terms: weights of tokens, or modules.
    """

    structure_a: str
    structure_b: str
    similarity: float
    shared: float
    total: float


@dataclass(frozen=True)
class Method:
    """How similarity is measured, as it is stored with a pair."""

    name: str
    version: int


JACCARD = Method(jaccard.METHOD, TOKENS_VERSION)
SEQUENCE = Method(sequence.METHOD, sequence.VERSION)


@dataclass(frozen=True)
class Comparison:
    """Structures, and the similar pairs among the distinct ones by one method.

    Structures of the same plan with the same tokens are one for weighted Jaccard similarity: `stands_for` maps each to
    the smallest id. `distinct` are those ids in order, a row of `signatures` each.
    """

    structures: Mapping[str, Structure]
    stands_for: Mapping[str, str]
    distinct: Sequence[str]
    signatures: Signatures
    method: Method
    pairs: Sequence[Alike]

    def distances(self, ones: Sequence[str], others: Sequence[str]) -> "NDArray[numpy.float32]":
        """Return 1 - the weighted Jaccard similarity of each of some distinct structures to each of others."""
        rows, columns = ([self._row_of[structure_id] for structure_id in ids] for ids in (ones, others))
        return 1 - similarity_matrix(self.signatures, rows, columns)

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {structure_id: row for row, structure_id in enumerate(self.distinct)}


def compare(
    structures: Mapping[str, Structure],
    threshold: float,
    threads: int = 1,
    sequences: Mapping[str, ModuleSequence] | None = None,
) -> Comparison:
    """Return which structures are alike at a threshold in (0, 1]: by their sequences where given, else by tokens."""
    stands_for = distinct_structures(structures)
    distinct = sorted(set(stands_for.values()))
    signatures = read_signatures(structures[structure_id].bag for structure_id in distinct)
    if sequences is not None:
        told = {structure_id: sequences[structure_id] for structure_id in distinct if structure_id in sequences}
        return Comparison(structures, stands_for, distinct, signatures, SEQUENCE, _by_sequence(told, threshold))
    alike = [
        Alike(distinct[first], distinct[second], overlap.similarity, overlap.shared, overlap.total)
        for first, second, overlap in similar_pairs(signatures, threshold, threads)
    ]
    return Comparison(structures, stands_for, distinct, signatures, JACCARD, alike)


def _by_sequence(sequences: Mapping[str, ModuleSequence], threshold: float) -> list[Alike]:
    return [
        Alike(one, other, found.similarity, float(found.matching), found.mean_length)
        for (one, other), found in sequence_pairs(sequences, threshold).items()
    ]


def distinct_structures(structures: Mapping[str, Structure]) -> dict[str, str]:
    """Map each structure to the smallest id among those with its plan and its tokens."""
    first_of: dict[tuple[str, tuple[tuple[str, int], ...]], str] = {}
    stands_for = {}
    for structure_id in sorted(structures):
        structure = structures[structure_id]
        key = (structure.hashes.family, tuple(sorted(structure.bag.items())))
        stands_for[structure_id] = first_of.setdefault(key, structure_id)
    return stands_for
