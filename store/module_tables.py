"""A model's modules as a table of its own, in the layout of the earlier miner: what the exports of all stages share.

Runs of equal siblings are written out: a row is a module of `named_modules()`, the root left out unless it has
parameters of its own. Columns and blocks: METHODS 1.
"""

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from hub import valid_id
from pipeline.errors import StageError, UsageError
from pipeline.text import spreadsheet_safe
from store.database import Query, Store

if TYPE_CHECKING:
    import pyarrow

Format = Literal["csv", "parquet"]
COLUMNS = {
    "Layer Name": "string",
    "Layer Type": "string",
    "Input Shape": "string",
    "Output Shape": "string",
    "Block": "string",
    "Parameters": "int64",
    "Model ID": "string",
    "Base Model Name": "string",
    "Task": "string",
}
_FOLDER_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")
MOST_MODULES = 1_000_000
_RUN = re.compile(r"(\d+)-(\d+)")


class Folded(Protocol):
    """What writing a run of equal siblings out needs of its row."""

    @property
    def path(self) -> str: ...

    @property
    def parent(self) -> str | None: ...

    @property
    def repeats(self) -> int: ...


AnyFolded = TypeVar("AnyFolded", bound=Folded)


@dataclass(frozen=True)
class TabledModel:
    """A model that has a structure. None = the source did not say, or stage 2 has not parsed the name."""

    source: str
    model_id: str
    task: str | None
    base_name_simple: str | None
    structure_id: str


@dataclass(frozen=True)
class FoldedModule:
    """A row of the view `modules`."""

    path: str
    parent: str | None
    class_name: str
    block: str
    parameter_shapes: str
    repeats: int
    input_shape: str | None
    output_shape: str | None


FOLDED_MODULES = Query(Path(__file__).resolve().parent / "queries" / "folded_modules.sql", FoldedModule)


def write_module_table(store: Store, model: TabledModel, target: Path, kind: Format) -> None:
    """Write the modules of a model to a file, whole or not at all; folders are made as needed."""
    write_table(_module_table(model, store.fetch(FOLDED_MODULES, structure=model.structure_id), kind), target, kind)


def table_path(source: str, task: str | None, model_id: str, kind: Format) -> Path:
    """Return where a model's table stands in an export: SOURCE/TASK/FILE; `other` for a task that names no folder."""
    folder = task if task and _FOLDER_NAME.fullmatch(task) else "other"
    return Path(source, folder, f"{file_name(model_id)}.{kind}")


def file_name(model_id: str) -> str:
    """Return a name for a model's file: OWNER--NAME for a regular id, a hash for any other text.

    An id that has "--" itself counts as irregular, or `a/b` and `a--b` would be one file.
    """
    if valid_id(model_id) and "--" not in model_id:
        return model_id.replace("/", "--")
    return blake2b(model_id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def written_out(modules: Iterable[AnyFolded]) -> Iterator[tuple[str, AnyFolded]]:
    """Yield every module of `named_modules()` in its order, with the row that stands for it.

    The rows come in the order of their positions. Raises `StageError` for a structure of more than a million modules:
    stage 1 reads none such.
    """
    children: dict[str | None, list[AnyFolded]] = defaultdict(list)
    for module in modules:
        children[module.parent].append(module)
    waiting, seen = _members(children[None], ""), 0
    while waiting:
        name, module = waiting.pop()
        yield name, module
        seen += 1
        waiting += _members(children[module.path], f"{name}.")
        _check_number(seen + len(waiting))


def block_of_member(name: str, path: str, block: str) -> str:
    """Return the block of one member of a run: `block` of its folded path as it reads in its name.

    layers.0-11 is layers.3 for layers.3.mlp. The folded path and the name have the same number of parts.
    """
    parts, wanted = path.split("."), block.split(".")
    for start in range(len(parts) - len(wanted)):
        if parts[start : start + len(wanted)] == wanted:
            return ".".join(name.split(".")[start : start + len(wanted)])
    return block


def write_table(table: "pyarrow.Table", target: Path, kind: Format) -> None:
    """Write a table to a file, whole or not at all; folders are made as needed. Raises `OSError`."""
    import pyarrow.csv
    import pyarrow.parquet

    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        if kind == "csv":
            pyarrow.csv.write_csv(table, part)
        else:
            pyarrow.parquet.write_table(table, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def writing_below(folder: Path) -> Iterator[None]:
    """Turn what the file system refuses inside into a `UsageError` that names the folder."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(
            f"expected a folder that can be written, got {str(folder)!r}: {why}; name another folder or make room"
        ) from error


def _members(rows: Sequence[AnyFolded], prefix: str) -> list[tuple[str, AnyFolded]]:
    """Return the modules that some siblings' rows stand for, the last one first."""
    return [(f"{prefix}{part}", row) for row in reversed(rows) for part in reversed(_own_names(row))]


def _own_names(row: Folded) -> list[str]:
    """Return the last part of the name of each member; only a run's is a range (a key may be spelled 0-1 too)."""
    part = row.path.rpartition(".")[2]
    match = _RUN.fullmatch(part) if row.repeats > 1 else None
    if match is None:
        return [part]
    numbers = range(int(match[1]), int(match[2]) + 1)
    _check_number(len(numbers))
    return [str(number) for number in numbers]


def _check_number(modules: int) -> None:
    if modules > MOST_MODULES:
        raise StageError(f"expected at most {MOST_MODULES:,} modules in a structure, got {modules:,} or more")


def _module_table(model: TabledModel, modules: Sequence[FoldedModule], kind: Format) -> "pyarrow.Table":
    import pyarrow

    safe = spreadsheet_safe if kind == "csv" else str
    about = (safe(model.model_id), safe(model.base_name_simple or ""), safe(model.task or ""))
    parameters = {module.path: _parameters(json.loads(module.parameter_shapes)) for module in modules}
    rows = [
        (
            *(safe(name), safe(module.class_name), module.input_shape, module.output_shape),
            *(safe(block_of_member(name, module.path, module.block)), parameters[module.path], *about),
        )
        for name, module in written_out(modules)
    ]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in COLUMNS]
    schema = pyarrow.schema(list(COLUMNS.items()))
    return pyarrow.table(dict(zip(COLUMNS, columns, strict=True)), schema=schema)


def _parameters(shapes: Mapping[str, list[int]]) -> int:
    return sum(math.prod(shape) for shape in shapes.values())
