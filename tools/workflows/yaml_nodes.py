"""YAML as GitHub reads it: the core schema of YAML 1.2 (`on` is a word, 010 is ten), with the line of everything."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml

from tools.workflows.errors import Place, WorkflowError, refuse

Scalar: TypeAlias = bool | float | str | None
NULLS = {"", "~", "null", "Null", "NULL"}
TRUE = {"true", "True", "TRUE"}
FALSE = {"false", "False", "FALSE"}
INTEGER = re.compile(r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+")
NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@dataclass(frozen=True)
class Node:
    """A value and its place; a value of a mapping stands where its key stands."""

    value: "Scalar | dict[str, Node] | list[Node]"
    place: Place

    def mapping(self, what: str) -> "dict[str, Node]":
        """Return the entries; nothing counts as none."""
        if self.value is None:
            return {}
        if not isinstance(self.value, dict):
            raise refuse(self.place, f"{what}: expected a mapping, got {kind(self.value)}")
        return self.value

    def fields(self, what: str, known: Collection[str]) -> "dict[str, Node]":
        """Return the entries, none of which is outside `known`."""
        entries = self.mapping(what)
        for key, node in entries.items():
            if key not in known:
                raise refuse(node.place, f"{what}: unknown key {key!r}, expected one of {', '.join(sorted(known))}")
        return entries

    def field(self, what: str, known: Collection[str], key: str) -> "Node":
        """Return one entry that has to be there."""
        entries = self.fields(what, known)
        if key not in entries:
            raise refuse(self.place, f"{what}: expected a key {key!r}")
        return entries[key]

    def items(self, what: str) -> "list[Node]":
        """Return the entries of a sequence; a scalar counts as a sequence of itself."""
        if isinstance(self.value, dict):
            raise refuse(self.place, f"{what}: expected a sequence, got a mapping")
        return self.value if isinstance(self.value, list) else [self]

    def word(self, what: str) -> str:
        """Return a text that is not empty and has no expression."""
        if not isinstance(self.value, str) or not self.value or "${{" in self.value:
            raise refuse(self.place, f"{what}: expected a text without an expression, got {self.value!r:.80}")
        return self.value


def kind(value: object) -> str:
    """Name a value's kind in an error."""
    names = {dict: "a mapping", list: "a sequence", str: "a text", bool: "a boolean", float: "a number"}
    return names.get(type(value), "nothing")


class PlainComposer(yaml.SafeLoader):
    """Builds nodes and refuses aliases: a workflow says what it does where it does it."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose one node."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases are not supported", problem_mark=self.peek_event().start_mark)
        return super().compose_node(parent, index)


def read_yaml(path: Path) -> Node:
    """Return the one document of a file."""
    try:
        root = PlainComposer(path.read_text(encoding="utf-8")).get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise refuse(Place(path, line), f"not YAML: {error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError, RecursionError) as error:
        raise WorkflowError(f"{path}: {error}") from None
    if root is None:
        raise refuse(Place(path, 1), "the file is empty")
    return converted(root, Place(path, 1))


def converted(node: yaml.Node, place: Place) -> Node:
    """Turn what PyYAML composed into values with places."""
    if isinstance(node, yaml.MappingNode):
        return Node(entries_of(node, place.file), place)
    if isinstance(node, yaml.SequenceNode):
        return Node([converted(item, place_of(item, place.file)) for item in node.value], place)
    if node.tag not in yaml.SafeLoader.yaml_constructors and not node.tag.startswith("tag:yaml.org"):
        raise refuse(place, f"unknown tag {node.tag!r}")
    plain = isinstance(node, yaml.ScalarNode) and node.style is None
    return Node(resolved(node.value) if plain else node.value, place)


def entries_of(node: yaml.MappingNode, file: Path) -> dict[str, Node]:
    """Return a mapping's entries; a key may stand once."""
    entries: dict[str, Node] = {}
    for key, value in node.value:
        place = place_of(key, file)
        if not isinstance(key, yaml.ScalarNode) or key.value in {*entries, "<<"}:
            raise refuse(place, f"expected a plain key that stands once, got {key.value!r:.80}")
        entries[key.value] = converted(value, place)
    return entries


def place_of(node: yaml.Node, file: Path) -> Place:
    """Return where a node begins."""
    return Place(file, node.start_mark.line + 1)


def resolved(text: str) -> Scalar:
    """Return the value of a scalar without quotes."""
    if text in NULLS:
        return None
    if text in TRUE or text in FALSE:
        return text in TRUE
    if INTEGER.fullmatch(text):
        return float(int(text, 0) if text[:2] in {"0x", "0o"} else int(text))
    return float(text) if NUMBER.fullmatch(text) else text
