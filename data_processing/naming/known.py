"""The names that stand for a family: types of the installed transformers and the table `known_names.toml`."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from data_processing.naming.grammar import WORD, fold

_TABLE_FILE = Path(__file__).with_name("known_names.toml")
_NO_TYPES = ("auto", "__pycache__", "deprecated")
_EMPTY_NAME = "unnamed"


@dataclass(frozen=True)
class KnownNames:
    """Names that stand for a family; every key is lower case without separators."""

    families: Mapping[str, str]  # "xlmroberta" -> "xlm-roberta", aliases included
    compounds: tuple[str, ...]  # the best known first
    owners: Mapping[str, str]
    gguf_shared: Mapping[str, tuple[str, ...]]  # general.architecture -> families that GGUF files write as it


def known_names(model_types: Iterable[str] = ()) -> KnownNames:
    """Return the names to look for: types that the installed transformers has, `model_types`, and the table.

    A type from outside never takes the place of an installed one or of the table's.
    """
    types = {squeeze(name): type_base_name(name) for name in sorted(model_types)}
    table = _table()
    families = {key: value for key, value in types.items() if key} | installed_names()
    families |= table["aliases"] | table["published"]
    shared = {name: tuple(families) for name, families in table["gguf_shared"].items()}
    return KnownNames(families, tuple(table["compounds"]), table["owners"], shared)


def installed_names() -> dict[str, str]:
    """Return the types of the installed transformers alone, as `KnownNames.families` has them."""
    return {squeeze(name): type_base_name(name) for name in _installed_types()}


def alias_keys() -> tuple[str, ...]:
    """Return the keys of the table that stand for a family of another name, in its order."""
    return (*_table()["aliases"], *_table()["published"])


def type_base_name(model_type: str) -> str:
    """Return the base name that a config's model_type stands for: xlm_roberta -> xlm-roberta."""
    return fold(model_type).replace("_", "-").strip("-") or _EMPTY_NAME


def prominence(base_name: str, known: KnownNames) -> int:
    """Return the place of a base name in the list of families that others are built from; greater = less known."""
    name = squeeze(base_name)
    return known.compounds.index(name) if name in known.compounds else len(known.compounds)


def squeeze(name: str) -> str:
    """Return a name as the keys of `KnownNames` are written: lower case without separators."""
    return "".join(WORD.findall(fold(name)))


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(_TABLE_FILE.read_text(encoding="utf-8"))


@cache
def _installed_types() -> tuple[str, ...]:
    """Return the folder names of transformers' models: the list of types without the second that an import costs."""
    spec = find_spec("transformers")
    if spec is None or spec.origin is None:
        return ()
    folder = Path(spec.origin).parent / "models"
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name not in _NO_TYPES))
