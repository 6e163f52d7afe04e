"""model_index.json of a diffusers pipeline: which component is built by which class of which library.

https://huggingface.co/docs/diffusers/using-diffusers/loading
"""

import re
from dataclasses import dataclass
from typing import Any

from model_extract.failures import UnreadableError
from model_extract.formats.json_bytes import JsonRules, parse_object

MAX_INDEX_BYTES = 1_000_000
_MOST_COMPONENTS = 100
_RULES = JsonRules("model_index.json", MAX_INDEX_BYTES, malformed="bad_config", too_big="config_too_big")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_LIBRARY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}(\.[A-Za-z_][A-Za-z0-9_]{0,99}){0,9}")


@dataclass(frozen=True)
class Pipeline:
    """The class of a pipeline and its components: name -> (library, class); None = left out on purpose.

    A component's name is also that of its folder. A library that is none of diffusers' own words for one names code in
    the repository, which is never run.
    """

    class_name: str
    components: dict[str, tuple[str, str] | None]


def parse_model_index(content: bytes) -> Pipeline:
    """Return what a model_index.json says.

    Raises `UnreadableError` with `bad_config`, `config_too_big`, or `remote_code` where the pipeline itself is code of
    the repository.
    """
    document = parse_object(content, _RULES)
    named = {name: value for name, value in document.items() if isinstance(value, list) and not name.startswith("_")}
    if len(named) > _MOST_COMPONENTS:
        raise _bad(f"{len(named):,} components; the limit is {_MOST_COMPONENTS}")
    class_name = _class_name(document.get("_class_name"))
    pairs = {name: value for name, value in named.items() if _is_pair(value)}
    return Pipeline(class_name, {name: _component(name, value) for name, value in pairs.items()})


def _class_name(value: Any) -> str:
    if isinstance(value, list):
        raise UnreadableError("remote_code", "the pipeline is defined by the repository's own code")
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise _bad(f"_class_name: expected a class name, got {_shown(value)}")
    return value


def _is_pair(value: list[Any]) -> bool:
    """Return whether a list names a component; other lists are settings of the pipeline, such as sizes of a latent."""
    return len(value) == 2 and all(part is None or isinstance(part, str) for part in value)


def _component(name: str, pair: list[Any]) -> tuple[str, str] | None:
    library, class_name = pair
    if not _NAME.fullmatch(name):
        raise _bad(f"{_shown(name)} is no name of a component")
    if library is None and class_name is None:
        return None
    if not (library and class_name and _LIBRARY.fullmatch(library) and _NAME.fullmatch(class_name)):
        raise _bad(f"{name}: expected a library and a class, got {_shown(pair)}")
    return library, class_name


def _shown(value: Any) -> str:
    return repr(value)[:200]


def _bad(detail: str) -> UnreadableError:
    return UnreadableError("bad_config", detail)
