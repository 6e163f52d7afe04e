"""The distances over all blocks of layers of a model, as a value and as a JSON file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pipeline.inference import without_dropout
from pruning.adapters.find import find_adapter
from pruning.depth.output import write_file
from pruning.errors import UnsupportedModelError
from pruning.json_file import read_object
from pruning.redundancy.blocks import BlockDistance, block_distances
from pruning.redundancy.distances import DISTANCES
from pruning.texts.windows import token_windows

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FORMAT = "arborist depth scores 1"
_FIELDS = ("format", "model", "distance", "layers", "values")


@dataclass(frozen=True)
class DepthScores:
    """`values[n - 1][s]` is the distance over the n layers that begin with layer s, for n = 1 ... layers - 1.

    Each is at least 0 and finite, in the unit of the distance. `model` is the name under which it was measured.
    Raises `UsageError` for anything else.
    """

    model: str
    distance: str
    layers: int
    values: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        """Check the shape and the numbers."""
        DISTANCES[self.distance]
        if self.layers < 2:
            raise UsageError(f"depth scores: expected at least 2 layers, got {self.layers}")
        if len(self.values) != self.layers - 1:
            raise UsageError(
                f"depth scores: expected {self.layers - 1} rows for {self.layers} layers, got {len(self.values)}"
            )
        for size, row in enumerate(self.values, start=1):
            _check_row(row, size, self.layers)

    def blocks(self, size: int) -> tuple[BlockDistance, ...]:
        """Return the blocks of `size` layers by their start. Raises `UsageError` for a size that no block has."""
        check_size(size, self.layers)
        return tuple(BlockDistance(start, size, value) for start, value in enumerate(self.values[size - 1]))

    def save(self, path: Path | str, *, overwrite: bool = False) -> None:
        """Write the scores as JSON. Raises `UsageError` when a file is there already or cannot be written."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1)
        write_file(Path(path), text.encode(), overwrite=overwrite)

    @classmethod
    def load(cls, path: Path | str) -> "DepthScores":
        """Read scores from a file that `save` wrote. Raises `UsageError` saying what is wrong with it."""
        found = read_object(Path(path))
        try:
            return _read(found)
        except UsageError as error:
            raise UsageError(f"{str(path)!r}: {error}") from error


def depth_scores(
    model: "PreTrainedModel",
    windows: Sequence[Sequence[int]],
    distance: str = "angular-last",
    *,
    name: str | None = None,
) -> DepthScores:
    """Return the distances over all blocks of a model's main stack, from one forward a window of token ids.

    `name` is what the scores call the model; None = the name of its class. Raises `UsageError` for a distance that does
    not exist and `PruningError` for a model or a text that does not fit.
    """
    record, adapter = DISTANCES[distance], find_adapter(model)
    total = len(adapter.layers)
    if total < 2 or adapter.inputs != ("input_ids",) or adapter.main.crossed or adapter.main.shares_layers:
        raise UnsupportedModelError(
            f"{adapter.model_class}: expected a model that reads text with one stack of at least two layers of their "
            f"own; it reads {', '.join(adapter.inputs)} with {total} layers in {adapter.stack}"
        )
    with without_dropout(model):
        found = block_distances(model, adapter, token_windows(model, windows), record)
    rows = ((block.value for block in found if block.layers == size) for size in range(1, total))
    return DepthScores(name or adapter.model_class, record.name, total, tuple(map(tuple, rows)))


def check_size(size: int, layers: int) -> None:
    """Raise `UsageError` unless a block of `size` layers can be cut from `layers` and leave one."""
    if not 1 <= size < layers:
        raise UsageError(f"--layers: expected 1 to {layers - 1} of {layers} layers, got {size}")


def _read(found: dict[str, Any]) -> DepthScores:
    odd = sorted({*found} ^ {*_FIELDS})
    if odd:
        raise UsageError(f"depth scores: expected the fields {', '.join(_FIELDS)}; missing or unknown: {odd[0]!r}")
    if found["format"] != FORMAT:
        raise UsageError(f"depth scores: expected format {FORMAT!r}, got {found['format']!r}")
    for name, kind in (("model", str), ("distance", str), ("layers", int), ("values", list)):
        if type(found[name]) is not kind:
            raise UsageError(f"depth scores: expected {kind.__name__} as {name!r}, got {type(found[name]).__name__}")
    lists = [row if isinstance(row, list) else [row] for row in found["values"]]
    return DepthScores(found["model"], found["distance"], found["layers"], tuple(map(tuple, lists)))


def _check_row(row: Sequence[Any], size: int, layers: int) -> None:
    if len(row) != layers - size + 1:
        raise UsageError(
            f"depth scores: expected {layers - size + 1} blocks of {size} of {layers} layers, got {len(row)}"
        )
    for start, value in enumerate(row):
        if type(value) not in (int, float) or not isfinite(value) or value < 0:
            raise UsageError(
                f"depth scores: expected a number of at least 0 for {size} layers from {start}, got {value!r}"
            )
