"""What one run of stage 2 finds, from values to values: names, families, contradictions, representatives, map."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from data_processing.choosing.constraints import Rules
from data_processing.choosing.coverage import CoverageStep, Point, Site, coverage
from data_processing.choosing.representatives import Choice, Space, choose
from data_processing.corpus import Corpus, ModelRow, ShapeRow
from data_processing.grouping.families import Family, Member, group_families
from data_processing.grouping.findings import find_contradictions
from data_processing.grouping.levels import Level, architectures, mapped_plans
from data_processing.grouping.subjects import Finding, Shape, Subject
from data_processing.naming.known import KnownNames, known_names
from data_processing.naming.lineage import NamedModel, name_models
from data_processing.naming.names import is_grammar
from data_processing.similarity.comparison import Comparison, compare
from data_processing.similarity.corpus_map import CorpusMap, draw_map, landmarks
from data_processing.trees.fingerprints import Fingerprints
from data_processing.trees.structures import Structure, read_structures
from pipeline.progress import Progress
from pipeline.settings import Settings
from store.records import Provenance

# Distances are held for the structures of most models; beyond these a family or a corpus is judged by its largest part.
_FEWEST_OWNERS = 2
PROCESS_VERSION = 1  # of clusters, choices and map: a greater one makes finished runs stale
MOST_IN_FAMILY = 5_000
MOST_SITES = 2_000
MOST_POINTS = 20_000


@dataclass(frozen=True)
class FamilyChoice:
    """A family, its representatives, and how near each structure is to the first of them."""

    family: Family
    choices: Sequence[Choice]
    similarity: Mapping[str, float]  # structure -> similarity to the representative's, fraction in [0, 1]


@dataclass(frozen=True)
class ProcessResult:
    """All that one run found."""

    named: Sequence[NamedModel]
    comparison: Comparison
    members: Sequence[Member]
    families: Sequence[FamilyChoice]
    findings: Sequence[Finding]
    coverage: Sequence[CoverageStep]
    corpus_map: CorpusMap
    models_of: Mapping[str, int]  # models of each distinct structure


def process(corpus: Corpus, settings: Settings, threads: int, progress: Progress) -> ProcessResult:
    """Return what a corpus says; the order of its rows and the number of threads do not matter."""
    structures = read_structures(corpus.trees, corpus.known_hashes, progress)
    comparison = compare(structures, settings.similarity_threshold, threads, corpus.sequences)
    known = known_names(_established_types(corpus.models))
    named = name_models(corpus.models, known)
    plans = _plans(corpus, comparison)
    members = _members(named, plans, comparison, settings.level)
    # Whatever the level: other sizes of one plan contradict nothing.
    alike = members if settings.level == "similar" else _members(named, plans, comparison, "similar")
    rules = Rules(settings.objective, settings.licenses, settings.max_params)
    families = [
        _choose(family, comparison, rules) for family in group_families(members, settings.dedup_strategy, known)
    ]
    whole = [member.named.model for member in members if not member.named.model.is_part]
    models_of = Counter(comparison.stands_for[model.structure_id] for model in whole if model.structure_id)
    return ProcessResult(
        named=named,
        comparison=comparison,
        members=members,
        families=families,
        findings=_contradictions(alike, corpus.shapes, structures, known),
        coverage=_coverage(families, whole, comparison, rules),
        corpus_map=_map(models_of, comparison),
        models_of=models_of,
    )


def _established_types(models: Iterable[ModelRow]) -> set[str]:
    """Return the types that names may be searched for: of several owners, and no word that names have anyhow.

    Any repository can write any text as its type; "instruct" would be the family of every tuned model.
    """
    owners: dict[str, set[str]] = defaultdict(set)
    for model in models:
        if model.model_type:
            owners[model.model_type].add(model.model_id.rpartition("/")[0])
    return {name for name, found in owners.items() if len(found) >= _FEWEST_OWNERS and not is_grammar(name)}


def _plans(corpus: Corpus, comparison: Comparison) -> dict[str, str]:
    models_of = Counter(model.structure_id for model in corpus.models if model.structure_id is not None)
    provenance: dict[str, Provenance] = {name: shape.provenance for name, shape in corpus.shapes.items()}
    return mapped_plans(_hashes(comparison), provenance, corpus.same_model, models_of)


def _members(
    named: Sequence[NamedModel], plans: Mapping[str, str], comparison: Comparison, level: Level
) -> list[Member]:
    found = architectures(_hashes(comparison), plans, comparison.pairs, level)
    return [
        Member(one, plans.get(one.model.structure_id or ""), found.get(one.model.structure_id or "")) for one in named
    ]


def _hashes(comparison: Comparison) -> dict[str, Fingerprints]:
    return {structure_id: structure.hashes for structure_id, structure in comparison.structures.items()}


def _choose(family: Family, comparison: Comparison, rules: Rules) -> FamilyChoice:
    """Choose a family's representatives; of very many structures only those of most models are compared."""
    models = [placed.member.named.model for placed in family.members]
    own = [model.structure_id for model in models if model.structure_id is not None]
    compared = _most_common(Counter(comparison.stands_for[structure_id] for structure_id in own), MOST_IN_FAMILY)
    row_of_distinct = {structure_id: row for row, structure_id in enumerate(compared)}
    first_of = {structure_id: comparison.stands_for[structure_id] for structure_id in own}
    row_of = {name: row_of_distinct[first] for name, first in first_of.items() if first in row_of_distinct}
    distances = comparison.distances(compared, compared)
    choices = choose(
        (model for model in models if model.structure_id is None or model.structure_id in row_of),
        Space(row_of, distances),
        rules,
    )
    representative = choices[0].model.structure_id
    if representative is None:
        return FamilyChoice(family, choices, {})
    nearness = 1 - distances[row_of[representative]]
    return FamilyChoice(family, choices, {name: float(nearness[row]) for name, row in row_of.items()})


def _contradictions(
    members: Iterable[Member],
    shapes: Mapping[str, ShapeRow],
    structures: Mapping[str, Structure],
    known: KnownNames,
) -> list[Finding]:
    described = {
        name: Shape(**vars(shapes[name]), hashes=structure.hashes, bag=structure.bag)
        for name, structure in structures.items()
    }
    return find_contradictions((_subject(member, described) for member in members), known)


def _subject(member: Member, described: Mapping[str, Shape]) -> Subject:
    structure_id = member.named.model.structure_id
    if structure_id is None:
        return Subject(member.named, None, None, None)
    shape = described[structure_id]
    # A mapped plan is the config's view.
    view: Provenance = shape.provenance if member.plan == shape.hashes.family else "config"
    return Subject(member.named, member.cluster, view, shape)


def _coverage(
    families: Iterable[FamilyChoice], models: Iterable[ModelRow], comparison: Comparison, rules: Rules
) -> list[CoverageStep]:
    largest = sorted(families, key=lambda one: (-len(one.family.members), one.family.family_id))[:MOST_SITES]
    sites = [Site(one.family.family_id, one.choices[0].model) for one in largest if one.choices[0].model.structure_id]
    points = _points(models, comparison)
    rows = [comparison.stands_for[site.model.structure_id] for site in sites if site.model.structure_id]
    distances = comparison.distances(rows, [point.structure_id for point in points])
    return coverage(sites, points, distances, rules.objective)


def _points(models: Iterable[ModelRow], comparison: Comparison) -> list[Point]:
    grouped: dict[str, list[ModelRow]] = defaultdict(list)
    for model in models:
        if model.structure_id is not None:
            grouped[comparison.stands_for[model.structure_id]].append(model)
    points = [
        Point(structure_id, len(group), sum(model.downloads or 0 for model in group))
        for structure_id, group in grouped.items()
    ]
    return sorted(points, key=lambda point: (-point.n_models, point.structure_id))[:MOST_POINTS]


def _map(models_of: Mapping[str, int], comparison: Comparison) -> CorpusMap:
    shown = _most_common(models_of, MOST_POINTS)
    return draw_map(shown, comparison.distances(landmarks(shown), shown))


def _most_common(counts: Mapping[str, int], most: int) -> list[str]:
    """Return the ids in order, of very many those that come up most."""
    return sorted(sorted(counts, key=lambda name: (-counts[name], name))[:most])
