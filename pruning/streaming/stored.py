"""The safetensors of a checkpoint, sharded or not: which tensor lies in which file, read and written in pieces."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pruning.errors import UnsupportedModelError
from pruning.json_file import read_object

if TYPE_CHECKING:
    import torch

_WHOLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"


class StoredTensors:
    """The tensors of a folder by name. Raises `UsageError` for an index or a file that is none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = _files_by_name(folder)

    @property
    def names(self) -> frozenset[str]:
        """Return the names of all tensors."""
        return frozenset(self._files)

    def read(self, names: Iterable[str]) -> dict[str, "torch.Tensor"]:
        """Return tensors as they are stored, in memory of their own; the files are closed again."""
        from safetensors import safe_open

        wanted: dict[str, list[str]] = {}
        for name in names:
            wanted.setdefault(self._files[name], []).append(name)
        found = {}
        for file, inside in wanted.items():
            with safe_open(self._folder / file, "pt") as stream:
                found.update({name: stream.get_tensor(name).clone() for name in inside})
        return found


class ShardWriter:
    """Writes the shards of a new checkpoint one by one, and at the end the index that names them."""

    def __init__(self, folder: Path, shards: int) -> None:
        self._folder = folder
        self._shards = shards
        self._files: dict[str, str] = {}
        self._written = 0
        self._bytes = 0

    def write(self, tensors: Mapping[str, "torch.Tensor"]) -> None:
        """Write the next shard."""
        from safetensors.torch import save_file

        self._written += 1
        file = f"model-{self._written:05d}-of-{self._shards:05d}.safetensors"
        save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, self._folder / file)
        self._files.update(dict.fromkeys(tensors, file))
        self._bytes += sum(tensor.nbytes for tensor in tensors.values())

    def finish(self) -> None:
        """Write the index, when all shards are there."""
        assert self._written == self._shards
        index = {"metadata": {"total_size": self._bytes}, "weight_map": dict(sorted(self._files.items()))}
        (self._folder / _INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _files_by_name(folder: Path) -> dict[str, str]:
    from safetensors import SafetensorError, safe_open

    try:
        if not (folder / _INDEX).is_file():
            with safe_open(folder / _WHOLE, "pt") as stream:
                return dict.fromkeys(stream.keys(), _WHOLE)
    except (OSError, SafetensorError) as error:
        raise UsageError(f"expected {_WHOLE} or {_INDEX} in {str(folder)!r}: {error}") from error
    files = read_object(folder / _INDEX).get("weight_map")
    if not isinstance(files, dict) or not all(isinstance(file, str) and _is_beside(file) for file in files.values()):
        raise UnsupportedModelError(f"{folder.name}: expected files of the folder itself in {_INDEX}")
    return files


def _is_beside(file: str) -> bool:
    return Path(file).name == file and file.endswith(".safetensors")
