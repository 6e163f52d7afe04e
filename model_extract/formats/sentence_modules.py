"""modules.json of a sentence-transformers model: the modules that its input passes through, in order.

https://sbert.net/docs/sentence_transformer/usage/custom_models.html
"""

import re
from dataclasses import dataclass
from typing import Any

from model_extract.failures import UnreadableError
from model_extract.formats.json_bytes import JsonRules, parse_json

MAX_FILE_BYTES = 1_000_000
_MOST_MODULES = 100
_RULES = JsonRules("modules.json", MAX_FILE_BYTES, malformed="bad_config", too_big="config_too_big")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_CLASS = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}(\.[A-Za-z_][A-Za-z0-9_]{0,99}){1,9}")
_LIBRARY = "sentence_transformers."


@dataclass(frozen=True)
class SentenceModule:
    """One module: its number and name, its folder ("" = the repository itself) and the full name of its class."""

    idx: int
    name: str
    path: str
    type: str


def parse_modules(content: bytes) -> tuple[SentenceModule, ...]:
    """Return the modules in the order of the file, which is that of computing.

    Raises `UnreadableError` with `bad_config`, `config_too_big`, or `remote_code` for a class from elsewhere.
    """
    entries = parse_json(content, _RULES)
    if not isinstance(entries, list) or not 0 < len(entries) <= _MOST_MODULES:
        raise _bad(f"modules.json: expected a list of 1 to {_MOST_MODULES} modules")
    modules = tuple(_module(entry) for entry in entries)
    if len({module.idx for module in modules}) < len(modules):
        raise _bad("modules.json: two modules have one number")
    return modules


def _module(entry: Any) -> SentenceModule:
    match entry:
        case {"idx": int(idx), "name": str(name), "path": str(path), "type": str(kind)} if not isinstance(idx, bool):
            _check(name, path, kind)
            return SentenceModule(idx, name, path, kind)
        case _:
            raise _bad("modules.json: expected idx, name, path and type of each module")


def _check(name: str, path: str, kind: str) -> None:
    if not _NAME.fullmatch(name):
        raise _bad(f"{name[:200]!r} is no plain name of a module")
    if path and not _NAME.fullmatch(path):
        raise _bad(f"{path[:200]!r} is no plain name of a folder")
    if not _CLASS.fullmatch(kind):
        raise _bad(f"{kind[:200]!r} is no full name of a class")
    if not kind.startswith(_LIBRARY):
        raise UnreadableError("remote_code", f"{kind} is none of the library's modules")


def _bad(detail: str) -> UnreadableError:
    return UnreadableError("bad_config", detail)
