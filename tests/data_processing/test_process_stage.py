"""The stage on a small store: what it writes, that it writes once, and that an interruption changes nothing."""

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from data_processing import corpus, stage
from data_processing.__main__ import app
from data_processing.answers import export
from data_processing.similarity import sequence
from pipeline.errors import UsageError
from pipeline.progress import PlainProgress
from pipeline.settings import load_settings
from store import Query, Store
from store.records import CrossCheckRecord, ExtractionRecord, ModuleRecord, SightingRecord, StructureRecord
from tests.data_processing.module_trees import Module, decoder, encoder, rows_of

TREES: dict[str, Module] = {
    "llama": decoder(),
    "mistral": decoder(width=16, heads=2),
    "qwen2": decoder(bias=True),
    "bert": encoder(),
    "a/bert-plus": encoder(layers=6, extra_norm=True),
}
TABLES = (
    *("fingerprints", "names", "similarities", "families", "findings", "representatives", "coverage", "map_points"),
)


def fill(store: Store, names: list[str], run_id: str = "r1") -> None:
    sightings, extractions, structures, modules = [], [], [], []
    for name in names:
        structure_id = f"s-{name}" if name in TREES else None
        sightings.append(SightingRecord(run_id, name, "hub", "1", downloads=5, has_weights=name == "mistral"))
        extractions.append(_extraction(run_id, name, structure_id))
        if structure_id is not None:
            structures.append(StructureRecord(run_id, structure_id, "config", 1, 100 + len(name), 4, 8, 5))
            modules += _module_records(TREES[name], structure_id)
    store.insert(sightings, extractions, structures, modules)


def _extraction(run_id: str, name: str, structure_id: str | None) -> ExtractionRecord:
    status, reason = ("extracted", None) if structure_id else ("skipped", "gated")
    return ExtractionRecord(run_id, name, "hub", "1", status, reason, "config", None, 0.1, structure_id=structure_id)


def _module_records(tree: Module, structure_id: str) -> list[ModuleRecord]:
    return [
        ModuleRecord(
            structure_id=structure_id,
            position=row.position,
            path=row.path,
            parent=row.parent,
            depth=row.path.count(".") + 1,
            block="base",
            class_name="Any",
            kind=row.kind,
            n_parameters=0,
            parameter_shapes=row.parameter_shapes,
            repeats=row.repeats,
        )
        for row in rows_of(tree, structure_id)
    ]


def content(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    return {table: sorted(store.rows(f"SELECT * EXCLUDE (run_id) FROM {table}"), key=repr) for table in TABLES}


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open(None) as opened:
        fill(opened, [*TREES, "b/llama-gated"])
        yield opened


SETTINGS = load_settings({"similarity_threshold": 0.8})
PROGRESS = PlainProgress()


def test_families_representatives_and_counts(store: Store) -> None:
    report = stage.run(store, SETTINGS, PROGRESS)
    rows = store.rows(
        "SELECT family_id, model_id, is_representative, similarity_to_representative FROM current_families"
    )
    found = {model_id: (family_id, chosen, similarity) for family_id, model_id, chosen, similarity in rows}
    assert found["llama"] == ("llama", False, 1.0)
    assert found["mistral"] == ("llama", True, 1.0)
    assert found["b/llama-gated"] == ("llama", False, None)
    assert found["qwen2"][0] == "qwen2"
    assert found["a/bert-plus"][0] == found["bert"][0] == "bert"
    assert report.counts["models without structure"] == 1
    assert report.counts["families"] == 3
    assert report.counts["families with weights"] == 1
    first = store.rows("SELECT model_id, objective FROM current_representatives WHERE rank = 1 ORDER BY model_id")
    assert first == [
        ("bert", "k-medoids"),
        ("mistral", "k-medoids"),
        ("qwen2", "k-medoids"),
    ]


def test_every_table_of_the_stage_is_written(store: Store) -> None:
    stage.run(store, SETTINGS, PROGRESS)
    bodies = store.rows("SELECT count(DISTINCT body_hash) FROM fingerprints WHERE body_hash IS NOT NULL")
    assert bodies == [(4,)]  # mistral and llama share one
    pairs = store.rows("SELECT structure_a, structure_b, only_a, only_b FROM similarities")
    holds = "LayerNorm, attention, intermediate, output"
    only_plus = [f"encoder holds ExtraNorm, {holds}", "encoder.ExtraNorm: bias[1] weight[1]"]
    assert pairs == [("s-a/bert-plus", "s-bert", only_plus, [f"encoder holds {holds}"])]
    curve = store.rows("SELECT k, distance, share_models FROM current_coverage ORDER BY k, distance")
    assert [row[0] for row in curve[::4]] == [1, 2, 3] and curve[-1][2] == 1.0
    assert store.rows("SELECT count(*), sum(n_models) FROM current_map_points") == [(4, 5)]


def test_levels_join_more_and_more(store: Store) -> None:
    families = {}
    for level in ("exact", "layout", "plan", "similar"):
        settings = load_settings({"dedup_strategy": "architecture", "level": level, "similarity_threshold": 0.8})
        families[level] = stage.run(store, settings, PROGRESS).counts["families"]
    assert families == {"exact": 5, "layout": 5, "plan": 4, "similar": 3}
    listed = {level: len(store.fetch(corpus.LEVELS, level=level, top=9)) for level in ("exact", "layout", "plan")}
    assert listed == {"exact": 5, "layout": 5, "plan": 4}


def test_a_headers_view_is_in_the_family_of_its_config(store: Store) -> None:
    header = [
        replace(record, kind="module")  # a tensor header names no classes
        for record in _module_records(TREES["mistral"], "s-header")
    ]
    sighting = SightingRecord("r2", "own/custom-code", "hub", "1")
    extraction = replace(_extraction("r2", "own/custom-code", "s-header"), reader="header")
    store.insert([sighting], [extraction], [StructureRecord("r2", "s-header", "header", 1, 100, 4, 8, 5)], header)
    stage.run(store, load_settings({"dedup_strategy": "architecture", "level": "plan"}), PROGRESS)
    family = "SELECT family_id FROM current_families WHERE model_id = $model"
    assert store.rows(family, {"model": "own/custom-code"}) == store.rows(family, {"model": "llama"})
    mapped = store.rows("SELECT config_structure, evidence FROM view_mappings WHERE header_structure = 's-header'")
    assert sorted(mapped) == [("s-llama", "same_body"), ("s-mistral", "same_body")]


def test_views_that_disagree_join_nothing(store: Store) -> None:
    """One repository with llama's config and bert's tensors does not make the two one family."""
    header = [replace(record, kind="module") for record in _module_records(TREES["bert"], "s-header")]
    sightings = [SightingRecord("r2", name, "hub", "1") for name in ("evil/x", "own/bert")]
    extractions = [replace(_extraction("r2", one.model_id, "s-header"), reader="header") for one in sightings]
    store.insert(sightings, extractions, [StructureRecord("r2", "s-header", "header", 1, 100, 4, 8, 5)], header)
    compared = CrossCheckRecord("r2", "evil/x", "hub", "1", "other", "s-llama", "s-header", 0, 9, 9, None)
    store.insert([compared])
    stage.run(store, load_settings({"dedup_strategy": "architecture", "similarity_threshold": 0.8}), PROGRESS)
    family = dict(store.rows("SELECT model_id, family_id FROM current_families"))
    assert family["evil/x"] == family["own/bert"] == family["bert"] != family["llama"]
    store.insert([replace(compared, run_id="r3", verdict="agree", shared=9, only_config=0, only_header=0)])
    stage.run(store, load_settings({"dedup_strategy": "architecture", "level": "plan"}), PROGRESS)
    family = dict(store.rows("SELECT model_id, family_id FROM current_families"))
    assert family["evil/x"] == family["llama"]


def test_a_type_of_one_repository_names_nobody_else(store: Store) -> None:
    for name, model_type in (("z/one", "instruct"), ("y/two", "instruct"), ("x/three", "own-kind"), ("y/a", "shared")):
        store.insert(
            [SightingRecord("r2", name, "hub", "1")],
            [replace(_extraction("r2", name, "s-llama"), model_type=model_type)],
        )
    store.insert(
        [SightingRecord("r2", name, "hub", "1") for name in ("q/foo-instruct", "q/own-kind-2", "q/shared-7b")],
        [_extraction("r2", name, None) for name in ("q/foo-instruct", "q/own-kind-2", "q/shared-7b")],
    )
    store.insert(
        [SightingRecord("r2", "z/b", "hub", "1")], [replace(_extraction("r2", "z/b", "s-llama"), model_type="shared")]
    )
    stage.run(store, SETTINGS, PROGRESS)
    names = dict(store.rows("SELECT model_id, base_name FROM current_names"))
    assert names["z/one"] == "instruct"  # what it says of itself
    assert names["q/foo-instruct"] == "foo" and names["q/own-kind-2"] == "own" and names["q/shared-7b"] == "shared"


def test_a_run_that_finds_no_family_is_current_too(store: Store) -> None:
    with Store.open(None) as bare:
        fill(bare, ["b/llama-gated"])
        assert stage.run(bare, load_settings({}), PROGRESS).counts["families"] == 1
        alone = load_settings({"dedup_strategy": "architecture"})
        assert stage.run(bare, alone, PROGRESS).counts["families"] == 0
        assert bare.rows("SELECT count(*) FROM current_families") == [(0,)]
        assert stage.run(bare, alone, PROGRESS).counts == {}


def test_levels_leave_parts_out(store: Store) -> None:
    store.insert(
        [SightingRecord("r2", name, "hub", "1", base_model_relation=relation) for name, relation in PARTS],
        [replace(_extraction("r2", name, "s-llama"), reason=reason) for name, reason in PART_REASONS],
    )
    stage.run(store, SETTINGS, PROGRESS)
    (largest,) = store.fetch(corpus.LEVELS, level="plan", top=1)
    assert (largest.models, largest.structures) == (2, 2)  # llama and mistral


PARTS = (("own/adapter", "adapter"), ("own/component", None))
PART_REASONS = (("own/adapter", None), ("own/component", "component"))


def test_empty_and_odd_parents_in_tags_are_no_parents(store: Store) -> None:
    tags = ("base_model:", "base_model:finetune:", "base_model:finetune:google-bert/bert-base", "x")
    store.insert([SightingRecord("r2", "t/weird", "hub", "1", tags=tags)], [_extraction("r2", "t/weird", None)])
    (model,) = [one for one in corpus.read_models(store) if one.model_id == "t/weird"]
    assert model.base_models == "google-bert/bert-base"


def test_similarity_by_sequence_gives_the_earlier_definition(store: Store) -> None:
    settings = load_settings({"similarity": "sequence", "similarity_threshold": 0.8})
    report = stage.run(store, settings, PROGRESS)
    methods = store.rows("SELECT DISTINCT method FROM similarities")
    assert methods == [("sequence",)] and report.counts["similar pairs"] > 0


def test_threads_and_order_of_rows_change_nothing(store: Store) -> None:
    stage.run(store, load_settings({"workers": 1}), PROGRESS)
    with Store.open(None) as shuffled:
        fill(shuffled, ["b/llama-gated", *reversed(TREES)])
        stage.run(shuffled, load_settings({"workers": 2}), PROGRESS)
        assert content(shuffled) == content(store)


def test_the_same_again_writes_nothing(store: Store) -> None:
    stage.run(store, SETTINGS, PROGRESS)
    before = store.rows("SELECT * FROM runs"), content(store)
    assert stage.run(store, SETTINGS, PROGRESS).counts == {}
    assert (store.rows("SELECT * FROM runs"), content(store)) == before


def test_a_run_killed_before_or_after_its_transaction_ends_like_an_undisturbed_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    insert = store.insert

    def die_before(*_: Any) -> None:
        raise KilledError

    def die_after(*batches: Any) -> None:
        insert(*batches)
        raise KilledError

    for death in (die_before, die_after):
        monkeypatch.setattr(store, "insert", death)
        with pytest.raises(KilledError):
            stage.run(store, SETTINGS, PROGRESS)
        monkeypatch.undo()
    stage.run(store, SETTINGS, PROGRESS)
    with Store.open(None) as undisturbed:
        fill(undisturbed, [*TREES, "b/llama-gated"])
        stage.run(undisturbed, SETTINGS, PROGRESS)
        assert content(store) == content(undisturbed)


def test_new_models_add_only_what_is_new(store: Store) -> None:
    with Store.open(None) as growing:
        fill(growing, ["llama", "bert"])
        stage.run(growing, SETTINGS, PROGRESS)
        fill(growing, ["mistral", "qwen2", "a/bert-plus", "b/llama-gated"], "r2")
        report = stage.run(growing, SETTINGS, PROGRESS)
        assert report.counts["structures newly fingerprinted"] == 3
        stage.run(store, SETTINGS, PROGRESS)
        for table in ("fingerprints", "similarities"):
            assert content(growing)[table] == content(store)[table]


def test_another_threshold_stores_no_pair_twice(store: Store) -> None:
    stage.run(store, SETTINGS, PROGRESS)
    stage.run(store, load_settings({"similarity_threshold": 0.1}), PROGRESS)
    pairs = store.rows("SELECT structure_a, structure_b FROM similarities")
    assert len(pairs) == len(set(pairs)) > 1
    assert all(one < other for one, other in pairs)


def test_the_plan_says_what_is_new_and_then_nothing(store: Store) -> None:
    assert stage.plan(store, SETTINGS).steps[0] == "fingerprint 5 new structures of 5"
    stage.run(store, SETTINGS, PROGRESS)
    assert stage.plan(store, SETTINGS).steps == ("nothing: models and settings are as in the last run",)


def test_an_empty_store_is_a_usage_error_but_can_be_planned_for() -> None:
    with Store.open(None) as empty:
        with pytest.raises(UsageError, match=r"--extract"):
            stage.run(empty, SETTINGS, PROGRESS)
        assert len(stage.plan(empty, SETTINGS).steps) == 1


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        (corpus.MODELS, {}),
        (corpus.MODULES, {"structures": ["s"]}),
        (corpus.FINGERPRINTS, {"version": 1}),
        (corpus.STORED_PAIRS, {"method": "m", "version": 1}),
        (corpus.FAMILIES, {"top": 3}),
        (corpus.LEVELS, {"level": "exact", "top": 3}),
        (corpus.SHAPES, {}),
        (corpus.SAME_MODEL, {}),
        (sequence.SEQUENCES, {"structures": ["s"]}),
    ],
    ids=lambda value: value.path.stem if isinstance(value, Query) else "",
)
def test_queries_describe_as_their_rows(query: Query[Any], parameters: dict[str, Any]) -> None:
    with Store.open(None) as empty:
        cursor = empty.connection.execute(f"DESCRIBE {query.sql()}", parameters or None)
        assert [row[0] for row in cursor.fetchall()] == [field.name for field in fields(query.row)]


def test_every_query_file_is_described() -> None:
    modules = (corpus, sequence, export)
    described = {value.path.name for module in modules for value in vars(module).values() if isinstance(value, Query)}
    assert described == {path.name for path in Path(corpus.__file__).with_name("queries").glob("*.sql")}


@pytest.fixture
def file_store(tmp_path: Path) -> str:
    path = tmp_path / "a.duckdb"
    with Store.open(path) as opened:
        fill(opened, [*TREES, "b/llama-gated"])
    return str(path)


def test_commands(file_store: str) -> None:
    runner = CliRunner()
    before = runner.invoke(app, ["families", "--store", file_store])
    assert before.exit_code == 1 and "data_processing run" in before.stderr
    assert runner.invoke(app, ["run", "--store", file_store]).exit_code == 0
    families = runner.invoke(app, ["families", "--store", file_store, "--top", "1"])
    assert re.search(r"3 +llama +\(mistral\*\)", families.stdout)
    similar = runner.invoke(app, ["similar", "llama", "--store", file_store, "-k", "2"])
    assert "1.000  mistral  (same family hash)" in similar.stdout
    assert "only in qwen2: self_attn.k_proj: bias[1] weight[2]" in similar.stdout


def test_ids_cannot_forge_lines(file_store: str) -> None:
    with Store.open(Path(file_store)) as opened:
        forged = "own/a\n  1  1.000  evil"
        opened.insert([SightingRecord("r2", forged, "hub", "1")], [_extraction("r2", forged, "s-llama")])
    runner = CliRunner()
    assert runner.invoke(app, ["run", "--store", file_store]).exit_code == 0
    for command in (["similar", "mistral"], ["similar", "own/a"], ["families"], ["families", "--level", "plan"]):
        shown = runner.invoke(app, [*command, "--store", file_store])
        assert not re.search(r"^ +1 +1[.]000 +evil", shown.stdout + shown.stderr, re.MULTILINE)


def test_unknown_and_unextracted_models_are_usage_errors(file_store: str) -> None:
    runner = CliRunner()
    unknown = runner.invoke(app, ["similar", "lama", "--store", file_store])
    assert unknown.exit_code == 2 and "Did you mean llama" in unknown.stderr
    gated = runner.invoke(app, ["similar", "b/llama-gated", "--store", file_store])
    assert gated.exit_code == 2 and "gated" in gated.stderr
