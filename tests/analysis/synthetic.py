"""A seeded store with everything a report shows, small and with known numbers."""

import math
import random
from datetime import datetime
from typing import Any

from store import Store
from store.records import (
    CheckRecord,
    ExperimentRecord,
    ExtractionRecord,
    FamilyRecord,
    FingerprintRecord,
    MetricRecord,
    ModuleRecord,
    NameRecord,
    RepresentativeRecord,
    RunRecord,
    SampleRecord,
    SightingRecord,
    StructureRecord,
    TraitRecord,
    WindowLossRecord,
)
from tests.analysis.synthetic_analyses import RUN as PRUNE_RUN
from tests.analysis.synthetic_analyses import fill_analyses

EXTRACT_RUN = "20261101T080000.000000-aaaaaa"
PROCESS_RUN = "20261101T090000.000000-bbbbbb"
REFERENCES = ("ref-bloom", "ref-gpt2", "ref-gpt-neox", "ref-llama", "ref-opt")
METHODS = {
    "random": "weight",
    "magnitude": "weight",
    "depth-last": "layer",
    "depth-angular": "layer",
    "mlp-random": "neuron",
    "mlp-maxmin": "neuron",
}
RATIOS = (0.1, 0.25, 0.5)
# How steep the damage of each method is: perplexity over dense = exp(steepness * ratio).
STEEPNESS = {
    "random": 6.0,
    "magnitude": 1.5,
    "depth-last": 4.0,
    "depth-angular": 3.0,
    "mlp-random": 2.5,
    "mlp-maxmin": 1.8,
}
# Its experiments have no losses by window, as those of an earlier version.
UNPAIRED = "ref-opt"
WINDOWS, TOKENS = 96, 100
N_BUILTIN = 55
N_STRUCTURES = 40
_TASKS = ("text-generation", "fill-mask", "image-classification", "automatic-speech-recognition", None)
_NORMS = {"text-generation": "LayerNorm", "fill-mask": "LayerNorm", "image-classification": "BatchNorm2d"}


def fill_catalog(store: Store) -> None:
    """Insert what stage extract would have found."""
    draw = random.Random(0)
    sightings = [_sighting(index, draw) for index in range(N_BUILTIN)]
    sightings += [
        SightingRecord(EXTRACT_RUN, name, "reference", "rev1", "text-generation", has_weights=True)
        for name in REFERENCES
    ]
    structures = [_structure(index, draw) for index in range(N_STRUCTURES)]
    extractions = [_extraction(sighting, index) for index, sighting in enumerate(sightings)]
    tasks = {row.structure_id: seen.task for seen, row in zip(sightings, extractions, strict=True) if row.structure_id}
    modules = [module for row in structures for module in _modules(row, tasks.get(row.structure_id))]
    traits = [TraitRecord(row.structure_id, "activation", draw.choice(("gelu", "relu", "silu"))) for row in structures]
    store.insert([_run(EXTRACT_RUN, "extract")], sightings, extractions, structures, modules, traits)


def fill_families(store: Store) -> None:
    """Insert what stage process would have found: the structure's number modulo 14 is its family."""
    extracted = store.rows(
        "SELECT model_id, source, structure_id FROM extractions WHERE status = 'extracted' ORDER BY ALL"
    )
    structures = sorted({row[2] for row in extracted})
    fingerprints = [
        FingerprintRecord(
            PROCESS_RUN, structure, 1, f"exact{structure}", f"layout{_number(structure) % 20}", _family(structure), None
        )
        for structure in structures
    ]
    names = [
        NameRecord(PROCESS_RUN, model, source, f"name{_number(model) % 30}", f"first{_number(model) % 12}",
                   None, None, None, None, "model_type")
        for model, source, _ in extracted
    ]  # fmt: skip
    seen: set[str] = set()
    families, chosen = [], []
    for model, source, structure in extracted:
        family = model if source == "reference" else _family(structure)
        first = family not in seen
        seen.add(family)
        families.append(
            FamilyRecord(
                PROCESS_RUN, "both", 0.85, family, model, source, first, 1.0, "same plan as the representative"
            )
        )
        if first:
            weights = source == "reference"
            chosen.append(
                RepresentativeRecord(PROCESS_RUN, family, model, source, "rev1", 1, "smallest-with-weights", weights,
                                     1000, "the smallest model with weights")
            )  # fmt: skip
    store.insert([_run(PROCESS_RUN, "process")], fingerprints, names, families, chosen)


def fill_experiments(store: Store) -> None:
    """Insert what stage prune would have measured."""
    experiments, metrics, samples, losses, checks = [], [], [], [], []
    for position, model in enumerate(REFERENCES):
        dense = 8.0 + position / 10
        for method, scope, ratio in _specifications():
            key = f"{model}-{method}-{ratio}"
            experiments.append(_experiment(key, model, method, scope, ratio))
            metrics += _metrics(key, method, scope, ratio, dense)
            losses += [] if model == UNPAIRED else _losses(key, method, ratio, dense)
            checks.append(CheckRecord(PRUNE_RUN, key, "reference", model, "counts", "ok", f"{key}: as many as can be"))
            samples.append(SampleRecord(PRUNE_RUN, key, "the cat", f"sees the {method} | dog"))
    refused = ExperimentRecord(
        PRUNE_RUN, "refused", "ref-opt", "reference", "rev1", "mlp-maxmin", 1, "neuron", 0.001, 0, None, "eval", "cpu",
        "refused", "ratio_too_small", "0.1 % of 8 neurons is none", 0.1, None,
    )  # fmt: skip
    store.insert([_run(PRUNE_RUN, "prune")], [*experiments, refused], metrics, samples, losses, checks)
    fill_analyses(store, REFERENCES)


def fill_all(store: Store) -> None:
    """Insert what all stages would have found."""
    fill_catalog(store)
    fill_families(store)
    fill_experiments(store)


def damage_of(method: str, ratio: float) -> float:
    """Return the perplexity over dense that the synthetic experiments have."""
    return 2.718281828459045 ** (STEEPNESS[method] * ratio)


def _run(run_id: str, stage: str) -> RunRecord:
    at = datetime(2026, 11, 1, int(run_id[9:11]))
    return RunRecord(run_id, stage, at, at, "done", None, "{}", '{"python": "3.11", "torch": "2.13.0"}', "abc123", None)


def _sighting(index: int, draw: random.Random) -> SightingRecord:
    downloads = draw.randrange(10**6) if index % 3 else None
    return SightingRecord(
        EXTRACT_RUN, f"type_{index:02}", "builtin", "5.23.0", _TASKS[index % len(_TASKS)], "transformers", downloads,
        has_weights=False,
    )  # fmt: skip


def _extraction(seen: SightingRecord, index: int) -> ExtractionRecord:
    if index % 11 == 10:
        return ExtractionRecord(
            EXTRACT_RUN,
            seen.model_id,
            seen.source,
            seen.revision,
            "skipped",
            "component",
            "meta-device",
            "part of another",
            0.1,
        )
    if index % 17 == 16:
        return ExtractionRecord(
            EXTRACT_RUN, seen.model_id, seen.source, seen.revision, "failed", "missing_dependency", "meta-device",
            "ImportError: needs\n`timm` | <b>", 0.1,
        )  # fmt: skip
    return ExtractionRecord(
        EXTRACT_RUN, seen.model_id, seen.source, seen.revision, "extracted", None, "meta-device", None, 0.2,
        structure_id=f"s{index % N_STRUCTURES:02}", config_hash=f"c{index}", model_type=seen.model_id,
    )  # fmt: skip


def _structure(index: int, draw: random.Random) -> StructureRecord:
    layers = draw.choice((0, 4, 12, 24, 32))
    parameters = draw.randrange(10**5, 10**8) * (1 + layers) ** 2
    n_modules = 2 if layers == 0 else 2 + layers * 5
    return StructureRecord(
        EXTRACT_RUN, f"s{index:02}", "config", n_modules, parameters, layers, 64, 2 if layers == 0 else 4
    )


def _modules(structure: StructureRecord, task: str | None) -> list[ModuleRecord]:
    """Return an embedding, then `n_layers` equal layers of an attention with two projections, and a norm."""
    norm = _NORMS.get(task or "", "Conv2d")
    rows = [("embed", None, 1, "embed", "Embedding", 1)]
    if structure.n_layers == 0:
        rows += [("head", None, 1, "head", "Linear", 1)]
    else:
        run = f"layers.0-{structure.n_layers - 1}"
        rows += [
            ("layers", None, 1, "layers", "container", 1),
            (run, "layers", 2, "layers", "module", structure.n_layers),
            (f"{run}.attention", run, 3, "layers", "module", 1),
            (f"{run}.attention.0-1", f"{run}.attention", 4, "layers", "Linear", 2),
            (f"{run}.norm", run, 3, "layers", norm, 1),
        ]
    return [
        ModuleRecord(structure.structure_id, position, path, parent, depth, block, kind, kind, 10, "{}", repeats)
        for position, (path, parent, depth, block, kind, repeats) in enumerate(rows)
    ]


def _number(name: str) -> int:
    digits = "".join(character for character in name if character.isdigit())
    return int(digits or 0)


def _family(structure: str) -> str:
    return f"family{int(_number(structure) ** 0.5)}"


def _specifications() -> list[tuple[str, str, float]]:
    return [("dense", "none", 0.0), *((method, scope, ratio) for method, scope in METHODS.items() for ratio in RATIOS)]


def _experiment(key: str, model: str, method: str, scope: Any, ratio: float) -> ExperimentRecord:
    return ExperimentRecord(
        PRUNE_RUN, key, model, "reference", "rev1", method, 1, scope, ratio, 0, None, "eval", "cpu", "done", None, None,
        1.0, "abc123",
    )  # fmt: skip


def _losses(key: str, method: str, ratio: float, dense: float) -> list[WindowLossRecord]:
    """Return windows of which every other one is harder for all models, and that methods find harder in pairs."""
    mean = math.log(dense * damage_of(method, ratio) if ratio else dense)
    own = 0.1 * (1 + list(METHODS).index(method)) / len(METHODS) if ratio else 0.0
    return [
        WindowLossRecord(
            PRUNE_RUN, key, place, TOKENS * (mean + 0.3 * (-1) ** place + own * (-1) ** (place // 2)), TOKENS
        )
        for place in range(WINDOWS)
    ]


def _metrics(key: str, method: str, scope: str, ratio: float, dense: float) -> list[MetricRecord]:
    perplexity = dense if method == "dense" else dense * damage_of(method, ratio)
    left = 1 - 0.8 * ratio if scope in ("layer", "neuron") else 1.0
    speed = {"layer": 1 - 0.9 * ratio, "neuron": 1 - 0.4 * ratio}.get(scope, 1.0)
    return [
        MetricRecord(PRUNE_RUN, key, "perplexity", perplexity, "1", 96, perplexity * 0.97, perplexity * 1.03),
        MetricRecord(PRUNE_RUN, key, "perplexity_floor", 7.0, "1", 96),
        MetricRecord(PRUNE_RUN, key, "parameters", 500_000 * left, "parameters", 1),
        MetricRecord(PRUNE_RUN, key, "nonzeros", 400_000 * (1 - ratio), "weights", 1),
        MetricRecord(PRUNE_RUN, key, "removed_fraction", ratio, "1", 1),
        MetricRecord(PRUNE_RUN, key, "bytes", 2_000_000 * left, "bytes", 1),
        MetricRecord(PRUNE_RUN, key, "latency", 0.01 * speed, "seconds", 15),
        *([] if method == "dense" else [MetricRecord(PRUNE_RUN, key, "latency_ratio", speed, "1", 15)]),
    ]
