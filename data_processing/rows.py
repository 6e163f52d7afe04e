"""What a run found, as rows of the store. Nothing is stored twice: hashes and pairs that are there already stay."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import astuple
from typing import Any

from data_processing.grouping.families import Placed
from data_processing.process import FamilyChoice, ProcessResult
from data_processing.similarity.comparison import Alike, Comparison
from data_processing.similarity.jaccard import differing_tokens
from data_processing.trees.fingerprints import HASH_VERSION
from pipeline.settings import Settings
from store.records import (
    CoverageRecord,
    FamilyRecord,
    FindingRecord,
    FingerprintRecord,
    MapPointRecord,
    NameRecord,
    RepresentativeRecord,
    SimilarityRecord,
)

_TOKENS_KEPT = 12


def rows(
    run_id: str,
    result: ProcessResult,
    settings: Settings,
    known_hashes: Collection[str],
    known_pairs: Collection[tuple[str, str]],
) -> list[Sequence[Any]]:
    """Return the records of a run, a batch a table."""
    return [
        _fingerprints(run_id, result.comparison, known_hashes),
        _names(run_id, result),
        [
            _similarity(run_id, pair, result.comparison)
            for pair in result.comparison.pairs
            if _key(pair) not in known_pairs
        ],
        [row for chosen in result.families for row in _memberships(run_id, chosen, settings)],
        [FindingRecord(run_id, *astuple(finding)) for finding in result.findings],
        [row for chosen in result.families for row in _representatives(run_id, chosen)],
        _coverage(run_id, result, settings),
        _map(run_id, result),
    ]


def _fingerprints(run_id: str, comparison: Comparison, known: Collection[str]) -> list[FingerprintRecord]:
    return [
        FingerprintRecord(
            run_id=run_id,
            structure_id=name,
            hash_version=HASH_VERSION,
            exact_hash=structure.hashes.exact,
            layout_hash=structure.hashes.layout,
            family_hash=structure.hashes.family,
            body_hash=structure.hashes.body,
        )
        for name, structure in sorted(comparison.structures.items())
        if name not in known
    ]


def _names(run_id: str, result: ProcessResult) -> list[NameRecord]:
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
            training=one.name.training,
            quantisation=one.name.quantisation,
            context=one.name.context,
            step=one.name.step,
        )
        for one in result.named
    ]


def _similarity(run_id: str, pair: Alike, comparison: Comparison) -> SimilarityRecord:
    ours, theirs = (comparison.structures[name].bag for name in _key(pair))
    return SimilarityRecord(
        run_id=run_id,
        structure_a=pair.structure_a,
        structure_b=pair.structure_b,
        similarity=pair.similarity,
        shared=pair.shared,
        total=pair.total,
        method=comparison.method.name,
        version=comparison.method.version,
        only_a=tuple(differing_tokens(ours, theirs)[:_TOKENS_KEPT]),
        only_b=tuple(differing_tokens(theirs, ours)[:_TOKENS_KEPT]),
    )


def _key(pair: Alike) -> tuple[str, str]:
    return pair.structure_a, pair.structure_b


def _memberships(run_id: str, chosen: FamilyChoice, settings: Settings) -> Iterator[FamilyRecord]:
    for placed in chosen.family.members:
        model = placed.member.named.model
        yield FamilyRecord(
            run_id=run_id,
            strategy=settings.dedup_strategy,
            threshold=settings.similarity_threshold,
            family_id=chosen.family.family_id,
            model_id=model.model_id,
            source=model.source,
            is_representative=model == chosen.choices[0].model,
            similarity_to_representative=_nearness(placed, chosen),
            reason=_membership_reason(placed, chosen, settings),
            level=None if settings.dedup_strategy == "name" else settings.level,
        )


def _membership_reason(placed: Placed, chosen: FamilyChoice, settings: Settings) -> str:
    """Say where similarity alone would not have put a member beside the representative."""
    nearness = _nearness(placed, chosen)
    if settings.dedup_strategy == "name" or nearness is None or nearness >= settings.similarity_threshold:
        return placed.reason
    return f"{placed.reason}; equal in plan to a member or like one, {nearness:.2f} to the representative by its tokens"


def _nearness(placed: Placed, chosen: FamilyChoice) -> float | None:
    structure_id = placed.member.named.model.structure_id
    return None if structure_id is None else chosen.similarity.get(structure_id)


def _representatives(run_id: str, chosen: FamilyChoice) -> Iterator[RepresentativeRecord]:
    for choice in chosen.choices:
        yield RepresentativeRecord(
            run_id=run_id,
            family_id=chosen.family.family_id,
            model_id=choice.model.model_id,
            source=choice.model.source,
            revision=choice.model.revision,
            rank=choice.rank,
            objective=choice.objective,
            has_weights=choice.model.has_weights,
            n_parameters=choice.model.n_parameters,
            reason=choice.reason,
            mean_distance=choice.mean_distance,
        )


def _coverage(run_id: str, result: ProcessResult, settings: Settings) -> list[CoverageRecord]:
    return [
        CoverageRecord(
            run_id=run_id,
            objective=settings.objective,
            k=step.k,
            family_id=step.site.family_id,
            source=step.site.model.source,
            model_id=step.site.model.model_id,
            distance=step.distance,
            share_models=step.share_models,
            share_downloads=step.share_downloads,
            reason=step.reason,
        )
        for step in result.coverage
    ]


def _map(run_id: str, result: ProcessResult) -> list[MapPointRecord]:
    return [
        MapPointRecord(run_id, structure_id, x, y, result.corpus_map.method, result.models_of[structure_id])
        for structure_id, (x, y) in sorted(result.corpus_map.places.items())
    ]
