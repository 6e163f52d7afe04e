"""Weighted Jaccard similarity of token bags, exact.

A token that a structure has once weighs 1, twice 2.5, four times 4, and each further doubling adds 1/16. So what a
stack of layers repeats weighs four times what stands once (a head, a pooler), and how many layers there are matters
little (12 layers against 24: 0.98). Weights are kept as integers, sixteenths, so that sums are exact and no order of
addition shows. A weight is split into one part for having the token and one for each doubling, so that the sum of the
minima of two bags is a dot product of two 0/1 vectors.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_processing.trees.tokens import Bag

if TYPE_CHECKING:
    import numpy
    import scipy.sparse

METHOD = "weighted-jaccard"
UNITS = 16  # units of weight in 1.0
_FIRST_UNITS = (16, 24, 24)  # for having a token, for its first doubling, for its second; then one unit each
_BLOCK_ROWS = 256  # 256 rows against 20,000 structures are 40 MB


@dataclass(frozen=True)
class Overlap:
    """How much two bags share: weights of the shared tokens and of the union."""

    shared_units: int
    total_units: int

    @property
    def similarity(self) -> float:
        """Weighted Jaccard similarity in [0, 1]; two empty bags are equal."""
        return self.shared_units / self.total_units if self.total_units else 1.0

    @property
    def shared(self) -> float:
        """Weight of the shared tokens."""
        return self.shared_units / UNITS

    @property
    def total(self) -> float:
        """Weight of the union."""
        return self.total_units / UNITS


@dataclass(frozen=True)
class SimilarPair:
    """Two bags at or above a threshold, by their indices, first < second."""

    first: int
    second: int
    overlap: Overlap


def weight_units(count: int) -> int:
    """Return the weight of a token that occurs `count` >= 1 times, in sixteenths."""
    return sum(_part_units(doubling) for doubling in range(count.bit_length()))


def overlap(one: Bag, other: Bag) -> Overlap:
    """Return what two bags share."""
    shared = sum(weight_units(min(count, other[token])) for token, count in one.items() if token in other)
    return Overlap(shared, _bag_units(one) + _bag_units(other) - shared)


def differing_tokens(one: Bag, other: Bag) -> list[str]:
    """Return the tokens that `one` has and `other` has not, the most frequent first."""
    return sorted((token for token in one if token not in other), key=lambda token: (-one[token], token))


def similar_pairs(bags: Sequence[Bag], threshold: float) -> Iterator[SimilarPair]:
    """Yield every pair of bags whose similarity is at least `threshold`, in order of (first, second).

    Memory grows with the number of bags, not with its square; time with its square.
    """
    import numpy

    if not bags:
        return
    presence, units = _presence_matrix(bags)
    sizes = presence @ units
    weighted = presence.multiply(units).tocsr()
    columns = presence.T.tocsc()
    for start in range(0, len(bags), _BLOCK_ROWS):
        shared = (weighted[start : start + _BLOCK_ROWS] @ columns).toarray()
        total = sizes[start : start + _BLOCK_ROWS, None] + sizes[None, :] - shared
        similarity = numpy.divide(shared, total, out=numpy.ones(shared.shape), where=total > 0)
        for row, second in numpy.argwhere(similarity >= threshold):
            first = start + int(row)
            if first < second:
                found = Overlap(int(shared[row, second]), int(total[row, second]))
                yield SimilarPair(first, int(second), found)


def _part_units(doubling: int) -> int:
    return _FIRST_UNITS[doubling] if doubling < len(_FIRST_UNITS) else 1


def _bag_units(bag: Bag) -> int:
    return sum(weight_units(count) for count in bag.values())


def _presence_matrix(bags: Sequence[Bag]) -> "tuple[scipy.sparse.csr_matrix, numpy.ndarray]":
    """Return the 0/1 matrix (bags, split tokens) and the split tokens' weights in units."""
    import numpy
    import scipy.sparse

    column_of: dict[tuple[str, int], int] = {}
    rows, columns = [], []
    for row, bag in enumerate(bags):
        for split_token in _split_tokens(bag):
            rows.append(row)
            columns.append(column_of.setdefault(split_token, len(column_of)))
    ones = numpy.ones(len(rows), dtype=numpy.int64)
    presence = scipy.sparse.csr_matrix((ones, (rows, columns)), shape=(len(bags), len(column_of)))
    units = numpy.array([_part_units(doubling) for _, doubling in column_of], dtype=numpy.int64)
    return presence, units


def _split_tokens(bag: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Yield (token, 0) for having a token and (token, k) for having it at least 2^k times."""
    for token, count in bag.items():
        for doubling in range(count.bit_length()):
            yield token, doubling
