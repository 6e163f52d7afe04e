"""Candidate pairs by their rarest elements: every similar pair is among them.

Of two bags with a similarity of at least t, each shares a weight of at least t times its own with the other. Leave out
of a row, from the commonest element on, what weighs less than that: the rest, its prefix, must share an element with
the other's prefix (Chaudhuri, Ganti and Kaushik 2006; Bayardo, Ma and Srikant 2007). Exact, and quick where rare
elements are rare; how many pairs would be looked at is known before any is.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_processing.similarity.signatures import Signatures

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Prefixes:
    """The prefixes of all rows: element `elements[i]` is in that of row `rows[i]`."""

    rows: "NDArray[numpy.int32]"
    elements: "NDArray[numpy.int32]"

    def collisions(self) -> int:
        """Return how often two rows share an element of their prefixes."""
        import numpy

        frequency = numpy.bincount(self.elements).astype(numpy.int64)
        return int((frequency * (frequency - 1) // 2).sum())


def read_prefixes(signatures: Signatures, threshold: float) -> Prefixes:
    """Return the prefix of each row at a threshold in (0, 1]."""
    import numpy

    lengths = numpy.diff(signatures.offsets)
    rows = numpy.repeat(numpy.arange(len(signatures), dtype=numpy.int32), lengths)
    weights = signatures.units[signatures.elements]
    ends = numpy.cumsum(weights)
    before = ends - weights - numpy.repeat(_row_starts(ends, signatures.offsets), lengths)
    left = signatures.row_units[rows] - before  # weight of the element and of all that are commoner
    # One unit of room: a similarity that equals the threshold in floating point may be a hair below it in integers.
    kept = left > threshold * signatures.row_units[rows] - 1
    return Prefixes(rows[kept], signatures.elements[kept])


def prefix_candidates(
    signatures: Signatures, prefixes: Prefixes, threshold: float, threads: int
) -> "tuple[NDArray[numpy.int32], NDArray[numpy.int32]]":
    """Return the pairs (first < second) whose prefixes meet, each once, in order."""
    import duckdb
    import numpy
    import pyarrow

    columns = {
        "element": pyarrow.array(prefixes.elements),
        "id": pyarrow.array(prefixes.rows),
        "units": pyarrow.array(signatures.row_units[prefixes.rows]),
    }
    with duckdb.connect(":memory:", config={"threads": threads}) as connection:
        connection.register("prefixes", pyarrow.table(columns))
        # The lighter weight bounds what is shared, the heavier one the union.
        found = connection.execute(
            "SELECT DISTINCT one.id AS first, other.id AS second "
            "FROM prefixes AS one JOIN prefixes AS other USING (element) WHERE one.id < other.id "
            "AND least(one.units, other.units) >= $threshold * greatest(one.units, other.units) - 1 "
            "ORDER BY first, second",
            {"threshold": threshold},
        ).fetchnumpy()
    return numpy.asarray(found["first"]), numpy.asarray(found["second"])


def _row_starts(ends: "NDArray[numpy.int64]", offsets: "NDArray[numpy.int64]") -> "NDArray[numpy.int64]":
    """Return the weight of all elements before each row."""
    import numpy

    return numpy.concatenate((numpy.zeros(1, dtype=numpy.int64), ends))[offsets[:-1]]
