"""How many heads go from each layer, and which (METHODS, section 3)."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pruning.errors import RatioTooSmallError
from pruning.finite import check_finite
from pruning.removal.heads.clusters import clusters, medoid
from pruning.removal.heads.plan import Cell, HeadPlan, Member, Place, all_places, balanced_cells, free_cells, places_of
from pruning.removal.heads.signatures import head_distances, head_importance
from pruning.removal.records import PruningRequest
from pruning.removal.selection import lowest, nearest_share_of, random_generator, random_mask
from pruning.removal.weights import rows_of

if TYPE_CHECKING:
    import numpy
    import torch

# (distances of a cell's members, a cluster of them, name for seeds) -> the member that stays
Keep = Callable[["numpy.ndarray", Sequence[int], str], int]


def random_heads(request: PruningRequest) -> tuple[HeadPlan, ...]:
    """Remove random heads, the same number from every layer of every stack."""
    return tuple(_random_plan(request, place) for place in all_places(request.adapter))


def balanced_heads(request: PruningRequest) -> tuple[HeadPlan, ...]:
    """Cluster the heads of every layer into as many clusters as heads stay; the medoid of each cluster stays."""
    return _clustered(request, _balanced(request), lambda distances, cluster, _: medoid(distances, cluster))


def control_heads(request: PruningRequest) -> tuple[HeadPlan, ...]:
    """Make the same clusters, but a random member of each stays: the control arm of the medoid."""
    import torch

    def keep(_: "numpy.ndarray", cluster: Sequence[int], what: str) -> int:
        return cluster[int(torch.randint(len(cluster), (), generator=random_generator(request.seed, what)))]

    return _clustered(request, _balanced(request), keep)


def imbalanced_heads(request: PruningRequest) -> tuple[HeadPlan, ...]:
    """Give each layer a budget by the nearest pairs of the whole stack, then cluster as `balanced_heads` does.

    layers * round(ratio * heads) heads go in all, or as many as leave one head of every key-value group.
    """
    return _clustered(request, _imbalanced, lambda distances, cluster, _: medoid(distances, cluster))


def unimportant_heads(request: PruningRequest) -> tuple[HeadPlan, ...]:
    """Remove the heads, or groups of them, that add least to the residual stream, the same number from every layer."""
    places = places_of(request.adapter.main)
    scores = head_importance(request.model, [place.attention for place in places], request.windows)
    return tuple(_least(request, place, importance) for place, importance in zip(places, scores, strict=True))


def light_heads(request: PruningRequest) -> tuple[HeadPlan, ...]:
    """Remove the heads whose slices of the output matrix have the smallest norm, the same number from every layer."""
    return tuple(_least(request, place, _norms(request, place)) for place in places_of(request.adapter.main))


def globally_unimportant_heads(request: PruningRequest) -> tuple[HeadPlan, ...]:
    """Remove the heads that add least of all layers together; every layer keeps one. Ties by layer, then by head.

    Scores are divided by their norm over the heads of a layer, as in the source's section 4.1: later layers add more.
    """
    places = places_of(request.adapter.main)
    scores = head_importance(request.model, [place.attention for place in places], request.windows)
    removed = _lowest_of_all([each / each.norm().clamp(min=1e-30) for each in scores], _total(request, places))
    return tuple(HeadPlan(place, heads) for place, heads in zip(places, removed, strict=True))


def pair_budgets(distances: "Sequence[numpy.ndarray]", total: int) -> list[int]:
    """Return how many of the members of each cell go, `total` in all, given the cells' (members, members) distances.

    Of the nearest pair that is left in any cell the second member goes, until enough went: never both of a pair, and
    one member of each cell stays. Ties by cell, then by member.
    """
    pairs = sorted(
        (float(cell[first, second]), index, first, second)
        for index, cell in enumerate(distances)
        for second in range(len(cell))
        for first in range(second)
    )
    gone: list[set[int]] = [set() for _ in distances]
    for _, index, first, second in pairs:
        if total and not gone[index] & {first, second}:
            gone[index].add(second)
            total -= 1
    return [len(each) for each in gone]


def member_distances(distances: "numpy.ndarray", members: Sequence[Member]) -> "numpy.ndarray":
    """Return the distances of members: the mean over the heads at the same place in both."""
    import numpy

    places = numpy.array(members)
    return distances[places[:, None, :], places[None, :, :]].mean(axis=2)


def _random_plan(request: PruningRequest, place: Place) -> HeadPlan:
    removed: list[int] = []
    for index, cell in enumerate(balanced_cells(request, place.attention)):
        mask = random_mask(len(cell.members), cell.count, request.seed, f"{place.attention.path}/{index}")
        removed += _heads_under(mask, cell)
    return HeadPlan(place, tuple(sorted(removed)))


def _least(request: PruningRequest, place: Place, importance: "torch.Tensor") -> HeadPlan:
    import torch

    removed: list[int] = []
    for cell in balanced_cells(request, place.attention):
        scores = torch.stack([importance[list(member)].sum() for member in cell.members])
        removed += _heads_under(lowest(scores, cell.count, place.attention.path), cell)
    return HeadPlan(place, tuple(sorted(removed)))


def _norms(request: PruningRequest, place: Place) -> "torch.Tensor":
    """Return the norm of what each head's result is multiplied by: (heads,), fp32."""
    output = place.attention.output
    slices = rows_of(output.weight(request.model), output).float()
    norms = (
        slices.reshape(output.outputs, place.attention.heads, place.attention.head_width).square().sum((0, 2)).sqrt()
    )
    check_finite(norms, f"{output.path}: the norm of a head's weights")
    return norms


def _heads_under(mask: "torch.Tensor", cell: Cell) -> list[int]:
    return [head for index in mask.nonzero().squeeze(1).tolist() for head in cell.members[index]]


def _lowest_of_all(scores: "Sequence[torch.Tensor]", total: int) -> list[tuple[int, ...]]:
    order = sorted(
        (value, index, head) for index, each in enumerate(scores) for head, value in enumerate(each.tolist())
    )
    gone: list[list[int]] = [[] for _ in scores]
    for _, index, head in order:
        if total and len(gone[index]) < len(scores[index]) - 1:
            gone[index].append(head)
            total -= 1
    return [tuple(sorted(heads)) for heads in gone]


def _total(request: PruningRequest, places: Sequence[Place]) -> int:
    """Return the sum of round(ratio * heads) over the layers."""
    total = sum(nearest_share_of(request.ratio, place.attention.heads) for place in places)
    if total == 0:
        heads = max(place.attention.heads for place in places)
        raise RatioTooSmallError(f"ratio {request.ratio:g} of {heads} heads a layer is less than half a head")
    return total


# Distances of every attention's heads -> its cells
_MakeCells = Callable[[PruningRequest, Sequence[Place], "Sequence[numpy.ndarray]"], list[tuple[Cell, ...]]]


def _balanced(request: PruningRequest) -> _MakeCells:
    # Before any text is read: a ratio that removes nothing is known at once.
    cells = [balanced_cells(request, place.attention) for place in places_of(request.adapter.main)]
    return lambda *_: cells


def _imbalanced(
    request: PruningRequest, places: Sequence[Place], distances: "Sequence[numpy.ndarray]"
) -> list[tuple[Cell, ...]]:
    free = [free_cells(place.attention) for place in places]
    between = [member_distances(each, cell) for each, cells in zip(distances, free, strict=True) for cell in cells]
    counts = iter(pair_budgets(between, _total(request, places)))
    return [tuple(Cell(members, next(counts)) for members in cells) for cells in free]


def _clustered(request: PruningRequest, make: _MakeCells, keep: Keep) -> tuple[HeadPlan, ...]:
    places = places_of(request.adapter.main)
    windows = head_distances(request.model, [place.attention for place in places], request.windows)
    distances = [each.mean(axis=0) for each in windows]
    cells = make(request, places, distances)
    return tuple(_cluster_plan(*each, keep) for each in zip(places, cells, distances, strict=True))


def _cluster_plan(place: Place, cells: Sequence[Cell], distances: "numpy.ndarray", keep: Keep) -> HeadPlan:
    twins: list[tuple[int, int]] = []
    for index, cell in enumerate(cells):
        between = member_distances(distances, cell.members)
        for number, cluster in enumerate(clusters(between, len(cell.members) - cell.count)):
            kept = keep(between, cluster, f"{place.attention.path}/{index}/{number}")
            for gone in cluster:
                if gone != kept:
                    twins += zip(cell.members[gone], cell.members[kept], strict=True)
    twins.sort()
    return HeadPlan(place, tuple(head for head, _ in twins), tuple(twins))
