"""What stages extract and process write beyond `synthetic`: a map, coverage, findings, relations, dates, readings.

Call `fill_architecture` after `fill_catalog` and `fill_families`.
"""

from datetime import datetime, timedelta

from store import Store
from store.records import (
    CoverageRecord,
    CrossCheckRecord,
    ExtractionRecord,
    FamilyRecord,
    FindingRecord,
    MapPointRecord,
    ModuleShapeRecord,
    ShapeTraceRecord,
    SightingRecord,
    SimilarityRecord,
)
from tests.analysis.synthetic import EXTRACT_RUN, N_STRUCTURES, PROCESS_RUN

# Families of the synthetic catalogue are the whole part of the root of a structure's number.
HUB_FAMILIES = ("family1", "family2", "family3")
FIRST_DAY = datetime(2022, 3, 2, 23, 29, 4)
CHILDREN = 4
KINSHIP = (("s00", "s01", 0.9), ("s01", "s04", 0.86), ("s00", "s02", 0.95), ("s04", "s05", 0.99))


def fill_architecture(store: Store) -> None:
    """Insert all of it."""
    store.insert(_map(), _coverage(), _findings(), _similarities())
    store.insert(*_readings())
    fill_hub(store)


def fill_hub(store: Store) -> None:
    """Insert models of the Hub with dates and base models: in each family one parent and its children."""
    for place, family in enumerate(HUB_FAMILIES):
        parent = f"owner/parent-{place}"
        born = FIRST_DAY + timedelta(days=200 * place)
        sightings = [_sighting(parent, born, None)]
        sightings += [
            _sighting(f"owner/child-{place}-{index}", born + timedelta(days=30 * index), parent)
            for index in range(1, CHILDREN + 1)
        ]
        store.insert(
            sightings, [_extraction(row, place) for row in sightings], [_member(row, family) for row in sightings]
        )
    orphan = _sighting("owner/orphan", FIRST_DAY + timedelta(days=900), "gone/away")
    store.insert([orphan], [_extraction(orphan, 0)], [_member(orphan, "family1")])


def _map() -> list[MapPointRecord]:
    return [
        MapPointRecord(
            PROCESS_RUN, f"s{index:02}", float(index % 7), float(index // 7), "t-SNE, perplexity 15", 1 + index % 3
        )
        for index in range(N_STRUCTURES)
    ]


def _coverage() -> list[CoverageRecord]:
    return [
        CoverageRecord(
            PROCESS_RUN, "k-medoids", k, f"family{k}", "builtin", f"type_0{k}", distance, k * share, None, "adds most"
        )
        for k in (1, 2, 3)
        for distance, share in ((0.0, 0.1), (0.15, 0.2), (0.3, 0.3))
    ]


def _findings() -> list[FindingRecord]:
    many = [
        FindingRecord(PROCESS_RUN, "child_shape", "builtin", f"type_{index:02}", "x", f"says {index}", "found", 0.5)
        for index in range(50)
    ]
    one = FindingRecord(PROCESS_RUN, "name_structure", "builtin", "type_01", None, "name | says", "<b>", None)
    return [*many, one]


def _similarities() -> list[SimilarityRecord]:
    return [
        SimilarityRecord(PROCESS_RUN, a, b, value, 9.0, 10.0, "weighted-jaccard", 1, (f"only {a}",), (f"only {b}",))
        for a, b, value in KINSHIP
    ]


def _readings() -> tuple[list[CrossCheckRecord], list[ShapeTraceRecord], list[ModuleShapeRecord]]:
    checks = [
        CrossCheckRecord(
            EXTRACT_RUN, f"m{index}", "hub", "sha", verdict, f"s0{index}", f"h0{index}", 10, index, 0, "detail"
        )
        for index, verdict in enumerate(("agree", "agree", "agree", "prefix"))
    ]
    traces = [
        ShapeTraceRecord(EXTRACT_RUN, "s00", 1, "traced", None, "{}"),
        ShapeTraceRecord(EXTRACT_RUN, "s01", 1, "failed", "ValueError: expected | <b>", "{}"),
        ShapeTraceRecord(EXTRACT_RUN, "s02", 1, "failed", "torch.fx.DataDependentOutputException: x", "{}"),
        ShapeTraceRecord(EXTRACT_RUN, "s03", 1, "failed", "no more memory", "{}"),
    ]
    return checks, traces, [ModuleShapeRecord(EXTRACT_RUN, "s00", "embed", "[1, 4]", "[1, 4, 64]")]


def _sighting(model: str, born: datetime, parent: str | None) -> SightingRecord:
    return SightingRecord(
        EXTRACT_RUN, model, "hub", "sha", "text-generation", downloads=100, base_model=parent,
        base_model_relation="finetune" if parent else None, created_at=born,
    )  # fmt: skip


def _extraction(seen: SightingRecord, place: int) -> ExtractionRecord:
    return ExtractionRecord(
        EXTRACT_RUN, seen.model_id, seen.source, seen.revision, "extracted", None, "meta-device", None, 0.1,
        structure_id=f"s{(1, 4, 9)[place]:02}",
    )  # fmt: skip


def _member(seen: SightingRecord, family: str) -> FamilyRecord:
    return FamilyRecord(PROCESS_RUN, "both", 0.85, family, seen.model_id, seen.source, False, 1.0, "same plan")
