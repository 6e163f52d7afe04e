"""Plans that are alike, joined so that no chain can connect what is unlike.

A plan is a family hash. Structures of one plan differ in names and sizes only, so two plans are as similar as their
most similar structures. Plans are joined from the most similar pair down, and two clusters only when every plan of the
one is at least the threshold similar to every plan of the other (complete linkage as the condition): within a cluster
no two plans are below the threshold, so bert and gpt2 cannot meet over models that stand between them. Plans are
numbered in order of their hashes and equal similarities are taken in that order, so the order of rows does not matter.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray


@dataclass(frozen=True)
class PlanPairs:
    """Pairs of different plans, each once, first < second, in order: numbers (int64) and similarity in [0, 1]."""

    first: "NDArray[numpy.int64]"
    second: "NDArray[numpy.int64]"
    similarity: "NDArray[numpy.float64]"

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, chosen: "NDArray[numpy.bool_]") -> "PlanPairs":
        return PlanPairs(self.first[chosen], self.second[chosen], self.similarity[chosen])


def plan_pairs(
    one: "NDArray[numpy.int64]", other: "NDArray[numpy.int64]", similarity: "NDArray[numpy.float64]"
) -> PlanPairs:
    """Return the greatest similarity of each pair of different plans, given the plans of pairs of structures."""
    import numpy

    low, high = numpy.minimum(one, other), numpy.maximum(one, other)
    order = numpy.lexsort((-similarity, high, low))
    order = order[low[order] < high[order]]
    low, high = low[order], high[order]
    is_best = numpy.ones(len(order), dtype=bool)
    is_best[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    return PlanPairs(low[is_best], high[is_best], similarity[order][is_best])


def cluster_plans(n_plans: int, pairs: PlanPairs) -> "NDArray[numpy.int64]":
    """Return the cluster of each plan, named by its smallest member; `pairs` are all at or above the threshold."""
    import numpy

    component = _components(n_plans, pairs)
    cluster = component.copy()
    sizes = numpy.bincount(component, minlength=n_plans)
    edges = numpy.bincount(component[pairs.first], minlength=n_plans)
    is_clique = edges == sizes * (sizes - 1) // 2  # all plans of it are alike: one cluster
    rest = pairs[~is_clique[component[pairs.first]]]
    # Clusters never reach beyond a component, so all may be joined in one order.
    order = numpy.lexsort((rest.second, rest.first, -rest.similarity))
    joined = _join(zip(rest.first[order].tolist(), rest.second[order].tolist(), strict=True))
    cluster[~is_clique[component]] = numpy.flatnonzero(~is_clique[component])
    for plan, smallest in joined.items():
        cluster[plan] = smallest
    return cluster


def cluster_names(plans: Sequence[str], clusters: "NDArray[numpy.int64]") -> dict[str, str]:
    """Return the cluster of each plan by its hash; `plans` are sorted."""
    smallest: list[int] = clusters.tolist()
    return {plan: plans[member] for plan, member in zip(plans, smallest, strict=True)}


def _components(n_plans: int, pairs: PlanPairs) -> "NDArray[numpy.int64]":
    """Return for each plan the smallest plan that it is connected to over any number of pairs."""
    import numpy
    import scipy.sparse

    ones = numpy.ones(len(pairs), dtype=numpy.int8)
    graph = scipy.sparse.csr_matrix((ones, (pairs.first, pairs.second)), shape=(n_plans, n_plans))
    _, label = scipy.sparse.csgraph.connected_components(graph, directed=False)
    _, smallest, number = numpy.unique(label, return_index=True, return_inverse=True)
    return smallest[number].astype(numpy.int64)


def _join(ordered: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Return the cluster of each plan in pairs that are ordered from the most similar down.

    Two clusters are joined when as many pairs connect them as they have members times members.
    """
    listed = list(ordered)
    links: dict[int, dict[int, int]] = defaultdict(dict)  # cluster -> other cluster -> pairs between them
    for one, other in listed:
        links[one][other] = links[other][one] = 1
    owner = {plan: plan for plan in links}
    members = {plan: [plan] for plan in links}
    for one, other in listed:
        keep, gone = owner[one], owner[other]
        if keep == gone or links[keep][gone] < len(members[keep]) * len(members[gone]):
            continue
        if len(links[keep]) < len(links[gone]):
            keep, gone = gone, keep
        for plan in members[gone]:
            owner[plan] = keep
        members[keep] += members.pop(gone)
        _move_links(links, keep, gone)
    return {plan: min(group) for group in members.values() for plan in group}


def _move_links(links: dict[int, dict[int, int]], keep: int, gone: int) -> None:
    for neighbour, count in links.pop(gone).items():
        del links[neighbour][gone]
        if neighbour != keep:
            links[keep][neighbour] = links[keep].get(neighbour, 0) + count
            links[neighbour][keep] = links[keep][neighbour]
