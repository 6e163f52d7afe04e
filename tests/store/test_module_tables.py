"""Tables of modules: runs written out against a recursive walk, blocks, file names, whole files or none."""

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_extract.tree import Node, block_of, fold, module_rows
from pipeline.errors import StageError, UsageError
from store import Store
from store.module_tables import (
    COLUMNS,
    FOLDED_MODULES,
    FoldedModule,
    TabledModel,
    block_of_member,
    file_name,
    table_path,
    write_module_table,
    write_table,
    writing_below,
    written_out,
)
from store.records import ModuleRecord

MODEL = TabledModel("directory", "=cmd|x", "fill-mask", "=cmd", "s")


def tree(name: str, class_name: str, *children: Node) -> Node:
    shapes = (("weight", (2, 3)),) if class_name == "Linear" else ()
    return Node(name, class_name, class_name, shapes, 6 * len(shapes), children)


def nodes() -> st.SearchStrategy[tuple[Node, ...]]:
    """Siblings of random trees: numbered as in a list, or with the names that blocks are found by."""
    kinds = st.sampled_from(["Linear", "Dropout", "Block"])

    def siblings(below: st.SearchStrategy[tuple[Node, ...]]) -> st.SearchStrategy[tuple[Node, ...]]:
        lists = st.lists(st.tuples(kinds, below), max_size=5)
        numbered = lists.map(
            lambda found: tuple(tree(str(place), kind, *inside) for place, (kind, inside) in enumerate(found))
        )
        names = st.sampled_from(["encoder", "layers", "h", "block_0", "base", "0-1"])
        named = st.dictionaries(names, st.tuples(kinds, below), max_size=3).map(
            lambda found: tuple(tree(name, kind, *inside) for name, (kind, inside) in found.items())
        )
        return numbered | named

    return st.recursive(st.just(()), siblings, max_leaves=12)


def named_modules(node: Node, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The plain recursive walk that torch's `named_modules` is, on a tree that was never folded."""
    for child in node.children:
        name = f"{prefix}{child.name}"
        yield name, child.class_name
        yield from named_modules(child, f"{name}.")


@given(children=nodes())
def test_folded_rows_are_written_out_as_they_were_with_their_blocks(children: tuple[Node, ...]) -> None:
    root = tree("", "Model", *children)
    found = [
        (name, row.class_name, block_of_member(name, row.path, row.block))
        for name, row in written_out(module_rows(fold(root), "s"))
    ]
    assert found == [(name, kind, block_of(name)) for name, kind in named_modules(root)]


def test_a_deep_tree_needs_no_deep_stack() -> None:
    paths = [".".join(["a"] * (depth + 1)) for depth in range(3000)]
    rows = [FoldedModule(path, path[:-2] or None, "A", "a", "{}", 1, None, None) for path in paths]
    assert [name for name, _ in written_out(rows)] == paths


def filled(store: Store) -> Store:
    rows = [("layers", None, "ModuleList", "base", {}, 1), ("layers.0-1", "layers", "Linear", "layers", [2, 3], 2)]
    store.insert(
        [
            ModuleRecord("s", place, path, parent, 1, block, kind, kind, 0, json.dumps(shape and {"w": shape}), repeats)
            for place, (path, parent, kind, block, shape, repeats) in enumerate(rows)
        ]
    )
    return store


def test_a_table_has_the_same_types_whatever_is_in_it(tmp_path: Path) -> None:
    with filled(Store.open(None)) as store:
        write_module_table(store, MODEL, tmp_path / "a/b/model.parquet", "parquet")
        write_module_table(store, TabledModel("hub", "x", None, None, "none"), tmp_path / "empty.parquet", "parquet")
        write_module_table(store, MODEL, tmp_path / "model.csv", "csv")
    table = pyarrow.parquet.read_table(tmp_path / "a/b/model.parquet")
    empty = pyarrow.parquet.read_table(tmp_path / "empty.parquet")
    assert table.schema == empty.schema and table.column_names == list(COLUMNS) and empty.num_rows == 0
    assert table["Layer Name"].to_pylist() == ["layers", "layers.0", "layers.1"]
    assert table["Block"].to_pylist() == ["base", "layers", "layers"]
    assert table["Parameters"].to_pylist() == [0, 6, 6] and table["Model ID"].to_pylist() == ["=cmd|x"] * 3
    assert (tmp_path / "model.csv").read_text().splitlines()[2].endswith('6,"\'=cmd|x","\'=cmd","fill-mask"')


def test_a_file_is_written_whole_or_stays_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    write_table(pyarrow.table({"a": [1]}), target, "csv")
    with pytest.raises(pyarrow.ArrowInvalid):
        write_table(pyarrow.table({"a": [[1]]}), target, "csv")  # a list has no place in a CSV
    assert target.read_text() == '"a"\n1\n'
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_folder_that_cannot_be_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="expected a folder that can be written"), writing_below(tmp_path / "file"):
        write_table(pyarrow.table({"a": [1]}), tmp_path / "file/a.csv", "csv")


@pytest.mark.parametrize("model_id", ["../../etc/passwd", "a/b/c", "con\x00", "=1+1", "a" * 500, "\ud800", "a--b"])
def test_no_id_becomes_a_path(model_id: str) -> None:
    assert len(file_name(model_id)) == 32 and file_name(model_id).isalnum()


def test_files_stand_by_source_and_task() -> None:
    assert table_path("hub", "fill-mask", "owner/name-1.5", "csv") == Path("hub/fill-mask/owner--name-1.5.csv")
    for task in (None, "", "../..", "Fill Mask", "a" * 99):
        assert table_path("hub", task, "a", "parquet") == Path("hub/other/a.parquet")


def test_the_query_gives_the_fields_of_its_row() -> None:
    with Store.open(None) as store:
        described = store.rows(f"DESCRIBE {FOLDED_MODULES.sql().rstrip().rstrip(';')}", {"structure": "x"})
        assert [column[0] for column in described] == [field.name for field in fields(FoldedModule)]


@pytest.mark.parametrize("path", ["layers.0-999999999", "layers.0-1000000"])
def test_a_structure_of_absurd_size_is_refused_before_it_is_written_out(path: str) -> None:
    rows = [
        FoldedModule("layers", None, "ModuleList", "layers", "{}", 1, None, None),
        FoldedModule(path, "layers", "Block", "layers", "{}", 10**9, None, None),
    ]
    with pytest.raises(StageError, match=r"at most 1,000,000 modules"):
        list(written_out(rows))
