"""Later runs over the synthetic store, of which it is known what they changed."""

from datetime import datetime

from store import Store
from store.records import (
    ExperimentRecord,
    ExtractionRecord,
    FamilyRecord,
    FingerprintRecord,
    ModuleRecord,
    NameRecord,
    RunRecord,
    SightingRecord,
    StructureRecord,
    TraitRecord,
)
from tests.analysis.synthetic import EXTRACT_RUN, PROCESS_RUN

LATER_EXTRACT = "20261108T080000.000000-dddddd"
LATER_PROCESS = "20261108T090000.000000-eeeeee"
LATER_PRUNE = "20261108T100000.000000-ffffff"
NEW_MODEL = "type_new"
NEW_STRUCTURE = "snew"


def see_again(store: Store, run: str = LATER_EXTRACT, without: str = "") -> None:
    """Insert a listing of the models of the first run, but one."""
    store.connection.execute(
        "INSERT INTO sightings SELECT * REPLACE ($run AS run_id) FROM sightings "
        "WHERE run_id = $first AND model_id <> $without",
        {"run": run, "first": EXTRACT_RUN, "without": without},
    )


def find_new_model(store: Store) -> None:
    """Insert one new model with a structure of its own, in a later listing."""
    store.insert(
        [run_record(LATER_EXTRACT, "extract")],
        [SightingRecord(LATER_EXTRACT, NEW_MODEL, "builtin", "5.23.0", "text-generation", has_weights=False)],
        [StructureRecord(LATER_EXTRACT, NEW_STRUCTURE, "config", 2, 1000, 0, 64, 2)],
        [ModuleRecord(NEW_STRUCTURE, 0, "embed", None, 1, "embed", "Embedding", "Embedding", 10, "{}", 1)],
        [TraitRecord(NEW_STRUCTURE, "activation", "gelu")],
        [
            ExtractionRecord(
                LATER_EXTRACT, NEW_MODEL, "builtin", "5.23.0", "extracted", None, "meta-device", None, 0.2,
                structure_id=NEW_STRUCTURE, config_hash="cnew", model_type=NEW_MODEL,
            )
        ],
    )  # fmt: skip


def group_again(store: Store, *, new_family: str = "", moved: tuple[str, str] | None = None) -> None:
    """Insert what a later process run would: the same families, with the new model, a moved one and family1 renamed."""
    for table in ("names", "families", "representatives"):
        store.connection.execute(
            f"INSERT INTO {table} SELECT * REPLACE ($run AS run_id) FROM {table} WHERE run_id = $first",
            {"run": LATER_PROCESS, "first": PROCESS_RUN},
        )
    store.insert([run_record(LATER_PROCESS, "process")])
    if new_family:
        store.insert(
            [FingerprintRecord(LATER_PROCESS, NEW_STRUCTURE, 1, "exactnew", "layoutnew", "familynew", None)],
            [NameRecord(LATER_PROCESS, NEW_MODEL, "builtin", "new", "new", None, None, None, None, "model_type")],
            [FamilyRecord(LATER_PROCESS, "both", 0.85, new_family, NEW_MODEL, "builtin", True, 1.0, "alone")],
        )
    if moved:
        _rename(store, "model_id", *moved)
        _rename(store, "family_id", "family1", "renamed")


def _rename(store: Store, column: str, value: str, family: str) -> None:
    store.connection.execute(
        f"UPDATE families SET family_id = $family WHERE run_id = $run AND {column} = $value",
        {"family": family, "run": LATER_PROCESS, "value": value},
    )


def measure_again(store: Store) -> None:
    """Insert a later prune run with one new experiment, one with another result and one with the same."""
    store.insert([run_record(LATER_PRUNE, "prune")], [_experiment("new-one")])
    for key, factor in (("ref-opt-random-0.5", 2.0), ("ref-opt-magnitude-0.5", 1.0)):
        for table, change in (("experiments", ""), ("metrics", f", value * {factor} AS value")):
            store.connection.execute(
                f"INSERT INTO {table} SELECT * REPLACE ($run AS run_id{change}) FROM {table} "
                "WHERE experiment_key = $key AND run_id <> $run",
                {"run": LATER_PRUNE, "key": key},
            )


def run_record(run_id: str, stage: str) -> RunRecord:
    at = datetime(2026, 11, 8, int(run_id[9:11]))
    return RunRecord(run_id, stage, at, at, "done", None, "{}", '{"python": "3.11"}', "abc123", None)  # pyright: ignore[reportArgumentType]


def _experiment(key: str) -> ExperimentRecord:
    return ExperimentRecord(
        LATER_PRUNE, key, "ref-opt", "reference", "rev1", "wanda", 1, "weight", 0.5, 0, None, "eval", "cpu", "failed",
        "timeout", None, 1.0, "abc123",
    )  # fmt: skip
