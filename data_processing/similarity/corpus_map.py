"""A map of the corpus: two coordinates for every structure, near where structures are similar.

t-SNE (van der Maaten, Hinton 2008; Barnes-Hut 2014) on the distances, started from principal coordinates so that the
same corpus gives the same map (Kobak, Berens 2019). Of classical scaling, SMACOF, spectral embedding, Isomap and t-SNE
it keeps most neighbours: `benchmarks/bench_representatives.py` measures it. Distances on the map between groups that
are far apart mean little; being together does.

Of more than `MOST_LANDMARKS` structures the first by id are drawn so (ids are hashes, so these are a fair sample), and
every other one is put between the landmarks nearest to it. Very few structures, or none that differ, are shown by
their principal coordinates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

MOST_LANDMARKS = 3000
_PRINCIPAL = "principal coordinates"
_FEWEST_FOR_TSNE = 10
_PERPLEXITY = 15.0  # keeps more of the ten nearest neighbours than 5, 10 or 30
_TSNE_STEPS = 500  # 1,000 keep no more neighbours
_PRINCIPAL_STEPS = 60
_NEAREST_LANDMARKS = 3
_AT_A_LANDMARK = 1e-3  # distance below which a structure is as good as on its landmark
_INITIAL_SPREAD = 1e-4  # what t-SNE is made to start from
_INITIAL_DECIMALS = 6  # threads change the last digits of a matrix product, t-SNE would amplify them
_DECIMALS = 4


@dataclass(frozen=True)
class CorpusMap:
    """Coordinates (x, y) of each structure, without unit, centred on 0; and how they were found."""

    places: dict[str, tuple[float, float]]
    method: str


def landmarks(structure_ids: Sequence[str]) -> list[str]:
    """Return the structures whose distances to all the others the map needs: the first `MOST_LANDMARKS` by id."""
    return sorted(structure_ids)[:MOST_LANDMARKS]


def draw_map(structure_ids: Sequence[str], distances: "numpy.ndarray") -> CorpusMap:
    """Return the map of distinct structures, in order of their ids; the order given does not matter.

    `distances` (landmarks, structures) are fractions in [0, 1]: rows in the order of `landmarks(structure_ids)`,
    columns in that of `structure_ids`.
    """
    import numpy

    if not structure_ids:
        return CorpusMap({}, _PRINCIPAL)
    order = sorted(range(len(structure_ids)), key=structure_ids.__getitem__)
    from_landmarks = distances[:, order].astype(numpy.float64)
    among, others = numpy.split(from_landmarks, [len(distances)], axis=1)
    drawn, method = _draw(among)
    if others.size:
        drawn = numpy.concatenate([drawn, _between(others, drawn)])
        method += f"; {len(order) - len(distances):,} structures put between their nearest landmarks"
    places = numpy.round(drawn - drawn.mean(axis=0), _DECIMALS) + 0.0  # no minus zero
    return CorpusMap(
        {structure_ids[row]: (float(x), float(y)) for row, (x, y) in zip(order, places, strict=True)}, method
    )


def _draw(distances: "numpy.ndarray") -> "tuple[numpy.ndarray, str]":
    if len(distances) < _FEWEST_FOR_TSNE or not distances.any():
        return _principal_coordinates(distances), _PRINCIPAL
    from sklearn.manifold import TSNE

    perplexity = min(_PERPLEXITY, (len(distances) - 1) / 3)
    initial: Any = _initial(distances)  # the library's signature tells of names alone
    tsne = TSNE(
        perplexity=perplexity,
        metric="precomputed",
        init=initial,
        max_iter=_TSNE_STEPS,
    )
    return tsne.fit_transform(distances), f"t-SNE, perplexity {perplexity:g}, from principal coordinates"


def _initial(distances: "numpy.ndarray") -> "numpy.ndarray":
    """Return where t-SNE starts: principal coordinates, the first with a standard deviation of `_INITIAL_SPREAD`."""
    import numpy

    places = _principal_coordinates(distances)
    unit = numpy.round(places / places[:, 0].std(), _INITIAL_DECIMALS)
    return (unit * _INITIAL_SPREAD).astype(numpy.float32)


def _principal_coordinates(distances: "numpy.ndarray") -> "numpy.ndarray":
    """Return the first two principal coordinates (structures, 2), the greater first, of square roots of distances.

    Weighted Jaccard similarity is a kernel, so its distances are squared Euclidean ones (up to a factor of 2) and the
    similarities with their means taken off are the products that classical scaling decomposes. Subspace iteration from
    a fixed start needs no copy of the matrix, and where directions are equally good it settles on the same ones.
    """
    import numpy

    basis = numpy.random.default_rng(0).normal(size=(len(distances), 2))
    for _ in range(_PRINCIPAL_STEPS):
        basis = _orthonormal(_centred_product(distances, basis))
    spread = numpy.sqrt(numpy.clip((basis * _centred_product(distances, basis)).sum(axis=0), 0.0, None))
    return basis * spread


def _centred_product(distances: "numpy.ndarray", basis: "numpy.ndarray") -> "numpy.ndarray":
    """Return the centred similarities (1 - distance) times a basis (structures, 2)."""
    centred = basis - basis.mean(axis=0)
    product = -(distances @ centred)
    return product - product.mean(axis=0)


def _orthonormal(basis: "numpy.ndarray") -> "numpy.ndarray":
    """Return two orthogonal columns of length 1, or of 0 where nothing is left (Gram-Schmidt, in order)."""
    import numpy

    first = _unit(basis[:, 0])
    second = _unit(basis[:, 1] - first * (first * basis[:, 1]).sum())
    return numpy.stack([first, second], axis=1)


def _unit(column: "numpy.ndarray") -> "numpy.ndarray":
    length = float((column * column).sum()) ** 0.5
    return column / length if length > 1e-9 else column * 0.0


def _between(distances: "numpy.ndarray", places: "numpy.ndarray") -> "numpy.ndarray":
    """Return the mean place of the nearest landmarks of each column of `distances`, weighted by inverse distance."""
    import numpy

    nearest = numpy.argsort(distances, axis=0, kind="stable")[:_NEAREST_LANDMARKS]
    closeness = 1.0 / (numpy.take_along_axis(distances, nearest, axis=0) + _AT_A_LANDMARK)
    share = closeness / closeness.sum(axis=0)
    return (places[nearest] * share[:, :, None]).sum(axis=0)
