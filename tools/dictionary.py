"""Writes docs/DATA_DICTIONARY.md from store/schema.sql: `python -m tools.dictionary`."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCHEMA_FILE = ROOT / "store" / "schema.sql"
DICTIONARY_FILE = ROOT / "docs" / "DATA_DICTIONARY.md"

_TITLE = re.compile(r"^-- (?P<kind>table|view) (?P<name>\w+): (?P<meaning>.+)$", re.MULTILINE)
_COLUMN = re.compile(r"^ {4}(?P<name>\w+) +(?P<type>[A-Z]+(?:\[\])?)(?P<required> NOT NULL)?,? +-- (?P<meaning>.+)$")


@dataclass(frozen=True)
class Column:
    """A column as the schema describes it."""

    name: str
    type: str
    required: bool
    meaning: str


@dataclass(frozen=True)
class Relation:
    """A table or view; a view has no columns of its own here."""

    kind: str
    name: str
    meaning: str
    columns: tuple[Column, ...]


def read_schema(sql: str) -> tuple[Relation, ...]:
    """Return the relations of a schema in their order. A column without a meaning raises `ValueError`."""
    titles = list(_TITLE.finditer(sql))
    ends = [*(title.start() for title in titles[1:]), len(sql)]
    return tuple(_relation(title, sql[title.end() : end]) for title, end in zip(titles, ends, strict=True))


def _relation(title: re.Match[str], body: str) -> Relation:
    columns = _columns(body) if title["kind"] == "table" else ()
    return Relation(title["kind"], title["name"], title["meaning"], columns)


def _columns(body: str) -> tuple[Column, ...]:
    lines = body.split("(\n", 1)[1].split("\n);", 1)[0].splitlines()
    matches = [(line, _COLUMN.match(line)) for line in lines]
    for line, match in matches:
        if match is None:
            raise ValueError(f"expected `    name TYPE [NOT NULL], -- meaning`, got {line!r}")
    found = [match for _, match in matches if match is not None]
    return tuple(Column(match["name"], match["type"], bool(match["required"]), match["meaning"]) for match in found)


def dictionary_text(relations: tuple[Relation, ...]) -> str:
    """Return the data dictionary as markdown."""
    parts = ["# Data dictionary\n\nWritten from `store/schema.sql` by `python -m tools.dictionary`.\n"]
    for relation in relations:
        parts.append(f"\n## {relation.name}\n\nOne row of this {relation.kind} is {relation.meaning}.\n")
        if relation.columns:
            parts.append("\n| column | type | may be NULL | meaning |\n|---|---|---|---|\n")
        for column in relation.columns:
            null = "no" if column.required else "yes"
            parts.append(f"| `{column.name}` | {column.type} | {null} | {column.meaning} |\n")
    return "".join(parts)


def main() -> None:
    """Write the file."""
    DICTIONARY_FILE.write_text(dictionary_text(read_schema(SCHEMA_FILE.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
