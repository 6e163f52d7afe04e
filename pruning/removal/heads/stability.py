"""Whether heads fall into the same clusters whatever the text: about .63 in explainabloomity (METHODS, section 3)."""

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from pruning.errors import UnsupportedModelError
from pruning.removal.heads.budgets import member_distances
from pruning.removal.heads.clusters import Metric, clusters
from pruning.removal.heads.plan import balanced_cells, places_of
from pruning.removal.heads.signatures import Signature, head_distances
from pruning.removal.records import PruningRequest

if TYPE_CHECKING:
    import numpy


def cluster_stability(request: PruningRequest, signature: Signature = "maps", metric: Metric = "cosine") -> float:
    """Return the mean of `prompt_stability` over the cells of all layers of the main stack, in [-0.5, 1].

    Clusters are cut at the balanced budget of the ratio. Raises `UnsupportedModelError` for fewer than two windows.
    """
    check_windows(len(request.windows))
    attentions = [place.attention for place in places_of(request.adapter.main)]
    distances = head_distances(request.model, attentions, request.windows, signature, metric)
    return fmean(
        prompt_stability(
            [member_distances(each, cell.members) for each in windows], len(cell.members) - cell.count, metric
        )
        for attention, windows in zip(attentions, distances, strict=True)
        for cell in balanced_cells(request, attention)
    )


def check_windows(windows: int) -> None:
    """Raise `UnsupportedModelError` for fewer than two windows."""
    if windows < 2:
        raise UnsupportedModelError(f"clusters of different texts need two windows; got {windows}")


def prompt_stability(windows: "Sequence[numpy.ndarray]", kept: int, metric: Metric = "cosine") -> float:
    """Return the adjusted Rand index of the clusters of one window with those of another, mean over all pairs of them.

    `windows` are the (items, items) distances in each of at least two windows, of which `kept` clusters are made. In
    [-0.5, 1]: 0 is what chance gives, 1 the same clusters, and so without a choice: for 1 or as many clusters as items.
    """
    import numpy

    labels = numpy.array([_labels(clusters(each, kept, metric)) for each in windows])
    return float(adjusted_rand(labels)[numpy.triu_indices(len(labels), 1)].mean())


def adjusted_rand(labels: "numpy.ndarray") -> "numpy.ndarray":
    """Return the adjusted Rand index of all pairs of clusterings (clusterings, items): (clusterings, clusterings).

    Hubert and Arabie 1985 (Journal of Classification 2), by pairs of items that are together in both. 1 where neither
    clustering parts any items, or neither joins any.
    """
    import numpy

    items = labels.shape[1]
    one, other = numpy.triu_indices(items, 1)
    together = (labels[:, one] == labels[:, other]).astype(float)
    joined = together.sum(axis=1)
    expected = numpy.outer(joined, joined) / max(1, len(one))
    most = (joined[:, None] + joined) / 2
    plain = most == expected
    return numpy.where(plain, 1.0, (together @ together.T - expected) / numpy.where(plain, 1.0, most - expected))


def _labels(found: tuple[tuple[int, ...], ...]) -> list[int]:
    """Return the number of every member's cluster."""
    pairs = sorted((member, number) for number, cluster in enumerate(found) for member in cluster)
    return [number for _, number in pairs]
