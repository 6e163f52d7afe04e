"""Which code made a report, by the part of it that the code makes, so that a test can say what is out of date.

A part is a section, a set of pages, an export, or `writer`: what all of them go through. Its fingerprint covers the
text of its queries and of every module that it reaches; lines that hold a comment alone do not count.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from analysis.exports import EXPORTS
from analysis.inputs import PACKAGES, ROOT
from analysis.pages import PAGES
from analysis.sections import SECTIONS
from store import Query
from store.provenance import content_hash

_WRITER_MODULES = ("analysis.markdown", "analysis.tabular", "analysis.figures.render")
# Reaches every section by its imports, and is no part of any.
_BUILD = Path(__file__).parent / "build.py"
_TEMPLATES = Path(__file__).parent / "templates"
_COMMENT_MARKS = ("#", "--")


@dataclass(frozen=True)
class Stale:
    """A part that the code of today would make otherwise."""

    part: str
    why: str


def fingerprints() -> dict[str, str]:
    """Return the fingerprint of the code of every part by the part's name, such as `section damage`."""
    found = {f"section {each.name}": _fingerprint(each.render, each.queries) for each in SECTIONS}
    found |= {f"pages {each.name}": _fingerprint(each.pages, each.queries) for each in PAGES}
    found |= {f"export {each.name}": _fingerprint(each.files, each.queries) for each in EXPORTS}
    reached = {path for name in _WRITER_MODULES for path in reached_files(name)}
    return {
        **found,
        "writer": _hash_of({*reached, _BUILD, *(path for path in _TEMPLATES.rglob("*") if path.is_file())}),
    }


def stale_parts(recorded: Mapping[str, str], today: Mapping[str, str]) -> list[Stale]:
    """Return the parts whose code changed since it was recorded, those that are new and those that are no more."""
    changed = [Stale(name, "its code changed") for name in today if recorded.get(name, today[name]) != today[name]]
    new = [Stale(name, "it is new") for name in today if name not in recorded]
    gone = [Stale(name, "it is no more") for name in recorded if name not in today]
    return sorted([*changed, *new, *gone], key=lambda stale: stale.part)


@cache
def reached_files(module: str) -> frozenset[Path]:
    """Return the source files of a module and of all that it imports, wherever in it, from the report's packages."""
    reached: set[Path] = set()
    waiting = [_file_of(module)]
    while waiting:
        path = waiting.pop()
        if path is None or path in reached:
            continue
        reached.add(path)
        waiting += _imported_files(path)
    return frozenset(reached)


def _fingerprint(function: Callable[..., Any], queries: Iterable[Query[Any]]) -> str:
    return _hash_of({*reached_files(function.__module__), *(query.path for query in queries)})


def _hash_of(paths: Iterable[Path]) -> str:
    return content_hash({str(path.relative_to(ROOT)): _lines(path) for path in sorted(paths)})


def _lines(path: Path) -> list[str]:
    lines = (line.rstrip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.lstrip().startswith(_COMMENT_MARKS)]


@cache
def _imported_files(path: Path) -> frozenset[Path]:
    """Return the source files that a file imports from the report's packages."""
    return frozenset(found for name in _imports(path) if (found := _file_of(name)) is not None)


def _imports(path: Path) -> list[str]:
    """Return the names of all that a file imports; of `from a import b` both `a` and `a.b`."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def _file_of(module: str) -> Path | None:
    """Return the file of a module of the report's packages; None for others, for packages and for names in a module."""
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    return path if any(package in path.parents for package in PACKAGES) and path.is_file() else None
