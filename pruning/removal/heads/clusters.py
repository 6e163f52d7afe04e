"""Groups of like heads: average linkage for cosine distances, Ward's for Euclidean ones (METHODS, section 3)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy

Metric = Literal["cosine", "euclidean"]
_LINKAGE = {"cosine": "average", "euclidean": "ward"}


def clusters(distances: "numpy.ndarray", count: int, metric: Metric = "cosine") -> tuple[tuple[int, ...], ...]:
    """Return exactly `count` clusters, 1 <= count <= n, of the n items of a symmetric (n, n) matrix.

    Members ascend, clusters ascend by their first member. scipy's own cut can return fewer clusters when heights tie;
    here the first n - count joins are made, in the order of the linkage.
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    items = len(distances)
    joined: dict[int, tuple[int, ...]] = {index: (index,) for index in range(items)}
    if items > 1:
        joins = linkage(squareform(distances, checks=False), _LINKAGE[metric])
        for place, (first, second, *_) in enumerate(joins[: items - count]):
            joined[items + place] = tuple(sorted(joined.pop(int(first)) + joined.pop(int(second))))
    return tuple(sorted(joined.values()))


def medoid(distances: "numpy.ndarray", cluster: Sequence[int]) -> int:
    """Return the member with the smallest sum of distances to the others; ties by index."""
    return min(cluster, key=lambda member: (sum(float(distances[member, other]) for other in cluster), member))
