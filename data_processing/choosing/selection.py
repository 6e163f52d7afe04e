"""A few candidates near many points: the one problem behind representatives of a family and of the corpus.

- k-medoids: the weighted mean distance of the points to their nearest choice. Each next choice lowers it most (greedy
  facility location). So the first choice is the best there is, choices are nested, and with any number of them the
  distance saved is at least 1 - 1/e of the most that as many can save (Nemhauser, Wolsey, Fisher 1978). What a
  candidate saves only shrinks as others are chosen, so most savings need no second look (lazy evaluation, Minoux 1978).
- k-centre: the greatest distance of a point to its nearest choice. After the best single choice, the candidate nearest
  to the farthest point that any candidate can still bring nearer (farthest-first traversal, Gonzalez 1985): where
  every point is a candidate and distances obey the triangle inequality, at most twice the least possible.

Matrices are (candidates, points), distances fractions in [0, 1]; rows and columns stand in order of preference: of
equally good candidates the first is chosen, of equally far points the first counts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy

Objective = Literal["k-medoids", "k-centre"]
_DISTANCE_DECIMALS = 6  # what 32-bit distances are good for
_SCORE_DECIMALS = 9  # hides the order of addition


@dataclass(frozen=True)
class Pick:
    """A chosen candidate, and the points' weighted mean and greatest distance to the choices up to it."""

    candidate: int
    mean: float
    greatest: float


def select(objective: Objective, distances: "numpy.ndarray", weights: "numpy.ndarray", count: int) -> list[Pick]:
    """Return the first `count` choices, fewer where there are fewer candidates. `weights` of the points add up to 1."""
    return _SELECTIONS[objective](distances, weights, count)


def single_scores(
    objective: Objective, distances: "numpy.ndarray", weights: "numpy.ndarray"
) -> list[tuple[float, float]]:
    """Return how bad each candidate is as the only choice: the smallest is chosen first, equal ones are ties."""
    import numpy

    unserved = numpy.ones(distances.shape[1])
    return [
        _single_score(objective, distances_from(distances, candidate), unserved, weights)
        for candidate in range(len(distances))
    ]


def point_weights(n_models: Sequence[int], downloads: Sequence[int]) -> "numpy.ndarray":
    """Return each point's share of the models and its share of the downloads, half each; they add up to 1.

    So a model counts although nobody downloads it, and a popular one more than others. Unknown downloads are given as
    0; where all are 0 the models decide alone.
    """
    import numpy

    models = numpy.array(n_models, dtype=numpy.float64) / max(sum(n_models), 1)
    known = sum(downloads)
    return (models + numpy.array(downloads, dtype=numpy.float64) / known) / 2 if known else models


def distances_from(distances: "numpy.ndarray", candidate: int) -> "numpy.ndarray":
    """Return a candidate's distances to the points, to the six decimals that are compared."""
    return _comparable(distances[candidate])


def _medoids(distances: "numpy.ndarray", weights: "numpy.ndarray", count: int) -> list[Pick]:
    import numpy

    scores = single_scores("k-medoids", distances, weights)
    queue = [(score[0], candidate, 0) for candidate, score in enumerate(scores)]
    heapify(queue)
    nearest = numpy.ones(distances.shape[1])
    picks: list[Pick] = []
    while queue and len(picks) < count:
        _, candidate, known_at = heappop(queue)
        own = distances_from(distances, candidate)
        if known_at < len(picks):
            heappush(queue, (-_saved(own, nearest, weights), candidate, len(picks)))
            continue
        nearest = numpy.minimum(nearest, own)
        picks.append(_pick(candidate, nearest, weights))
    return picks


def _centres(distances: "numpy.ndarray", weights: "numpy.ndarray", count: int) -> list[Pick]:
    import numpy

    scores = single_scores("k-centre", distances, weights)
    left = list(range(len(scores)))
    nearest = numpy.ones(distances.shape[1])
    improvable = numpy.ones(distances.shape[1], dtype=bool)
    picks: list[Pick] = []
    while left and len(picks) < count:
        chosen = _towards_farthest(distances, nearest, improvable, left) if picks else min(left, key=scores.__getitem__)
        left.remove(chosen)
        nearest = numpy.minimum(nearest, distances_from(distances, chosen))
        picks.append(_pick(chosen, nearest, weights))
    return picks


_SELECTIONS: dict[Objective, Callable[["numpy.ndarray", "numpy.ndarray", int], list[Pick]]] = {
    "k-medoids": _medoids,
    "k-centre": _centres,
}


def _towards_farthest(
    distances: "numpy.ndarray", nearest: "numpy.ndarray", improvable: "numpy.ndarray", left: list[int]
) -> int:
    """Return the candidate of `left` nearest to the farthest point that one of them brings nearer; else the first.

    Marks in `improvable` the points that none brings nearer: fewer candidates never will.
    """
    import numpy

    for point in numpy.argsort(-nearest, kind="stable"):
        if improvable[point]:
            to_point = _comparable(distances[left, point])
            best = int(numpy.argmin(to_point))
            if to_point[best] < nearest[point]:
                return left[best]
            improvable[point] = False
    return left[0]


def _single_score(
    objective: Objective, own: "numpy.ndarray", unserved: "numpy.ndarray", weights: "numpy.ndarray"
) -> tuple[float, float]:
    saved = _saved(own, unserved, weights)
    return (-saved, 0.0) if objective == "k-medoids" else (float(own.max(initial=0.0)), -saved)


def _saved(own: "numpy.ndarray", nearest: "numpy.ndarray", weights: "numpy.ndarray") -> float:
    """Return by how much a candidate lowers the weighted mean of the distances `nearest`."""
    import numpy

    return round(float((weights * numpy.maximum(nearest - own, 0.0)).sum()), _SCORE_DECIMALS)


def _pick(candidate: int, nearest: "numpy.ndarray", weights: "numpy.ndarray") -> Pick:
    mean = round(float((weights * nearest).sum()), _SCORE_DECIMALS)
    return Pick(candidate, mean, float(nearest.max(initial=0.0)))


def _comparable(distances: "numpy.ndarray") -> "numpy.ndarray":
    import numpy

    return numpy.round(distances.astype(numpy.float64), _DISTANCE_DECIMALS)
