"""The index of a model in several weight files, model.safetensors.index.json: which file holds which tensor.

Written by `save_pretrained`: https://huggingface.co/docs/transformers/big_models
"""

import re
from dataclasses import dataclass
from typing import Any

from model_extract.failures import UnreadableError
from model_extract.formats.json_bytes import JsonRules, parse_object
from model_extract.formats.tensors import MAX_ELEMENTS, MAX_NAME_LENGTH, MAX_TENSORS

MAX_INDEX_BYTES = 25_000_000
_MOST_FILES = 2000
_RULES = JsonRules("the index", MAX_INDEX_BYTES, malformed="bad_header", too_big="header_too_big")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt")
# A plain name in the model's own folder: nothing in it can lead elsewhere.
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}\.safetensors")


@dataclass(frozen=True)
class ShardIndex:
    """Tensor name -> file name, and the distinct file names, sorted; `total_size` in bytes as stated, None = not."""

    weight_map: dict[str, str]
    files: tuple[str, ...]
    total_size: int | None


def parse_index(content: bytes) -> ShardIndex:
    """Return what an index says.

    Raises `UnreadableError` with `bad_header`, `header_too_big`, `pickle_only` for pickled weights, or `no_weights` for
    an index that lists none.
    """
    document = parse_object(content, _RULES)
    weight_map = _checked_map(document.get("weight_map"))
    files = tuple(sorted(set(weight_map.values())))
    _check_files(files)
    return ShardIndex(weight_map, files, _total_size(document.get("metadata")))


def _checked_map(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value.values()):
        raise _bad("weight_map: expected an object of file names")
    if not value:
        raise UnreadableError("no_weights", "the index lists no tensors")
    if len(value) > MAX_TENSORS or max(map(len, value)) > MAX_NAME_LENGTH:
        raise _bad(f"more than {MAX_TENSORS:,} tensors, or a name of more than {MAX_NAME_LENGTH:,} characters")
    return value


def _check_files(files: tuple[str, ...]) -> None:
    if len(files) > _MOST_FILES:
        raise _bad(f"{len(files):,} files; the limit is {_MOST_FILES:,}")
    pickled = next((name for name in files if name.endswith(_PICKLES)), None)
    if pickled is not None:
        raise UnreadableError("pickle_only", f"{pickled[:200]!r} is pickled; pickles are never opened")
    wrong = next((name for name in files if not _FILE_NAME.fullmatch(name)), None)
    if wrong is not None:
        raise _bad(f"{wrong[:200]!r} is no plain name of a safetensors file")


def _total_size(metadata: Any) -> int | None:
    value = metadata.get("total_size") if isinstance(metadata, dict) else None
    # Some writers count in floating point; one real index states 10**71 bytes.
    return int(value) if isinstance(value, int | float) and 0 <= value <= MAX_ELEMENTS else None


def _bad(detail: str) -> UnreadableError:
    return UnreadableError("bad_header", detail)
