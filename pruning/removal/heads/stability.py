"""Whether heads fall into the same clusters whatever the text: about .63 in explainabloomity (METHODS, section 3)."""

from itertools import combinations
from statistics import fmean

from pruning.errors import UnsupportedModelError
from pruning.removal.heads.budgets import member_distances
from pruning.removal.heads.clusters import Metric, clusters
from pruning.removal.heads.plan import balanced_cells, places_of
from pruning.removal.heads.signatures import Signature, head_distances
from pruning.removal.records import PruningRequest


def cluster_stability(request: PruningRequest, signature: Signature = "maps", metric: Metric = "cosine") -> float:
    """Return the adjusted Rand index of the clusters of one window with those of another, in [-0.5, 1].

    The mean over all pairs of windows and all layers of the main stack, at the balanced budget of the ratio; 0 is what
    chance gives, 1 the same clusters. Raises `UnsupportedModelError` for fewer than two windows.
    """
    from sklearn.metrics import adjusted_rand_score

    if len(request.windows) < 2:
        raise UnsupportedModelError(f"clusters of different texts need two windows; got {len(request.windows)}")
    attentions = [place.attention for place in places_of(request.adapter.main)]
    found: list[float] = []
    distances = head_distances(request.model, attentions, request.windows, signature, metric)
    for attention, windows in zip(attentions, distances, strict=True):
        for cell in balanced_cells(request, attention):
            kept = len(cell.members) - cell.count
            labels = [_labels(clusters(member_distances(each, cell.members), kept, metric)) for each in windows]
            found += [adjusted_rand_score(one, other) for one, other in combinations(labels, 2)]
    return fmean(found)


def _labels(found: tuple[tuple[int, ...], ...]) -> list[int]:
    """Return the number of every member's cluster."""
    pairs = sorted((member, number) for number, cluster in enumerate(found) for member in cluster)
    return [number for _, number in pairs]
