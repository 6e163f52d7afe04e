"""`python -m data_processing export`: families and representatives in the earlier miner's folders (METHODS 1).

    FOLDER/process_with_name/SOURCE/TASK/MODEL.csv          one model of each base name
    FOLDER/process_with_name/files.csv                      these files, and how many models each stands for
    FOLDER/process_with_architecture/SOURCE/TASK/MODEL.csv  the representative of each family by architecture
    FOLDER/process_with_architecture/files.csv, families.csv, similarities.csv, names.csv

Lists are CSV whatever the format of the tables. What counts as one name is the earlier miner's rule, kept as it was:
its base name (the text before the first "-") without a trailing -v1, -v2, -v3, v1, v2, v3, -base, -large or -small,
each taken off at most once in that order and never the whole name; the shortest file name represents it, of equally
long ones the first, then the first source. What this project says of names and families is in names.csv and
families.csv.

A file of an earlier export that is no longer part of it is removed where files.csv names it; nothing else is.
"""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from pipeline.errors import StageError
from pipeline.progress import Progress
from pipeline.text import spreadsheet_safe
from store import Query, Store
from store.module_tables import Format, TabledModel, table_path, write_module_table, write_table, writing_below

_QUERIES = Path(__file__).resolve().parent.parent / "queries"
_BY_NAME = "process_with_name"
_BY_ARCHITECTURE = "process_with_architecture"
_INDEX = "files.csv"
_SUFFIXES = ("-v1", "-v2", "-v3", "v1", "v2", "v3", "-base", "-large", "-small")
# What this module can have written: whatever else an index names is left alone.
_OWN_FILE = re.compile(r"[a-z]+/[a-z0-9-]{1,81}/[A-Za-z0-9][A-Za-z0-9_.-]*[.](csv|parquet)")
_LONGEST_CELL = 10_000


@dataclass(frozen=True)
class ExportedMember:
    """A member of a family. None = not compared, no level, not parsed, the source did not say, no structure."""

    family_id: str
    strategy: Literal["name", "architecture", "both"]
    source: str
    model_id: str
    is_representative: bool
    representative: str
    similarity_to_representative: float | None
    reason: str
    level: str | None
    base_name_simple: str | None
    task: str | None
    structure_id: str | None


@dataclass(frozen=True)
class FamilyLine:
    """A row of families.csv."""

    family_id: str
    model_id: str
    representative: str
    similarity_to_representative: float | None
    reason: str
    level: str | None
    strategy: str
    source: str


@dataclass(frozen=True)
class PairLine:
    """A row of similarities.csv; None = no model has it in its newest revision, or not recorded."""

    structure_a: str
    model_a: str | None
    structure_b: str
    model_b: str | None
    similarity: float
    shared: float
    total: float
    method: str
    version: int
    only_a: str | None
    only_b: str | None


@dataclass(frozen=True)
class NameLine:
    """A row of names.csv; columns as in `names`."""

    source: str
    model_id: str
    base_name: str
    evidence: str
    base_name_simple: str
    owner: str | None
    version: str | None
    size: str | None
    variant: str | None
    training: str | None
    quantisation: str | None
    context: str | None
    step: str | None


@dataclass(frozen=True)
class FileLine:
    """A row of files.csv: a table below its folder and what it stands for."""

    file: str
    source: str
    model_id: str
    stands_for: str  # a base name or a family
    models: int


@dataclass(frozen=True)
class Part:
    """A table to write, and its row in the index."""

    model: TabledModel
    line: FileLine


MEMBERS = Query(_QUERIES / "export_members.sql", ExportedMember)
PAIRS = Query(_QUERIES / "export_pairs.sql", PairLine)
NAMES = Query(_QUERIES / "export_names.sql", NameLine)


def export_families(store: Store, folder: Path, kind: Format, progress: Progress) -> dict[str, int]:
    """Write the newest run's families below `folder` and return what was written, by what it is.

    Every file is replaced whole. Raises `StageError` when there are no families yet, `UsageError` when the folder
    cannot be written.
    """
    members = store.fetch(MEMBERS)
    if not members:
        raise StageError("expected a store with families, got one without; run `python -m data_processing run` first")
    by_name, by_architecture = parts_by_name(members, kind), parts_by_architecture(members, kind)
    if members[0].strategy == "name":
        progress.note(f"families by name alone: {_BY_ARCHITECTURE} gets lists and no tables")
    lists = {
        "families.csv": (FamilyLine, [_family_line(member) for member in members]),
        "similarities.csv": (PairLine, store.fetch(PAIRS)),
        "names.csv": (NameLine, store.fetch(NAMES)),
    }
    with writing_below(folder):
        removed = _write_parts(store, folder / _BY_NAME, by_name, kind, progress)
        removed += _write_parts(store, folder / _BY_ARCHITECTURE, by_architecture, kind, progress)
        for name, (row, lines) in lists.items():
            _write_list(folder / _BY_ARCHITECTURE / name, row, lines)
    return {
        "tables by name": len(by_name),
        "tables by architecture": len(by_architecture),
        "families without a table": len({member.family_id for member in members}) - len(by_architecture),
        "models in families": len(members),
        "similar pairs": len(lists["similarities.csv"][1]),
        "names": len(lists["names.csv"][1]),
        "earlier files removed": removed,
    }


def parts_by_name(members: Iterable[ExportedMember], kind: Format) -> list[Part]:
    """Return the tables of `process_with_name`, ordered by base name: members with a structure, one a base name."""
    groups: dict[str, list[ExportedMember]] = defaultdict(list)
    for member in members:
        if member.structure_id is not None:
            groups[deduplicated_name(member.base_name_simple or "")].append(member)
    return [_part(min(group, key=_shortest_file), name, len(group), kind) for name, group in sorted(groups.items())]


def parts_by_architecture(members: Sequence[ExportedMember], kind: Format) -> list[Part]:
    """Return the tables of `process_with_architecture`, ordered by family: representatives that have a structure.

    None where the families are by name alone.
    """
    sizes = Counter(member.family_id for member in members)
    chosen = [one for one in members if one.is_representative and one.strategy != "name" and one.structure_id]
    return [_part(one, one.family_id, sizes[one.family_id], kind) for one in chosen]


def deduplicated_name(base_name: str) -> str:
    """Return a base name as the earlier miner compares it: without the endings that say size or version."""
    for suffix in _SUFFIXES:
        base_name = base_name.removesuffix(suffix) or base_name
    return base_name


def _shortest_file(member: ExportedMember) -> tuple[int, str, str]:
    name = table_path(member.source, member.task, member.model_id, "csv").name
    return len(name), name, member.source


def _part(member: ExportedMember, stands_for: str, models: int, kind: Format) -> Part:
    assert member.structure_id is not None
    model = TabledModel(
        source=member.source,
        model_id=member.model_id,
        task=member.task,
        base_name_simple=member.base_name_simple,
        structure_id=member.structure_id,
    )
    file = table_path(member.source, member.task, member.model_id, kind).as_posix()
    return Part(model, FileLine(file, member.source, member.model_id, stands_for, models))


def _family_line(member: ExportedMember) -> FamilyLine:
    return FamilyLine(**{field.name: getattr(member, field.name) for field in fields(FamilyLine)})


def _write_parts(store: Store, folder: Path, parts: Sequence[Part], kind: Format, progress: Progress) -> int:
    """Write tables and their index, remove what an earlier export wrote and this one does not, and return how many.

    While tables are being written, the index names the earlier and the new ones, so that an export that is killed
    leaves no file that the next one does not know.
    """
    lines = [part.line for part in parts]
    stale = _own_files(folder) - {line.file for line in lines}
    _write_list(folder / _INDEX, FileLine, [*lines, *(FileLine(file, "", "", "", 0) for file in sorted(stale))])
    with progress.track(folder.name, len(parts)) as track:
        for part in parts:
            write_module_table(store, part.model, folder / part.line.file, kind)
            track.advance(part.model.model_id)
    removed = sum(_remove(folder, file) for file in sorted(stale))
    _write_list(folder / _INDEX, FileLine, lines)
    return removed


def _own_files(folder: Path) -> set[str]:
    """Return the files that the index of an earlier export names; none where there is no such index."""
    index = folder / _INDEX
    if not index.is_file():
        return set()
    with index.open(encoding="utf-8", errors="replace", newline="") as text:
        rows = csv.DictReader(text)
        try:
            written_here = rows.fieldnames == [field.name for field in fields(FileLine)]
            return {row["file"] for row in rows if _OWN_FILE.fullmatch(row["file"] or "")} if written_here else set()
        except csv.Error:  # a cell longer than the reader's limit: not what is written here
            return set()


def _remove(folder: Path, file: str) -> bool:
    """Remove a file and return whether it was there; what a link leads to outside the folder stays."""
    path = folder / file
    inside = path.resolve().is_relative_to(folder.resolve())
    if not inside or path.is_symlink() or not path.is_file():
        return False
    path.unlink()
    return True


def _write_list(target: Path, row: type, lines: Sequence[Any]) -> None:
    """Write rows of one dataclass as CSV, text made safe for a spreadsheet, None as an empty cell."""
    import pyarrow

    columns = list(zip(*map(astuple, lines), strict=True)) or [()] * len(fields(row))
    cells = {
        field.name: [spreadsheet_safe(value, _LONGEST_CELL) if isinstance(value, str) else value for value in column]
        for field, column in zip(fields(row), columns, strict=True)
    }
    write_table(pyarrow.table(cells), target, "csv")
