"""Four Merkle hashes of a canonical tree; docs/FINGERPRINTS.md has the definition and a worked example.

- `exact`: shapes and counts kept: same architecture, same size.
- `layout`: dimensions replaced by symbols in order of first use: same plan, any width.
- `family`: only the number of a parameter's dimensions, and the distinct members of each stack: same plan, any width,
  any depth. Which dimensions are equal does not count here, or multi-head and grouped-query attention would be two
  families.
- `body`: the family level of the body alone, without kinds and without order, which a tensor header does not tell: the
  two views of a model meet here.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import groupby
from typing import Literal

from data_processing.trees.bodies import find_body
from data_processing.trees.canonical import ROOT, Node, Tree, children_of

HASH_VERSION = 2
HASH_BYTES = 16

Level = Literal["exact", "layout", "family", "body"]


@dataclass(frozen=True)
class Fingerprints:
    """The hashes of one structure, 32 hex digits each."""

    exact: str
    layout: str
    family: str
    body: str


def fingerprints(tree: Tree) -> Fingerprints:
    """Return the four hashes of a tree."""
    children = children_of(tree)
    symbols = _dimension_symbols(tree)
    return Fingerprints(
        exact=_merkle(tree, children, "exact", [_exact_label(node) for node in tree])[ROOT],
        layout=_merkle(tree, children, "layout", [_layout_label(node, symbols) for node in tree])[ROOT],
        family=_merkle(tree, children, "family", [_family_label(node) for node in tree])[ROOT],
        body=_merkle(tree, children, "body", [_rank_label(node) for node in tree])[find_body(tree)],
    )


def _merkle(tree: Tree, children: Sequence[Sequence[int]], level: Level, labels: Sequence[str]) -> list[str]:
    """Return every module's hash over its label and its children's hashes."""
    parts_of = _PARTS[level]
    digests = [""] * len(tree)
    for index in range(len(tree) - 1, -1, -1):
        members = [(tree[child], digests[child]) for child in children[index]]
        digests[index] = _digest(level, labels[index], tuple(parts_of(members)) if members else ())
    return digests


@lru_cache(maxsize=1 << 16)  # most modules of most models are the same few
def _digest(level: Level, label: str, parts: tuple[str, ...]) -> str:
    text = json.dumps([HASH_VERSION, level, label, parts], separators=(",", ":"))
    return blake2b(text.encode("utf-8"), digest_size=HASH_BYTES).hexdigest()


def _counted_parts(members: Iterable[tuple[Node, str]]) -> list[str]:
    """Return "hash*count" for each run of equal siblings, whether a container numbers them or not."""
    return [
        f"{digest}*{sum(node.repeats for node, _ in run)}"
        for digest, run in groupby(members, key=lambda member: member[1])
    ]


def _distinct_parts(members: Sequence[tuple[Node, str]]) -> list[str]:
    """Return the counted runs of named siblings; numbered siblings count once each plan, in order of first use."""
    named = [member for member in members if not member[0].numbered]
    numbered = dict.fromkeys(digest for node, digest in members if node.numbered)
    return [*_counted_parts(named), *(f"{digest}*n" for digest in numbered)]


def _unordered_parts(members: Sequence[tuple[Node, str]]) -> list[str]:
    """Return what `_distinct_parts` does, in order of the hashes."""
    return sorted(_distinct_parts(sorted(members, key=lambda member: member[1])))


_PARTS: Mapping[Level, Callable[[Sequence[tuple[Node, str]]], list[str]]] = {
    "exact": _counted_parts,
    "layout": _counted_parts,
    "family": _distinct_parts,
    "body": _unordered_parts,
}


def _dimension_symbols(tree: Tree) -> dict[int, int]:
    """Number the sizes of dimensions in the order in which the tree first uses them."""
    symbols: dict[int, int] = {}
    for node in tree:
        for parameter in node.parameters:
            for size in parameter.shape:
                symbols.setdefault(size, len(symbols))
    return symbols


def _exact_label(node: Node) -> str:
    if node.kind:
        return _library_label(node, [",".join(map(str, parameter.shape)) for parameter in node.parameters])
    shapes = sorted(parameter.shape for parameter in node.parameters)
    return " ".join("[" + ",".join(map(str, shape)) + "]" for shape in shapes)


def _layout_label(node: Node, symbols: dict[int, int]) -> str:
    texts = [",".join(f"d{symbols[size]}" for size in parameter.shape) for parameter in node.parameters]
    return _library_label(node, texts) if node.kind else " ".join(f"[{text}]" for text in texts)


def _family_label(node: Node) -> str:
    return _library_label(node, _ranks(node)) if node.kind else _rank_label(node)


def _rank_label(node: Node) -> str:
    return " ".join(f"[{rank}]" for rank in _ranks(node))


def _ranks(node: Node) -> list[str]:
    return [str(len(parameter.shape)) for parameter in node.parameters]


def _library_label(node: Node, texts: Sequence[str]) -> str:
    pairs = zip(node.parameters, texts, strict=True)
    return f"{node.kind}(" + " ".join(f"{parameter.name}[{text}]" for parameter, text in pairs) + ")"
