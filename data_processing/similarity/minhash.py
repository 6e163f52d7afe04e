"""Candidate pairs by MinHash: rows that agree in all values of some band.

The smallest hash over a row's elements agrees between two rows with the probability of their similarity (Broder 1997);
an element of weight w takes part with w hash values, which makes that the weighted similarity. With b bands of r values
a pair of similarity s becomes a candidate with probability 1 - (1 - s^r)^b (Leskovec, Rajaraman and Ullman, Mining of
Massive Datasets, 3.4). Only integers are used: the values depend on no machine.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_processing.similarity.signatures import Signatures
from pipeline.errors import StageError

if TYPE_CHECKING:
    import duckdb
    import numpy
    from numpy.typing import NDArray

_MISSED = 1e-4  # probability that a pair exactly at the threshold is no candidate, at most
_MOST_VALUES = 100  # a row's values; more values make fewer false candidates and take longer
_UNITS_A_VALUE = 8  # an element's weight in hash values; doublings beyond the second weigh 1/16 and are left out
_CHUNK_ELEMENTS = 1 << 21  # elements at a time: 8 MB of values, which stay in the cache
_MOST_COLLISIONS = 400_000_000


@dataclass(frozen=True)
class Bands:
    """How a row's values are divided: `bands` times `rows` values."""

    bands: int
    rows: int

    @property
    def values(self) -> int:
        """Hash values a row."""
        return self.bands * self.rows


def bands_for(threshold: float) -> Bands:
    """Return the longest bands that miss a pair at `threshold` with probability 1e-4 at most, within 100 values.

    Below a threshold of 0.09 no bands do; 100 of one value then miss least.
    """
    best = Bands(_MOST_VALUES, 1)
    for rows in range(1, _MOST_VALUES + 1):
        fitting = range(1, _MOST_VALUES // rows + 1)
        bands = next((bands for bands in fitting if (1 - threshold**rows) ** bands <= _MISSED), None)
        if bands is not None:
            best = Bands(bands, rows)
    return best


def minhash_values(signatures: Signatures, count: int, threads: int) -> "NDArray[numpy.uint32]":
    """Return `count` smallest hash values of each row: (count, rows); of an empty row the greatest there is."""
    import numpy

    values = numpy.empty((count, len(signatures)), dtype=numpy.uint32)

    def fill(position: int) -> None:
        hashed = _element_values(signatures, position)
        for start, stop in _chunks(signatures.offsets):
            _row_minima(signatures, hashed, start, stop, values[position])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(count)))
    return values


def minhash_candidates(
    signatures: Signatures, threshold: float, threads: int
) -> "tuple[NDArray[numpy.int32], NDArray[numpy.int32]]":
    """Return the pairs (first < second) that agree in a band, each once, in order.

    Raises `StageError` when there are more than 400 million agreements: too many rows are alike.
    """
    import duckdb

    bands = bands_for(threshold)
    values = minhash_values(signatures, bands.values, threads)
    with duckdb.connect(":memory:", config={"threads": threads}) as connection:
        _fill_buckets(connection, signatures, values, bands)
        return _join_buckets(connection, threshold)


def _element_values(signatures: Signatures, position: int) -> "NDArray[numpy.uint32]":
    """Return the value of each element under one hash function: the smallest of as many hashes as it weighs."""
    import numpy

    times = signatures.units // _UNITS_A_VALUE
    smallest = numpy.full(len(times), numpy.iinfo(numpy.uint32).max, dtype=numpy.uint32)
    for copy in range(int(times.max(initial=0))):
        hashed = (_mix(signatures.keys, (position << 8) + copy + 1) >> numpy.uint64(32)).astype(numpy.uint32)
        numpy.minimum(smallest, hashed, out=smallest, where=times > copy)
    return smallest


def _mix(keys: "NDArray[numpy.uint64]", seed: int) -> "NDArray[numpy.uint64]":
    """Return other well-mixed 64 bits for each key: the finaliser of splitmix64 (Steele, Lea and Flood 2014)."""
    import numpy

    mixed = keys + numpy.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> numpy.uint64(shift))) * numpy.uint64(factor)
    return mixed ^ (mixed >> numpy.uint64(31))


def _chunks(offsets: "NDArray[numpy.int64]") -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of rows that hold some two million elements together."""
    import numpy

    start, rows = 0, len(offsets) - 1
    while start < rows:
        stop = int(numpy.searchsorted(offsets, offsets[start] + _CHUNK_ELEMENTS, side="right")) - 1
        stop = min(max(stop, start + 1), rows)
        yield start, stop
        start = stop


def _row_minima(
    signatures: Signatures,
    hashed: "NDArray[numpy.uint32]",
    start: int,
    stop: int,
    minima: "NDArray[numpy.uint32]",
) -> None:
    """Write the smallest value of each row from `start` to `stop` into `minima`."""
    import numpy

    offsets = signatures.offsets[start : stop + 1]
    filled = numpy.flatnonzero(offsets[1:] > offsets[:-1])
    minima[start:stop] = numpy.iinfo(numpy.uint32).max
    if len(filled):
        chunk = hashed.take(signatures.elements[offsets[0] : offsets[-1]])
        minima[start + filled] = numpy.minimum.reduceat(chunk, offsets[:-1][filled] - offsets[0])


def _fill_buckets(
    connection: "duckdb.DuckDBPyConnection", signatures: Signatures, values: "NDArray[numpy.uint32]", bands: Bands
) -> None:
    import numpy
    import pyarrow

    connection.execute("CREATE TABLE buckets (bucket UBIGINT, id INTEGER, units BIGINT)")
    identifiers = pyarrow.array(numpy.arange(len(signatures), dtype=numpy.int32))
    units = pyarrow.array(signatures.row_units)
    for band in range(bands.bands):
        hashed = numpy.full(len(signatures), band, dtype=numpy.uint64)
        for value in values[band * bands.rows : (band + 1) * bands.rows]:
            hashed = _mix(hashed ^ value, band + 1)
        columns = {"bucket": pyarrow.array(hashed), "id": identifiers, "units": units}
        connection.register("incoming", pyarrow.table(columns))
        connection.execute("INSERT INTO buckets SELECT * FROM incoming")
        connection.unregister("incoming")


def _join_buckets(
    connection: "duckdb.DuckDBPyConnection", threshold: float
) -> "tuple[NDArray[numpy.int32], NDArray[numpy.int32]]":
    import numpy

    connection.execute(
        "CREATE TABLE shared AS SELECT * FROM buckets WHERE bucket IN "
        "(SELECT bucket FROM buckets GROUP BY bucket HAVING count(*) > 1)"
    )
    counted = connection.execute(
        "SELECT coalesce(sum(n * (n - 1) // 2), 0)::DOUBLE FROM (SELECT count(*) AS n FROM shared GROUP BY bucket)"
    ).fetchone()
    if counted is not None and counted[0] > _MOST_COLLISIONS:
        raise StageError(
            f"expected at most {_MOST_COLLISIONS:,} pairs of structures that may be alike, got {int(counted[0]):,}; "
            f"give a --similarity-threshold above {threshold:g}, or --level plan"
        )
    # Equally alike rows weigh nearly the same: shared <= the lighter weight, total >= the heavier one.
    found = connection.execute(
        "SELECT DISTINCT one.id AS first, other.id AS second "
        "FROM shared AS one JOIN shared AS other USING (bucket) WHERE one.id < other.id "
        "AND least(one.units, other.units) >= $threshold * greatest(one.units, other.units) - 1 "
        "ORDER BY first, second",
        {"threshold": threshold},
    ).fetchnumpy()
    return numpy.asarray(found["first"]), numpy.asarray(found["second"])
