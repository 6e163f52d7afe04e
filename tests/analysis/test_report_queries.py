"""Every query gives what its dataclass says, and the numbers are found again in another way."""

import re
from collections import Counter, defaultdict
from dataclasses import fields
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

import pytest

from analysis.comparison import DAMAGE
from analysis.exports import EXPORTS
from analysis.pages import PAGES
from analysis.section import QUERIES, Answers
from analysis.sections import SECTIONS
from analysis.sections.extract.architecture import KINDS, TASKS
from analysis.sections.extract.sizes import STRUCTURES
from analysis.sections.process.families import FAMILIES, TRAITS
from analysis.sections.process.names import DUPLICATES, SHARED
from analysis.sections.prune.dense import DENSE
from analysis.sections.redundancy.depth import DEPTH, relative_cells
from store import Query, Store
from store.records import MetricRecord
from tests.analysis.conftest import Built
from tests.analysis.synthetic import METHODS, PRUNE_RUN, RATIOS, REFERENCES, damage_of
from tests.analysis.synthetic_analyses import block_row, insert_analysis

PLUG_INS = (*SECTIONS, *PAGES, *EXPORTS)
ALL_QUERIES = sorted({query for plug_in in PLUG_INS for query in plug_in.queries}, key=lambda query: query.path.name)
LATER_RUN = "20261102T100000.000000-dddddd"
DUCKDB_TYPES = {
    int: {"BIGINT", "INTEGER"},
    float: {"DOUBLE"},
    str: {"VARCHAR"},
    bool: {"BOOLEAN"},
    datetime: {"TIMESTAMP"},
    list[str]: {"VARCHAR[]"},
    list[float]: {"DOUBLE[]"},
    list[int]: {"INTEGER[]"},
}


def plain_type(annotation: Any) -> Any:
    if isinstance(annotation, UnionType):
        [kind] = [part for part in get_args(annotation) if part is not NoneType]
        return kind
    return annotation


@pytest.mark.parametrize("query", ALL_QUERIES, ids=lambda query: query.path.stem)
def test_a_query_gives_the_columns_of_its_row(query: Query[Any], empty_store: Store) -> None:
    described = empty_store.rows(f"DESCRIBE {query.sql()}")
    assert [row[0] for row in described] == [field.name for field in fields(query.row)]
    hints = get_type_hints(query.row)
    for name, kind, *_ in described:
        assert kind in DUCKDB_TYPES[plain_type(hints[name])], name


def test_every_query_file_is_used_and_says_what_a_row_is() -> None:
    assert {query.path for query in ALL_QUERIES} == {*QUERIES.glob("*.sql")}
    for query in ALL_QUERIES:
        assert query.sql().startswith("-- One row a"), query.path.name


def test_kinds_count_folded_runs_out(full: Built) -> None:
    rows = full.store.rows("SELECT structure_id, path, parent, kind, repeats FROM modules")
    repeats = {(structure, path): count for structure, path, _, _, count in rows}
    parents = {(structure, path): parent for structure, path, parent, _, _ in rows}
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for structure, path, _, kind, _ in rows:
        copies, at = 1, path
        while at is not None:
            copies *= repeats[structure, at]
            at = parents[structure, at]
        if kind not in ("container", "module"):
            counted[structure][kind] += copies
    total: Counter[tuple[str, str]] = Counter()
    for task, structure in full.store.rows(
        "SELECT coalesce(s.task, 'not stated'), e.structure_id FROM sightings s JOIN extractions e USING (model_id) "
        "WHERE e.status = 'extracted'"
    ):
        for kind, count in counted[structure].items():
            total[task, kind] += count
    assert {(row.task, row.kind): row.n_modules for row in full.store.fetch(KINDS)} == dict(total)


def test_damage_is_perplexity_over_dense(full: Built) -> None:
    rows = full.store.fetch(DAMAGE)
    assert len(rows) == len(REFERENCES) * len(METHODS) * len(RATIOS)
    for row in rows:
        wanted = damage_of(row.method, row.ratio)
        assert row.damage == pytest.approx(wanted)
        assert (row.damage_low, row.damage_high) == (pytest.approx(0.97 * wanted), pytest.approx(1.03 * wanted))
        assert row.perplexity == pytest.approx(row.damage * row.dense_perplexity)


def test_seeds_are_averaged_and_the_interval_spans_them(full: Built) -> None:
    with Store.open(None) as store:
        _copy(full.store, store)
        _another_seed(store, "ref-llama-random-0.5", 100.0, 90.0, 110.0)
        [before] = [
            row
            for row in full.store.fetch(DAMAGE)
            if (row.model_id, row.method, row.ratio) == ("ref-llama", "random", 0.5)
        ]
        [after] = [
            row for row in store.fetch(DAMAGE) if (row.model_id, row.method, row.ratio) == ("ref-llama", "random", 0.5)
        ]
    assert after.n_seeds == 2
    assert after.perplexity == pytest.approx((before.perplexity + 100) / 2)
    assert before.perplexity_high is not None
    assert after.perplexity_low == 90.0
    assert after.perplexity_high == max(before.perplexity_high, 110.0)


def test_another_evaluation_text_is_not_mixed_in(full: Built) -> None:
    with Store.open(None) as store:
        _copy(full.store, store)
        store.connection.execute("UPDATE experiments SET evaluation = 'other' WHERE method = 'magnitude'")
        assert {row.method for row in store.fetch(DAMAGE)} == set(METHODS) - {"magnitude"}


def test_a_small_later_run_with_other_windows_hides_nothing(full: Built) -> None:
    with Store.open(None) as store:
        _copy(full.store, store)
        for method in ("dense", "magnitude"):
            ratio = 0.0 if method == "dense" else 0.5
            _later(store, f"ref-opt-{method}-{ratio}", evaluation="other windows")
        assert store.fetch(DAMAGE) == full.store.fetch(DAMAGE)
        assert store.fetch(DENSE) == full.store.fetch(DENSE)


def test_of_equally_full_grids_the_newest_run_counts(full: Built) -> None:
    with Store.open(None) as store:
        _copy(full.store, store)
        keys = store.rows("SELECT experiment_key FROM experiments WHERE model_id = 'ref-opt' AND status = 'done'")
        for (key,) in keys:
            _later(store, key, evaluation="other windows")
        assert {row.model_id: row.evaluation for row in store.fetch(DENSE)} == {
            name: "other windows" if name == "ref-opt" else "eval" for name in REFERENCES
        }
        assert len(store.fetch(DAMAGE)) == len(full.store.fetch(DAMAGE))


def test_a_grid_without_a_dense_measurement_is_not_chosen(full: Built) -> None:
    with Store.open(None) as store:
        _copy(full.store, store)
        for method, ratio in ((method, ratio) for method in METHODS for ratio in RATIOS):
            _later(store, f"ref-opt-{method}-{ratio}", evaluation="no dense")
        assert store.fetch(DAMAGE) == full.store.fetch(DAMAGE)
        assert store.fetch(DENSE) == full.store.fetch(DENSE)


def test_a_retrained_model_keeps_no_old_deep_blocks(full: Built) -> None:
    with Store.open(None) as store:
        _copy(full.store, store)
        blocks = [block_row(start, size, 0.5) for start, size in ((0, 1), (1, 1), (0, 2))]
        insert_analysis(store, LATER_RUN, "ref-opt", "blocks", blocks, revision="rev2")
        found = store.fetch(DEPTH)
    assert [(row.first_layer, row.n_layers) for row in found if row.model_id == "ref-opt"] == [(0, 1), (1, 1), (0, 2)]
    assert {row.model_id for row in found} == set(REFERENCES)


UPGRADED = [DUPLICATES, FAMILIES, KINDS, SHARED, STRUCTURES, TASKS, TRAITS]


@pytest.mark.parametrize("query", UPGRADED, ids=lambda query: query.path.stem)
def test_a_library_upgrade_counts_no_model_twice(query: Query[Any], full: Built) -> None:
    with Store.open(None) as store:
        _copy(full.store, store)
        for table, run in (("sightings", "run_id"), ("extractions", "run_id")):
            store.connection.execute(
                f"INSERT INTO {table} SELECT * REPLACE ('{LATER_RUN}' AS {run}, '6.0.0' AS revision) FROM {table}"
            )
        assert store.fetch(query) == full.store.fetch(query)


@pytest.mark.parametrize(
    "query", [DUPLICATES, FAMILIES, KINDS, SHARED, TASKS, TRAITS], ids=lambda query: query.path.stem
)
def test_only_the_newest_revision_of_a_model_counts(query: Query[Any], full: Built) -> None:
    with Store.open(None) as store, Store.open(None) as moved:
        _copy(full.store, store)
        _copy(full.store, moved)
        store.connection.execute(
            f"INSERT INTO sightings SELECT * REPLACE ('{LATER_RUN}' AS run_id, '6.0.0' AS revision) FROM sightings"
        )
        store.connection.execute(
            f"INSERT INTO extractions SELECT * REPLACE ('{LATER_RUN}' AS run_id, '6.0.0' AS revision, "
            "'s05' AS structure_id) FROM extractions WHERE status = 'extracted'"
        )
        moved.connection.execute("UPDATE extractions SET structure_id = 's05' WHERE status = 'extracted'")
        assert store.fetch(query) == moved.fetch(query)


@pytest.mark.parametrize("query", [DUPLICATES, SHARED], ids=lambda query: query.path.stem)
def test_names_of_older_process_runs_do_not_count(query: Query[Any], full: Built) -> None:
    with Store.open(None) as store:
        _copy(full.store, store)
        store.connection.execute(
            "INSERT INTO names SELECT * REPLACE ('20200101T000000.000000-aaaaaa' AS run_id, "
            "'old' || base_name AS base_name, 'old' || base_name_simple AS base_name_simple) FROM names"
        )
        assert store.fetch(query) == full.store.fetch(query)


def test_dense_rows_carry_the_floor(full: Built) -> None:
    assert [(row.model_id, row.perplexity_floor) for row in full.store.fetch(DENSE)] == [
        (name, 7.0) for name in sorted(REFERENCES)
    ]


def test_duplicates_agree_with_pandas(full: Built) -> None:
    frame = full.store.frame(
        "SELECT n.base_name, s.structure_id, s.n_parameters, n.model_id, f.exact_hash, f.layout_hash, f.family_hash "
        "FROM names n JOIN extractions e USING (model_id) JOIN extracted_structures s USING (structure_id) "
        "JOIN fingerprints f USING (structure_id)"
    )
    chosen = frame.sort_values(["n_parameters", "model_id"]).groupby("base_name").head(1)
    rows = [row for row in Answers(full.store)[DUPLICATES] if row.rule == "parsed name"]
    assert [row.n_names for row in rows] == [len(chosen)] * 3
    hashes = ("exact_hash", "layout_hash", "family_hash")
    assert [row.n_structures for row in rows] == [chosen[name].nunique() for name in hashes]
    assert [row.duplicate_share for row in rows] == [1 - chosen[name].nunique() / len(chosen) for name in hashes]


def test_families_agree_with_pandas(full: Built) -> None:
    frame = full.store.frame(
        "SELECT f.family_id, f.model_id, s.n_layers FROM families f JOIN extractions e USING (source, model_id) "
        "LEFT JOIN extracted_structures s USING (structure_id)"
    )
    groups = frame.groupby("family_id").agg(n=("model_id", "size"), low=("n_layers", "min"), high=("n_layers", "max"))
    rows = full.store.fetch(FAMILIES)
    assert {row.family_id: (row.n_models, row.fewest_layers, row.most_layers) for row in rows} == {
        str(name): tuple(map(int, values)) for name, *values in groups.itertuples()
    }
    assert [row.n_models for row in rows] == sorted((row.n_models for row in rows), reverse=True)


def test_depth_components_are_parsed(full: Built) -> None:
    rows = full.store.fetch(DEPTH)
    components = {
        component for (component,) in full.store.rows("SELECT component FROM redundancy WHERE analysis = 'blocks'")
    }
    assert {f"layers {row.first_layer}-{row.first_layer + row.n_layers - 1}" for row in rows} == components
    for cell in relative_cells(rows):
        assert 0 <= cell.relative_distance <= 1


def test_headings_of_sections_are_unique() -> None:
    titles = [(section.report, section.title) for section in SECTIONS]
    assert len(titles) == len(set(titles))
    assert all(re.fullmatch(r"[a-z][a-z-]*", section.name) for section in SECTIONS)


def _copy(source: Store, target: Store) -> None:
    for (table,) in source.rows("SELECT table_name FROM duckdb_tables() WHERE table_name NOT LIKE '%migration%'"):
        target.connection.register("copied", source.connection.sql(f"SELECT * FROM {table}").to_arrow_table())
        target.connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM copied")
        target.connection.unregister("copied")


def _later(store: Store, key: str, evaluation: str) -> None:
    """Insert an experiment and its numbers again, as a later run with another evaluation."""
    for table, changes in (("experiments", f", '{evaluation}' AS evaluation"), ("metrics", "")):
        store.connection.execute(
            f"INSERT INTO {table} SELECT * REPLACE ('{LATER_RUN}' AS run_id, $key || ' later' AS experiment_key"
            f"{changes}) FROM {table} WHERE experiment_key = $key",
            {"key": key},
        )


def _another_seed(store: Store, key: str, perplexity: float, low: float, high: float) -> None:
    store.connection.execute(
        "INSERT INTO experiments SELECT * REPLACE ('again' AS experiment_key, 1 AS seed) FROM experiments "
        "WHERE experiment_key = $key",
        {"key": key},
    )
    store.insert([MetricRecord(PRUNE_RUN, "again", "perplexity", perplexity, "1", 96, low, high)])
