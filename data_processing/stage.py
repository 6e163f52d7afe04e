"""Stage 2's shell: reads models and modules, writes fingerprints, names, similarities, families, representatives.

Everything of a run is written in one transaction, after the hash of its input: a run either happened or did not.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from data_processing.choosing.representatives import Choice, choose
from data_processing.corpus import MODELS, ModelRow, read_fingerprints, read_models, read_stored_pairs, read_trees
from data_processing.grouping.clusters import cluster_plans, plan_similarities
from data_processing.grouping.families import Family, Member, contradicted_names, group_families
from data_processing.naming.lineage import NamedModel, name_models
from data_processing.naming.names import NAMES_VERSION, known_names
from data_processing.similarity.comparison import Comparison, compare
from data_processing.similarity.jaccard import METHOD
from data_processing.trees.fingerprints import HASH_VERSION, Fingerprints
from data_processing.trees.structures import read_structures
from data_processing.trees.tokens import TOKENS_VERSION
from pipeline.progress import Progress
from pipeline.settings import Settings
from pipeline.stages import StagePlan, StageReport
from pipeline.text import count_of
from store import Store
from store.provenance import content_hash
from store.records import FamilyRecord, FingerprintRecord, NameRecord, RepresentativeRecord, SimilarityRecord

_SETTINGS = ("dedup_strategy", "similarity_threshold")
_SECONDS_A_STRUCTURE = 0.003


@dataclass(frozen=True)
class ProcessResult:
    """All that one run found."""

    named: list[NamedModel]
    comparison: Comparison
    members: list[Member]
    families: list[Family]


def run(store: Store, settings: Settings, progress: Progress) -> StageReport:
    """Group the store's models into families and choose representatives; nothing to do when nothing changed.

    Raises `UsageError` when the store has no models.
    """
    models = read_models(store)
    input_hash = _input_hash(models, settings)
    if _is_done(store, input_hash):
        progress.note("process: models and settings are as in the last run, families stand as they are")
        return StageReport("process", notes=("nothing changed since the last run",))
    with store.run("process", {name: getattr(settings, name) for name in _SETTINGS}) as handle:
        store.record_input(handle, input_hash)
        known = read_fingerprints(store)
        result = _process(store, models, known, settings, progress)
        store.insert(
            _fingerprint_records(handle.run_id, result.comparison, known),
            _name_records(handle.run_id, result.named),
            _similarity_records(handle.run_id, result.comparison, read_stored_pairs(store)),
            *_family_records(handle.run_id, result, settings),
        )
    return _report(result, known)


def check(settings: Settings) -> None:
    """Check settings before anything starts; those of this stage have no more to check than their ranges."""


def plan(store: Store, settings: Settings) -> StagePlan:
    """Say what `run` would do."""
    models = store.fetch(MODELS)
    if not models:
        return StagePlan("process", ("group what stage extract will have found into families",), 0, 0.0)
    if _is_done(store, _input_hash(models, settings)):
        return StagePlan("process", ("nothing: models and settings are as in the last run",), 0, 0.0)
    wanted = _structure_ids(models)
    new = len(wanted - read_fingerprints(store).keys())
    how = f"{settings.dedup_strategy}, similarity {settings.similarity_threshold:g}"
    steps = (
        f"fingerprint {count_of(new, 'new structure')} of {len(wanted):,}",
        f"group {count_of(len(models), 'model')} by {how}",
        "choose representatives",
    )
    return StagePlan("process", steps, 0, round(_SECONDS_A_STRUCTURE * len(wanted), 1))


def _process(
    store: Store, models: list[ModelRow], known: dict[str, Fingerprints], settings: Settings, progress: Progress
) -> ProcessResult:
    structures = read_structures(read_trees(store, _structure_ids(models)), known, progress)
    comparison = compare(structures, settings.similarity_threshold)
    known_families = known_names(model.model_type for model in models if model.model_type)
    named = name_models(models, known_families)
    members = _members(named, comparison, settings.similarity_threshold)
    return ProcessResult(named, comparison, members, group_families(members, settings.dedup_strategy, known_families))


def _members(named: Sequence[NamedModel], comparison: Comparison, threshold: float) -> list[Member]:
    plans = {structure_id: structure.hashes.family for structure_id, structure in comparison.structures.items()}
    alike = ((plans[one], plans[other], overlap.similarity) for (one, other), overlap in comparison.pairs.items())
    cluster_of = cluster_plans(plans.values(), plan_similarities(alike), threshold)
    members = []
    for one in named:
        found = None if one.model.structure_id is None else plans[one.model.structure_id]
        members.append(Member(one, found, None if found is None else cluster_of[found]))
    return members


def _is_done(store: Store, input_hash: str) -> bool:
    """Return whether the newest families come from this input. They are written whole, whatever became of the run."""
    newest = store.rows("SELECT input_hash FROM runs WHERE run_id = (SELECT max(run_id) FROM families)")
    return newest == [(input_hash,)]


def _input_hash(models: Sequence[ModelRow], settings: Settings) -> str:
    versions = {"hash": HASH_VERSION, "tokens": TOKENS_VERSION, "names": NAMES_VERSION}
    told = {name: getattr(settings, name) for name in _SETTINGS}
    return content_hash([versions, told, [astuple(model) for model in models]])


def _structure_ids(models: Sequence[ModelRow]) -> set[str]:
    return {model.structure_id for model in models if model.structure_id is not None}


def _fingerprint_records(run_id: str, found: Comparison, known: dict[str, Fingerprints]) -> list[FingerprintRecord]:
    return [
        FingerprintRecord(
            run_id, name, HASH_VERSION, structure.hashes.exact, structure.hashes.layout, structure.hashes.family, None
        )
        for name, structure in sorted(found.structures.items())
        if name not in known
    ]


def _name_records(run_id: str, named: Sequence[NamedModel]) -> list[NameRecord]:
    return [
        NameRecord(
            run_id=run_id,
            model_id=one.model.model_id,
            source=one.model.source,
            base_name=one.base_name,
            base_name_simple=one.name.base_name_simple,
            owner=one.name.owner,
            version=one.name.version,
            size=one.name.size,
            variant=one.name.variant,
            evidence=one.evidence,
        )
        for one in named
    ]


def _similarity_records(run_id: str, found: Comparison, stored: set[tuple[str, str]]) -> list[SimilarityRecord]:
    return [
        SimilarityRecord(run_id, *pair, overlap.similarity, overlap.shared, overlap.total, METHOD, TOKENS_VERSION)
        for pair, overlap in sorted(found.pairs.items())
        if pair not in stored
    ]


def _family_records(
    run_id: str, result: ProcessResult, settings: Settings
) -> tuple[list[FamilyRecord], list[RepresentativeRecord]]:
    memberships: list[FamilyRecord] = []
    choices: list[RepresentativeRecord] = []
    for family in result.families:
        chosen = choose(placed.member.named.model for placed in family.members)
        choices += [_representative_record(run_id, family.family_id, choice) for choice in chosen]
        memberships += _membership_records(run_id, family, chosen[0].model, result.comparison, settings)
    return memberships, choices


def _membership_records(
    run_id: str, family: Family, representative: ModelRow, comparison: Comparison, settings: Settings
) -> list[FamilyRecord]:
    records = []
    for placed in family.members:
        model = placed.member.named.model
        records.append(
            FamilyRecord(
                run_id=run_id,
                strategy=settings.dedup_strategy,
                threshold=settings.similarity_threshold,
                family_id=family.family_id,
                model_id=model.model_id,
                source=model.source,
                is_representative=model == representative,
                similarity_to_representative=comparison.similarity(model.structure_id, representative.structure_id),
                reason=placed.reason,
            )
        )
    return records


def _representative_record(run_id: str, family_id: str, choice: Choice) -> RepresentativeRecord:
    return RepresentativeRecord(
        run_id=run_id,
        family_id=family_id,
        model_id=choice.model.model_id,
        source=choice.model.source,
        revision=choice.model.revision,
        rank=choice.rank,
        objective=choice.objective,
        has_weights=choice.model.has_weights,
        n_parameters=choice.model.n_parameters,
        reason=choice.reason,
    )


def _report(result: ProcessResult, known: dict[str, Fingerprints]) -> StageReport:
    placed = [one.member.named.model for family in result.families for one in family.members]
    counts = {
        "models": len(result.named),
        "models in families": len(placed),
        "components and adapters left out": sum(one.model.is_part for one in result.named),
        "models without structure": sum(
            one.model.structure_id is None and not one.model.is_part for one in result.named
        ),
        "structures": len(result.comparison.structures),
        "structures newly fingerprinted": len(result.comparison.structures.keys() - known.keys()),
        "plans": len({structure.hashes.family for structure in result.comparison.structures.values()}),
        "similar pairs": len(result.comparison.pairs),
        "families": len(result.families),
        "families with weights": sum(
            any(one.member.named.model.has_weights for one in family.members) for family in result.families
        ),
        "names contradicted by structure": contradicted_names(result.members),
    }
    return StageReport("process", counts)
