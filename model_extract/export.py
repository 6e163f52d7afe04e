"""`python -m model_extract export`: every model's modules as a table of its own, in the layout of the earlier miner.

Runs of equal siblings are written out: a row is a module of `named_modules()`. Columns: METHODS 1.
"""

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hub import valid_id
from pipeline.progress import Progress
from pipeline.text import spreadsheet_safe
from store import Query, Store

if TYPE_CHECKING:
    import pyarrow

Format = Literal["csv", "parquet"]
QUERIES = Path(__file__).resolve().parent / "queries"
COLUMNS = (
    "Layer Name", "Layer Type", "Input Shape", "Output Shape", "Block", "Parameters", "Model ID", "Base Model Name",
    "Task",
)  # fmt: skip
_FOLDER_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")
_RUN = re.compile(r"(\d+)-(\d+)")


@dataclass(frozen=True)
class ExportedModel:
    """A model that has a structure."""

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


EXPORTED_MODELS = Query(QUERIES / "exported_models.sql", ExportedModel)
FOLDED_MODULES = Query(QUERIES / "folded_modules.sql", FoldedModule)


def export(store: Store, folder: Path, kind: Format, progress: Progress) -> int:
    """Write a file a model below `folder`/SOURCE/TASK/ and return how many."""
    models = store.fetch(EXPORTED_MODELS)
    with progress.track("export", len(models)) as track:
        for model in models:
            target = folder / model.source / _task_folder(model.task) / f"{file_name(model.model_id)}.{kind}"
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(_table(model, store.fetch(FOLDED_MODULES, structure=model.structure_id), kind), target, kind)
            track.advance(model.model_id)
    return len(models)


def file_name(model_id: str) -> str:
    """Return a name for a model's file: OWNER--NAME for a regular id, a hash for any other text."""
    if valid_id(model_id):
        return model_id.replace("/", "--")
    return blake2b(model_id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def written_out(modules: Sequence[FoldedModule]) -> Iterator[tuple[str, FoldedModule]]:
    """Yield every module of `named_modules()` in its order, with the row that stands for it."""
    children: dict[str | None, list[FoldedModule]] = defaultdict(list)
    for module in modules:
        children[module.parent].append(module)

    def below(parent: str | None, prefix: str) -> Iterator[tuple[str, FoldedModule]]:
        for module in children[parent]:
            for number in _numbers(module.path.rpartition(".")[2]):
                name = f"{prefix}.{number}" if prefix else number
                yield name, module
                yield from below(module.path, name)

    return below(None, "")


def _numbers(part: str) -> list[str]:
    match = _RUN.fullmatch(part)
    return [str(number) for number in range(int(match[1]), int(match[2]) + 1)] if match else [part]


def _task_folder(task: str | None) -> str:
    return task if task and _FOLDER_NAME.fullmatch(task) else "other"


def _table(model: ExportedModel, modules: list[FoldedModule], kind: Format) -> "pyarrow.Table":
    import pyarrow

    safe = spreadsheet_safe if kind == "csv" else str
    about = (safe(model.model_id), safe(model.base_name_simple or ""), safe(model.task or ""))
    rows = [
        (safe(name), module.class_name, module.input_shape, module.output_shape, module.block, count, *about)
        for name, module in written_out(modules)
        for count in [_parameters(json.loads(module.parameter_shapes))]
    ]
    columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    return pyarrow.table(dict(zip(COLUMNS, map(list, columns), strict=True)))


def _parameters(shapes: Mapping[str, list[int]]) -> int:
    return sum(math.prod(shape) for shape in shapes.values())


def _write(table: "pyarrow.Table", target: Path, kind: Format) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    part = target.with_name(f".{target.name}.part")
    if kind == "csv":
        pyarrow.csv.write_csv(table, part)
    else:
        pyarrow.parquet.write_table(table, part)
    part.replace(target)
