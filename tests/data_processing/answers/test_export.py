"""The export in the earlier miner's folders: which models, which lists, and what an earlier export left behind."""

import csv
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from data_processing.answers import export
from data_processing.answers.export import deduplicated_name, export_families
from data_processing.naming.names import simple_base_name
from pipeline.errors import StageError, UsageError
from pipeline.progress import PlainProgress
from store import Query, Store
from store.records import (
    ExtractionRecord,
    FamilyRecord,
    ModuleRecord,
    NameRecord,
    RunRecord,
    SightingRecord,
    SimilarityRecord,
    StructureRecord,
)

PROGRESS = PlainProgress()
HOSTILE = "=cmd|' /C calc'!A0\x1b[2J"
# family, model, task, whether it represents the family, whether it has a structure
MODELS = [
    ("bert", "0/bertv2-large", "fill-mask", False, True),
    ("bert", "a/bert-x", "fill-mask", False, True),
    ("bert", "b/bert-y", None, True, True),
    ("llama", "meta/llama_7b", "text-generation", True, True),
    ("llama", "gated/llama-9b", "text-generation", False, False),
    ("nothing", "gated/nothing", None, True, False),
    (HOSTILE, HOSTILE, "../..", True, True),
]


def fill(
    store: Store, models: list[tuple[str, str, str | None, bool, bool]], run_id: str, strategy: Any = "both"
) -> None:
    batches: list[list[Any]] = [[] for _ in range(6)]
    for family, model_id, task, chosen, has_structure in models:
        structure_id = f"s-{model_id}" if has_structure else None
        status, reason = ("extracted", None) if has_structure else ("skipped", "gated")
        records: list[Any] = [
            SightingRecord(run_id, model_id, "hub", "1", task=task),
            ExtractionRecord(
                run_id, model_id, "hub", "1", status, reason, "config", None, 0.1, structure_id=structure_id
            ),  # pyright: ignore[reportArgumentType]
            NameRecord(run_id, model_id, "hub", family, simple_base_name(model_id), None, None, None, None, "name"),
            FamilyRecord(run_id, strategy, 0.85, family, model_id, "hub", chosen, 1.0 if chosen else None, "why"),
        ]
        if structure_id and run_id == "r1":
            records += [
                StructureRecord(run_id, structure_id, "config", 1, 6, 0, None, 1),
                ModuleRecord(structure_id, 0, "head", None, 1, "base", "Linear", "Linear", 6, '{"w": [2, 3]}', 1),
            ]
        for batch, record in zip(batches, records, strict=False):
            batch.append(record)
    store.insert(*batches)


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open(None) as opened:
        fill(opened, MODELS, "r1")
        pair = ("s-a/bert-x", "s-b/bert-y", 0.9, 9.0, 10.0, "weighted-jaccard", 1, ("=1+1: Linear", "x"), ())
        earlier = ("s-a/bert-x", "s-b/bert-y", 0.9, 9.0, 10.0, "weighted-jaccard", 0, None, None)
        farther = ("s-a/bert-x", "s-c", 0.3, 3.0, 10.0, "weighted-jaccard", 1, None, None)
        opened.insert([SimilarityRecord(run, *found) for run in ("r0", "r1") for found in (pair, earlier, farther)])
        config = '{"similarity": "jaccard", "similarity_threshold": 0.85}'
        opened.insert([RunRecord("r1", "process", datetime(2026, 1, 1), None, "done", None, config, "{}", None, None)])
        yield opened


def files_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text))


def test_one_table_a_base_name_and_one_a_family(store: Store, tmp_path: Path) -> None:
    counts = export_families(store, tmp_path, "csv", PROGRESS)
    hostile = next(file for file in files_of(tmp_path / "process_with_name") if file.startswith("hub/other/"))
    assert len(Path(hostile).stem) == 32
    # 0/bertv2-large, a/bert-x and b/bert-y are one name, bert; a--bert-x is the first of the two short ones.
    assert files_of(tmp_path / "process_with_name") == sorted(
        ["files.csv", hostile, "hub/fill-mask/a--bert-x.csv", "hub/text-generation/meta--llama_7b.csv"]
    )
    assert files_of(tmp_path / "process_with_architecture") == sorted(
        [
            *("families.csv", "files.csv", "names.csv", "similarities.csv"),
            *(hostile, "hub/other/b--bert-y.csv", "hub/text-generation/meta--llama_7b.csv"),
        ]
    )
    stands_for = {row["stands_for"]: row["models"] for row in rows_of(tmp_path / "process_with_name/files.csv")}
    assert (stands_for["bert"], stands_for["llama"]) == ("3", "1")
    table = rows_of(tmp_path / "process_with_architecture/hub/other/b--bert-y.csv")
    assert [(row["Layer Name"], row["Parameters"], row["Base Model Name"]) for row in table] == [("head", "6", "bert")]
    assert counts == {
        "tables by name": 3,
        "tables by architecture": 3,
        "families without a table": 1,
        "models in families": 7,
        "similar pairs": 1,
        "names": 7,
        "earlier files removed": 0,
    }


def test_lists_say_what_the_store_knows_and_nothing_in_them_runs(store: Store, tmp_path: Path) -> None:
    export_families(store, tmp_path, "csv", PROGRESS)
    folder = tmp_path / "process_with_architecture"
    families = rows_of(folder / "families.csv")
    assert [
        (row["family_id"], row["model_id"], row["representative"]) for row in families if row["family_id"][0] != "'"
    ] == [
        ("bert", "b/bert-y", "b/bert-y"),
        ("bert", "0/bertv2-large", "b/bert-y"),
        ("bert", "a/bert-x", "b/bert-y"),
        ("llama", "meta/llama_7b", "meta/llama_7b"),
        ("llama", "gated/llama-9b", "meta/llama_7b"),
        ("nothing", "gated/nothing", "gated/nothing"),
    ]
    assert {row["strategy"] for row in families} == {"both"} and families[-1]["similarity_to_representative"] == "1"
    (pair,) = rows_of(folder / "similarities.csv")
    assert (pair["model_a"], pair["model_b"], pair["similarity"]) == ("a/bert-x", "b/bert-y", "0.9")
    assert (pair["only_a"], pair["only_b"]) == ("'=1+1: Linear; x", "")
    assert [row["model_id"] for row in rows_of(folder / "names.csv")].count("a/bert-x") == 1
    for file in tmp_path.rglob("*.csv"):
        cells = [cell for row in csv.reader(file.read_text().splitlines()) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@")) or "\x1b" in cell]


def test_the_same_store_gives_the_same_bytes(store: Store, tmp_path: Path) -> None:
    with Store.open(None) as other:
        fill(other, MODELS[::-1], "r1")
        for opened, name in ((store, "one"), (other, "other")):
            export_families(opened, tmp_path / name, "csv", PROGRESS)
    for file in files_of(tmp_path / "one"):
        if not file.endswith("similarities.csv"):
            assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes(), file


def test_a_later_export_removes_its_own_earlier_files_and_no_others(store: Store, tmp_path: Path) -> None:
    export_families(store, tmp_path, "csv", PROGRESS)
    mine = tmp_path / "process_with_name/hub/fill-mask/mine.csv"
    mine.write_text("keep")
    fill(store, [("bert", "a/bert-x", "fill-mask", True, True)], "r2")
    counts = export_families(store, tmp_path, "parquet", PROGRESS)
    assert counts["earlier files removed"] == 6
    assert files_of(tmp_path / "process_with_name") == [
        "files.csv",
        "hub/fill-mask/a--bert-x.parquet",
        "hub/fill-mask/mine.csv",
    ]
    assert mine.read_text() == "keep"
    exported = tmp_path / "process_with_architecture/hub/fill-mask/a--bert-x.parquet"
    assert pyarrow.parquet.read_table(exported)["Model ID"].to_pylist() == ["a/bert-x"]
    assert export_families(store, tmp_path, "parquet", PROGRESS)["earlier files removed"] == 0


def test_an_index_can_name_nothing_outside(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "out/process_with_name"
    (folder / "hub").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    kept = [tmp_path / "elsewhere/a.csv", tmp_path / "out/a.csv", folder / "notes.csv"]
    for path in kept:
        path.write_text("mine")
    (folder / "hub/link").symlink_to(tmp_path / "elsewhere")
    (folder / "files.csv").write_text(
        "file,source,model_id,stands_for,models\n"
        "hub/link/a.csv,,,,0\nhub/../../a.csv,,,,0\n../a.csv,,,,0\nnotes.csv,,,,0\n" + str(kept[0]) + ",,,,0\n"
    )
    assert export_families(store, tmp_path / "out", "csv", PROGRESS)["earlier files removed"] == 0
    assert [path.read_text() for path in kept] == ["mine"] * 3


@pytest.mark.parametrize(
    "text", ["", "file\nhub/a/b.csv\n", "file,source,model_id,stands_for,models\n" + "a" * 200_000]
)
def test_an_index_that_is_not_ours_removes_nothing(store: Store, tmp_path: Path, text: str) -> None:
    kept = tmp_path / "process_with_name/hub/a/b.csv"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    (tmp_path / "process_with_name/files.csv").write_text(text)
    assert export_families(store, tmp_path, "csv", PROGRESS)["earlier files removed"] == 0
    assert kept.read_text() == "mine"


def test_a_killed_export_leaves_no_file_that_the_next_one_does_not_know(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    write, written = export.write_module_table, []

    def die(*arguments: Any) -> None:
        if len(written) == 2:
            raise KilledError
        write(*arguments)
        written.append(arguments[2])

    monkeypatch.setattr(export, "write_module_table", die)
    with pytest.raises(KilledError):
        export_families(store, tmp_path, "csv", PROGRESS)
    monkeypatch.undo()
    fill(store, [("bert", "a/bert-x", None, True, True)], "r2")
    export_families(store, tmp_path, "csv", PROGRESS)
    assert files_of(tmp_path / "process_with_name") == ["files.csv", "hub/other/a--bert-x.csv"]


def test_families_by_name_alone_give_lists(tmp_path: Path) -> None:
    with Store.open(None) as store:
        fill(store, MODELS, "r1", "name")
        counts = export_families(store, tmp_path, "csv", PROGRESS)
    assert (counts["tables by name"], counts["tables by architecture"]) == (3, 0)
    assert "families.csv" in files_of(tmp_path / "process_with_architecture")


def test_no_families_and_no_folder_are_errors_that_say_what_to_do(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="expected a folder"):
        export_families(store, tmp_path / "file", "csv", PROGRESS)
    with Store.open(None) as empty, pytest.raises(StageError, match="data_processing run"):
        export_families(empty, tmp_path / "none", "csv", PROGRESS)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("base_name", "expected"),
    [
        *(("bertv2", "bert"), ("bert-v1", "bert"), ("bert-large", "bert"), ("bert-base-v3", "bert"), ("v1", "v1")),
        *(("bert-v3-base", "bert-v3"), ("bertv4", "bertv4"), ("large", "large"), ("", "")),
    ],
)
def test_what_the_earlier_miner_takes_for_one_name(base_name: str, expected: str) -> None:
    assert deduplicated_name(base_name) == expected


@pytest.mark.parametrize("query", [export.MEMBERS, export.PAIRS, export.NAMES], ids=lambda query: query.path.stem)
def test_queries_describe_as_their_rows(query: Query[Any]) -> None:
    with Store.open(None) as empty:
        described = empty.rows(f"DESCRIBE {query.sql()}")
        assert [column[0] for column in described] == [field.name for field in fields(query.row)]
