"""Stage 2's shell: reads models and modules, writes fingerprints, names, similarities, families, findings,
representatives, coverage and map.

Everything of a run is written in one transaction, after the hash of its input: a run either happened or did not.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import astuple

from data_processing.corpus import (
    MODELS,
    ModelRow,
    read_corpus,
    read_fingerprints,
    read_models,
    read_same_model,
    read_stored_pairs,
)
from data_processing.naming.known import known_names
from data_processing.naming.names import NAMES_VERSION
from data_processing.process import PROCESS_VERSION, ProcessResult, process
from data_processing.rows import rows
from data_processing.similarity import sequence
from data_processing.trees.fingerprints import HASH_VERSION
from data_processing.trees.tokens import TOKENS_VERSION
from pipeline.progress import Progress
from pipeline.settings import Settings
from pipeline.stages import StagePlan, StageReport
from pipeline.text import count_of
from store import Store
from store.provenance import content_hash

SETTINGS = (
    *("dedup_strategy", "level", "similarity", "similarity_threshold"),
    *("objective", "licenses", "max_params"),
)
_SECONDS_A_STRUCTURE = 0.012


def run(store: Store, settings: Settings, progress: Progress) -> StageReport:
    """Group the store's models into families and choose representatives; nothing to do when nothing changed.

    Raises `UsageError` when the store has no models.
    """
    models = read_models(store)
    input_hash = _input_hash(store, models, settings)
    if _is_done(store, input_hash):
        progress.note("process: models and settings are as in the last run, families stand as they are")
        return StageReport("process", notes=("nothing changed since the last run",))
    with store.run("process", {name: getattr(settings, name) for name in SETTINGS}) as handle:
        store.record_input(handle, input_hash)
        corpus = read_corpus(store, models, settings.similarity)
        result = process(corpus, settings, settings.worker_count, progress)
        method = result.comparison.method
        stored = read_stored_pairs(store, method.name, method.version)
        store.insert(*rows(handle.run_id, result, settings, corpus.known_hashes.keys(), stored))
    return _report(result, corpus.known_hashes.keys())


def check(settings: Settings) -> None:
    """Check settings before anything starts; those of this stage have no more to check than their ranges."""


def plan(store: Store, settings: Settings) -> StagePlan:
    """Say what `run` would do."""
    models = store.fetch(MODELS)
    if not models:
        return StagePlan("process", ("group what stage extract will have found into families",), 0, 0.0)
    if _is_done(store, _input_hash(store, models, settings)):
        return StagePlan("process", ("nothing: models and settings are as in the last run",), 0, 0.0)
    wanted = {model.structure_id for model in models if model.structure_id is not None}
    new = len(wanted - read_fingerprints(store).keys())
    how = f"{settings.dedup_strategy}, level {settings.level}, similarity {settings.similarity_threshold:g}"
    steps = (
        f"fingerprint {count_of(new, 'new structure')} of {len(wanted):,}",
        f"group {count_of(len(models), 'model')} by {how}",
        f"choose representatives by {settings.objective}, draw the map",
    )
    return StagePlan("process", steps, 0, round(_SECONDS_A_STRUCTURE * len(wanted), 1))


def _is_done(store: Store, input_hash: str) -> bool:
    """Return whether the newest names come from this input. Every run writes them, whole, whatever became of it."""
    newest = store.rows("SELECT input_hash FROM runs WHERE run_id = (SELECT max(run_id) FROM names)")
    return newest == [(input_hash,)]


def _input_hash(store: Store, models: Sequence[ModelRow], settings: Settings) -> str:
    versions = (HASH_VERSION, TOKENS_VERSION, NAMES_VERSION, sequence.VERSION, PROCESS_VERSION)
    told = {name: getattr(settings, name) for name in SETTINGS}
    # Names are looked up among the types of the installed transformers and in the table.
    names = sorted(known_names().families.items())
    return content_hash([versions, told, names, read_same_model(store), [astuple(model) for model in models]])


def _report(result: ProcessResult, known_hashes: Collection[str]) -> StageReport:
    models = [one.model for one in result.named]
    families = [chosen.family for chosen in result.families]
    structures = result.comparison.structures
    kinds = Counter(finding.kind for finding in result.findings)
    counts = {
        "models": len(models),
        "models in families": sum(len(family.members) for family in families),
        "components and adapters left out": sum(model.is_part for model in models),
        "models without structure": sum(model.structure_id is None and not model.is_part for model in models),
        "structures": len(structures),
        "structures newly fingerprinted": len(structures.keys() - known_hashes),
        "plans": len({structure.hashes.family for structure in structures.values()}),
        "similar pairs": len(result.comparison.pairs),
        "families": len(families),
        "families with weights": sum(
            any(placed.member.named.model.has_weights for placed in family.members) for family in families
        ),
        "names contradicted by structure": kinds["name_structure"],
        "children of another shape than their parent": kinds["child_shape"],
        "equal layouts with other functions": kinds["other_traits"],
    }
    return StageReport("process", counts)
