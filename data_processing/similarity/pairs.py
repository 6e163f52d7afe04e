"""Every pair of bags at or above a threshold: candidates proposed, each verified exactly.

Candidates come from the prefix filter, which misses none, as long as it has few to look at; else from MinHash, which
at thresholds from 0.1 misses fewer than one in a thousand. Which of the two depends on the bags alone. Empty bags are
in no pair.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from data_processing.similarity.jaccard import Overlap
from data_processing.similarity.minhash import minhash_candidates
from data_processing.similarity.prefix_filter import prefix_candidates, read_prefixes
from data_processing.similarity.signatures import Signatures

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

_COLLISIONS_A_ROW = 150  # of prefixes; beyond that MinHash is quicker (benchmarks/bench_families.py)
_FEW_COLLISIONS = 5_000_000  # about two seconds whatever the number of rows
_CHUNK_PAIRS = 100_000  # pairs verified at a time: about 100 MB
_MATRIX_ROWS = 256  # of a matrix at a time: against 50,000 columns about 400 MB


@dataclass(frozen=True)
class PairTable:
    """Verified pairs in order of (first, second), first < second.

    `first`, `second`: int32 row numbers; `shared`, `total`: int64, weights of the shared tokens and of the union in
    sixteenths. All of one length.
    """

    first: "NDArray[numpy.int32]"
    second: "NDArray[numpy.int32]"
    shared: "NDArray[numpy.int64]"
    total: "NDArray[numpy.int64]"

    def __len__(self) -> int:
        return len(self.first)

    def __iter__(self) -> Iterator[tuple[int, int, Overlap]]:
        columns = (self.first, self.second, self.shared, self.total)
        for first, second, shared, total in zip(*(column.tolist() for column in columns), strict=True):
            yield first, second, Overlap(shared, total)

    @cached_property
    def similarity(self) -> "NDArray[numpy.float64]":
        """Weighted Jaccard similarity of each pair, in [0, 1]."""
        return similarities(self.shared, self.total)


def similar_pairs(signatures: Signatures, threshold: float, threads: int = 1) -> PairTable:
    """Return every pair whose similarity is at least `threshold`, in (0, 1]; the same whatever the threads.

    Raises `StageError` when so many rows are alike that their pairs would not fit.
    """
    first, second = _candidates(signatures, threshold, threads)
    return verified(signatures, first, second, threshold, threads)


def verified(
    signatures: Signatures,
    first: "NDArray[numpy.int32]",
    second: "NDArray[numpy.int32]",
    threshold: float,
    threads: int = 1,
) -> PairTable:
    """Return those of the given pairs whose similarity is at least `threshold`."""
    import numpy

    presence, weighted = signatures.presence, signatures.weighted

    def shared_units(start: int) -> "NDArray[numpy.int64]":
        chunk = slice(start, start + _CHUNK_PAIRS)
        both = presence[first[chunk]].multiply(weighted[second[chunk]])
        return numpy.asarray(both.sum(axis=1), dtype=numpy.int64).ravel()

    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(shared_units, range(0, len(first), _CHUNK_PAIRS)))
    shared = numpy.concatenate([numpy.zeros(0, dtype=numpy.int64), *parts])
    total = signatures.row_units[first] + signatures.row_units[second] - shared
    kept = similarities(shared, total) >= threshold
    return PairTable(first[kept], second[kept], shared[kept], total[kept])


def similarities(shared: "NDArray[numpy.int64]", total: "NDArray[numpy.int64]") -> "NDArray[numpy.float64]":
    """Return shared over total; two empty bags are equal."""
    import numpy

    return numpy.divide(shared, total, out=numpy.ones(shared.shape), where=total > 0)


def _candidates(
    signatures: Signatures, threshold: float, threads: int
) -> "tuple[NDArray[numpy.int32], NDArray[numpy.int32]]":
    prefixes = read_prefixes(signatures, threshold)
    if prefixes.collisions() <= max(_FEW_COLLISIONS, _COLLISIONS_A_ROW * len(signatures)):
        return prefix_candidates(signatures, prefixes, threshold, threads)
    return minhash_candidates(signatures, threshold, threads)


def similarity_matrix(signatures: Signatures, rows: Sequence[int], columns: Sequence[int]) -> "NDArray[numpy.float32]":
    """Return the similarity of each of some rows to each of others: (rows, columns), to seven digits."""
    import numpy

    matrix = numpy.empty((len(rows), len(columns)), dtype=numpy.float32)
    presence = signatures.presence[columns].T.tocsr()
    for start in range(0, len(rows), _MATRIX_ROWS):
        block = rows[start : start + _MATRIX_ROWS]
        shared = (signatures.weighted[block] @ presence).toarray().astype(numpy.int64)
        total = signatures.row_units[block][:, None] + signatures.row_units[columns][None, :] - shared
        matrix[start : start + len(block)] = similarities(shared, total)
    return matrix
