"""Token sets like those of a corpus of structures: families around centres, tokens of very different frequency."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

LENGTH = 42  # tokens a signature
VOCABULARY = 20_000
_LARGEST_FAMILY = 200
_CHANGED_SHARES = (0.0, 0.02, 0.05, 0.1, 0.2)  # of a member's tokens, beside one that is always changed


def synthetic_rows(count: int, seed: int = 0) -> "NDArray[numpy.int32]":
    """Return `count` distinct signatures as sorted token numbers: (count, 42), in random order.

    Token numbers follow Zipf's law, family sizes too (exponent 1.6, at most 200 members).
    """
    import numpy

    generator = numpy.random.default_rng(seed)
    rows = numpy.empty((0, LENGTH), dtype=numpy.int32)
    while len(rows) < count:
        more = _families(max(count - len(rows), 1000), generator)
        rows = numpy.unique(numpy.concatenate([rows, more]), axis=0)
    return generator.permutation(rows)[:count]


def _families(count: int, generator: "numpy.random.Generator") -> "NDArray[numpy.int32]":
    import numpy

    sizes = numpy.minimum(generator.zipf(1.6, count), _LARGEST_FAMILY)
    centre_of = numpy.repeat(numpy.arange(count), sizes)[:count]
    cumulated = numpy.cumsum(1 / numpy.arange(1, VOCABULARY + 1))
    drawn = generator.random((int(centre_of[-1]) + 1, LENGTH)) * cumulated[-1]
    centres = _without_repetition(numpy.searchsorted(cumulated, drawn).astype(numpy.int32), generator)
    rows = centres[centre_of]
    shares = generator.choice(_CHANGED_SHARES, size=len(rows))
    changed = generator.random(rows.shape) < shares[:, None]
    changed[numpy.arange(len(rows)), generator.integers(0, LENGTH, len(rows))] = True
    rows[changed] = generator.integers(0, VOCABULARY, int(changed.sum()))
    return _without_repetition(rows, generator)


def _without_repetition(rows: "NDArray[numpy.int32]", generator: "numpy.random.Generator") -> "NDArray[numpy.int32]":
    """Return the rows sorted, with another token for each that stands twice."""
    import numpy

    while True:
        rows.sort(axis=1)
        again = numpy.zeros(rows.shape, dtype=bool)
        again[:, 1:] = rows[:, 1:] == rows[:, :-1]
        if not again.any():
            return rows
        rows[again] = generator.integers(0, VOCABULARY, int(again.sum()))
