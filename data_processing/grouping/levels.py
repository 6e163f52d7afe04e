"""What makes two structures one architecture: a hash at some level, or a cluster of similar plans (DESIGN 6).

A plan is a family hash. A tensor header does not tell the kinds of modules, so its own family hash meets no config's:
at the levels plan and similar a header's view takes the plan of the config's view of the same model, or else the plan
of most models among the config's views with the same body. At the levels exact and layout the views stay apart.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal

from data_processing.grouping.clusters import cluster_names, cluster_plans, plan_pairs
from data_processing.similarity.comparison import Alike
from data_processing.trees.fingerprints import Fingerprints
from store.records import Provenance

Level = Literal["exact", "layout", "plan", "similar"]


def mapped_plans(
    hashes: Mapping[str, Fingerprints],
    provenance: Mapping[str, Provenance],
    same_model: Mapping[str, str],
    models_of: Mapping[str, int],
) -> dict[str, str]:
    """Return the plan of each structure, a header's view by the config's where there is one.

    `same_model`: header's view -> config's view of one model; `models_of`: number of models of each structure. Of
    bodies with several plans, equally many models take the smaller hash.
    """
    plans = {structure_id: found.family for structure_id, found in hashes.items()}
    by_body = _plans_by_body(hashes, provenance, models_of)
    for structure_id, found in hashes.items():
        if provenance[structure_id] != "config":
            twin = hashes.get(same_model.get(structure_id, ""))
            plans[structure_id] = twin.family if twin else by_body.get(found.body, found.family)
    return plans


def architectures(
    hashes: Mapping[str, Fingerprints], plans: Mapping[str, str], alike: Iterable[Alike], level: Level
) -> dict[str, str]:
    """Return what each structure is at a level: a hash; for `similar` the smallest plan of its cluster."""
    if level == "exact":
        return {structure_id: found.exact for structure_id, found in hashes.items()}
    if level == "layout":
        return {structure_id: found.layout for structure_id, found in hashes.items()}
    if level == "plan":
        return dict(plans)
    cluster_of = _clusters(plans, alike)
    return {structure_id: cluster_of[plan] for structure_id, plan in plans.items()}


def _plans_by_body(
    hashes: Mapping[str, Fingerprints], provenance: Mapping[str, Provenance], models_of: Mapping[str, int]
) -> dict[str, str]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for structure_id, found in hashes.items():
        if provenance[structure_id] == "config":
            counts[found.body][found.family] += models_of.get(structure_id, 0)
    return {body: min(plans, key=lambda plan: (-plans[plan], plan)) for body, plans in counts.items()}


def _clusters(plans: Mapping[str, str], alike: Iterable[Alike]) -> dict[str, str]:
    import numpy

    ordered = sorted(set(plans.values()))
    number_of = {plan: number for number, plan in enumerate(ordered)}
    pairs = list(alike)
    first = numpy.array([number_of[plans[pair.structure_a]] for pair in pairs], dtype=numpy.int64)
    second = numpy.array([number_of[plans[pair.structure_b]] for pair in pairs], dtype=numpy.int64)
    similarity = numpy.array([pair.similarity for pair in pairs], dtype=numpy.float64)
    return cluster_names(ordered, cluster_plans(len(ordered), plan_pairs(first, second, similarity)))
