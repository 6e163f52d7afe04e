"""Token bags as arrays: what candidates and verification work on.

A token that a bag has c times is split into elements "has it at least 2^k times", k = 0 .. log2(c), each with a weight
of its own (`jaccard.part_units`), so that weighted Jaccard similarity becomes that of sets with weighted elements.
Elements are numbered from the rarest to the commonest, so the first elements of a row tell most; equally rare ones by
a hash of their text, so the numbers depend on no order.
"""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

from data_processing.similarity.jaccard import part_units

if TYPE_CHECKING:
    import numpy
    import scipy.sparse
    from numpy.typing import NDArray

_KEY_BYTES = 8


@dataclass(frozen=True)
class Signatures:
    """The bags of a corpus, a row each.

    `offsets` (rows + 1), int64; `elements` (offsets[-1]), int32, ascending in each row; `units` (distinct elements),
    int64: weight of each in sixteenths; `keys` (distinct elements), uint64: hash of its text; `row_units` (rows),
    int64: weight of each bag.
    """

    offsets: "NDArray[numpy.int64]"
    elements: "NDArray[numpy.int32]"
    units: "NDArray[numpy.int64]"
    keys: "NDArray[numpy.uint64]"
    row_units: "NDArray[numpy.int64]"

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def presence(self) -> "scipy.sparse.csr_matrix":
        """The matrix (rows, elements) of ones, int32."""
        import numpy

        return self._matrix(numpy.ones(len(self.elements), dtype=numpy.int32))

    @cached_property
    def weighted(self) -> "scipy.sparse.csr_matrix":
        """The matrix (rows, elements) of weights in sixteenths, int32."""
        import numpy

        return self._matrix(self.units[self.elements].astype(numpy.int32))

    def _matrix(self, values: "NDArray[numpy.int32]") -> "scipy.sparse.csr_matrix":
        import scipy.sparse

        shape = (len(self), len(self.units))
        matrix = scipy.sparse.csr_matrix((values, self.elements, self.offsets), shape)
        matrix.has_canonical_format = True  # spares a check; rows are ascending without repetition
        return matrix


def read_signatures(bags: Iterable[Mapping[str, int]]) -> Signatures:
    """Return the signatures of bags, read one at a time. Counts are at least 1."""
    import numpy

    number_of: dict[tuple[str, int], int] = {}
    numbers_of: dict[tuple[str, int], list[int]] = {}
    elements, offsets = array("i"), array("q", [0])
    for bag in bags:
        for item in bag.items():
            numbers = numbers_of.get(item)
            if numbers is None:
                parts = [(item[0], doubling) for doubling in range(item[1].bit_length())]
                numbers = numbers_of[item] = [number_of.setdefault(part, len(number_of)) for part in parts]
            elements.extend(numbers)
        offsets.append(len(elements))
    units = numpy.array([part_units(doubling) for _, doubling in number_of], dtype=numpy.int64)
    keys = numpy.array([_key(*part) for part in number_of], dtype=numpy.uint64)
    return signatures_of(numpy.array(offsets), numpy.array(elements, dtype=numpy.int32), units, keys)


def signatures_of(
    offsets: "NDArray[numpy.int64]",
    elements: "NDArray[numpy.int32]",
    units: "NDArray[numpy.int64]",
    keys: "NDArray[numpy.uint64]",
) -> Signatures:
    """Return signatures from rows of numbered elements, no number twice in a row, keys all different."""
    import numpy
    import scipy.sparse

    frequency = numpy.bincount(elements, minlength=len(units))
    rarest_first = numpy.lexsort((keys, frequency))
    rank = numpy.empty(len(units), dtype=numpy.int32)
    rank[rarest_first] = numpy.arange(len(units), dtype=numpy.int32)
    shape = (len(offsets) - 1, len(units))
    ordered = scipy.sparse.csr_matrix((numpy.ones(len(elements), dtype=numpy.int8), rank[elements], offsets), shape)
    ordered.sort_indices()
    row_units = ordered.astype(numpy.int64) @ units[rarest_first]
    return Signatures(offsets, ordered.indices.astype(numpy.int32), units[rarest_first], keys[rarest_first], row_units)


def _key(token: str, doubling: int) -> int:
    text = f"{doubling} {token}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=_KEY_BYTES).digest(), "big")
