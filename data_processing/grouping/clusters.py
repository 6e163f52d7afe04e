"""Plans that are alike, joined so that no chain can connect what is unlike.

A plan is a family hash. Structures of one plan differ in names and sizes only, so two plans are as similar as their
most similar structures. Plans are joined from the most similar pair down, and two clusters only when every plan of the
one is at least `threshold` similar to every plan of the other (complete linkage as the condition): within a cluster no
two plans are below the threshold, so bert and gpt2 cannot meet over models that stand between them. Equal
similarities are taken in order of the hashes, so the order of rows does not matter.
"""

from collections.abc import Iterable, Mapping

PlanPair = tuple[str, str]  # the smaller hash first


def plan_similarities(pairs: Iterable[tuple[str, str, float]]) -> dict[PlanPair, float]:
    """Return the greatest similarity of each pair of different plans, given (plan, plan, similarity) of structures."""
    best: dict[PlanPair, float] = {}
    for one, other, similarity in pairs:
        if one != other:
            key = plan_pair(one, other)
            best[key] = max(similarity, best.get(key, similarity))
    return best


def cluster_plans(plans: Iterable[str], similarities: Mapping[PlanPair, float], threshold: float) -> dict[str, str]:
    """Return the cluster of each plan, named by its smallest hash."""
    cluster_of = {plan: plan for plan in plans}
    members = {plan: [plan] for plan in cluster_of}
    for (one, other), similarity in sorted(similarities.items(), key=lambda item: (-item[1], item[0])):
        if similarity < threshold:
            break
        keep, join = sorted((cluster_of[one], cluster_of[other]))
        if keep == join or not _all_similar(members[keep], members[join], similarities, threshold):
            continue
        for plan in members[join]:
            cluster_of[plan] = keep
        members[keep] += members.pop(join)
    return cluster_of


def plan_pair(one: str, other: str) -> PlanPair:
    """Return two plans in their order."""
    return (one, other) if one < other else (other, one)


def _all_similar(ones: list[str], others: list[str], similarities: Mapping[PlanPair, float], threshold: float) -> bool:
    return all(similarities.get(plan_pair(one, other), 0.0) >= threshold for one in ones for other in others)
