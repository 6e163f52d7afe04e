"""What names and metadata tell of a model's family: `python -m benchmarks.bench_names --data ../shared/data`.

Compares groupings with the `model_type` and the class that public lists give for their ids, by the adjusted Rand index
(Hubert and Arabie 1985; 0 = chance, 1 = equal). All ids of an owner are in one half, by blake2b of the owner: what
`known_names.toml` holds was chosen on the tuning half alone. A third list, of August 2026, served no choice at all.
Ends with status 1 below `LEAST_BY_NAME` (against model_type on the test half: all ids, and at most 20 of an owner) or
below `LEAST_BY_METADATA` (test half and third list). `--support` counts for each entry of the table how many ids of the
tuning half it places, and how many of them have its type.
"""

import argparse
import csv
import gzip
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from data_processing.corpus import ModelRow
from data_processing.naming.grammar import WORD, fold
from data_processing.naming.known import KnownNames, alias_keys, installed_names, known_names, squeeze, type_base_name
from data_processing.naming.lineage import Evidence, name_models
from data_processing.naming.names import find_family, parse_name, simple_base_name
from model_extract.auto_classes import registered_types
from pipeline.settings import ROOT
from pipeline.text import printable

LEAST_BY_NAME = 0.60
LEAST_BY_METADATA = 0.85
LEAST_SUPPORT = 5
MOST_OF_ONE_OWNER = 20
_PLAIN = ModelRow("hub", "", "r", None, None, None, False, None, None, None, None)
_RELATIONS = ("finetune", "adapter", "merge", "quantized")
_NO_VALUE = ("", "?", "Unknown", "unknown", "Removed")


@dataclass(frozen=True)
class Listed:
    """A model as a public list has it; None = the list does not say."""

    model_id: str
    model_type: str | None
    architecture: str | None
    parents: tuple[str, ...]
    relation: str | None

    @property
    def owner(self) -> str:
        """The owner without case; an id without owner stands for itself."""
        return fold(self.model_id.rpartition("/")[0] or self.model_id)

    @property
    def half(self) -> str:
        """Tuning or test: the lowest bit of the owner's hash."""
        return ("tuning", "test")[blake2b(self.owner.encode(), digest_size=8).digest()[0] & 1]

    @property
    def type_name(self) -> str | None:
        """The declared type as a base name."""
        return type_base_name(self.model_type) if self.model_type else None

    @property
    def family(self) -> str | None:
        """The declared type, else the type of the class."""
        return self.type_name or (class_type(self.architecture) if self.architecture else None)


@cache
def class_type(architecture: str) -> str | None:
    """Return the type whose class this is in the tables of transformers; of several the longest that begins its name.

    This is the yardstick, so it does not use `naming.lineage.class_base_name`.
    """
    types = _types_by_class().get(architecture.lower(), set())
    begun = [name for name in types if architecture.lower().startswith(squeeze(name))]
    chosen = begun if len(types) > 1 else types
    return type_base_name(max(chosen, key=lambda name: (len(name), name))) if chosen else None


@cache
def _types_by_class() -> dict[str, set[str]]:
    from transformers.models.auto import modeling_auto

    types: dict[str, set[str]] = defaultdict(set)
    for table, entries in vars(modeling_auto).items():
        if table.startswith("MODEL_") and table.endswith("_MAPPING_NAMES"):
            for model_type, classes in entries.items():
                for name in [classes] if isinstance(classes, str) else classes:
                    types[name.lower()].add(model_type)
    return types


def union_list(data: Path) -> list[Listed]:
    """Return the union of public lists."""
    with gzip.open(data / "hub_metadata" / "hub_ids_union.csv.gz", "rt", encoding="utf-8") as lines:
        return [_of_union(row) for row in csv.DictReader(lines)]


def _of_union(row: dict[str, str]) -> Listed:
    parent, marked, _ = row["base_model"].partition(" (Merge)")
    declared = parent not in _NO_VALUE and fold(parent) != fold(row["id"])
    return Listed(
        model_id=row["id"],
        model_type=_value(row["model_type"]),
        architecture=_value(row["architecture"]),
        parents=(parent,) if declared else (),
        relation="merge" if marked else None,
    )


def _value(text: str) -> str | None:
    return None if text in _NO_VALUE else text


def tagged_list(path: Path) -> list[Listed]:
    """Return a list whose tags hold type and parents, as the Hub writes them from a model's config and card."""
    types = registered_types()
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [_of_tags(json.loads(line), types) for line in lines]


def _of_tags(row: dict[str, Any], types: Collection[str]) -> Listed:
    tags = row["tags"] or []
    found = [tag for tag in tags if tag in types]
    bases = [tag.removeprefix("base_model:") for tag in tags if tag.startswith("base_model:")]
    related = [base.partition(":") for base in bases if base.partition(":")[0] in _RELATIONS]
    certain = len(found) == 1 and row["library"] == "transformers"
    return Listed(
        model_id=row["id"],
        model_type=found[0] if certain else None,
        architecture=None,
        parents=tuple(sorted({base for _, _, base in related})),
        relation=related[0][0] if related else None,
    )


Rule = Callable[[str], str]


def rules(known: KnownNames) -> dict[str, Rule]:
    """Return the ways of grouping ids, the simplest first."""
    types = KnownNames(installed_names(), (), {}, {})
    no_owners = replace(known, owners={})
    return {
        "first token": _first_token,
        "the earlier miner's rule": simple_base_name,
        "longest known model_type": lambda model_id: parse_name(model_id, types).base_name,
        "ours": lambda model_id: parse_name(model_id, known).base_name,
        "ours, owners unknown": lambda model_id: parse_name(model_id, no_owners).base_name,
    }


def _first_token(model_id: str) -> str:
    words = WORD.findall(fold(model_id.rpartition("/")[2]))
    return words[0] if words else ""


def agreement(pairs: Iterable[tuple[str, str]]) -> float:
    """Return the adjusted Rand index of two groupings, given as (truth, found) pairs."""
    from sklearn.metrics import adjusted_rand_score

    listed = list(pairs)
    return float(adjusted_rand_score([truth for truth, _ in listed], [found for _, found in listed]))


@dataclass(frozen=True)
class Truth:
    """What groupings are compared with."""

    label: str
    of: Callable[[Listed], str | None]


TRUTHS = (
    Truth("model_type", lambda one: one.type_name),
    Truth("architecture, its type", lambda one: class_type(one.architecture) if one.architecture else None),
    Truth("architecture, the class", lambda one: one.architecture),
)


def name_table(label: str, rows: Sequence[Listed], truths: Sequence[Truth], known: KnownNames) -> dict[str, float]:
    """Print a row for each rule and truth; return what ours reaches, by truth."""
    reached = {}
    for truth in truths:
        told = [(found, one.model_id) for one in rows if (found := truth.of(one)) is not None]
        print(f"\n{label}, {truth.label}: {len(told):,} ids, {len({found for found, _ in told}):,} groups")
        for name, rule in rules(known).items():
            value = agreement((found, rule(model_id)) for found, model_id in told)
            print(f"  {name:26} {value:.3f}")
            reached[truth.label] = value if name == "ours" else reached.get(truth.label, 0.0)
    return reached


def limited(rows: Iterable[Listed], truth: Truth) -> list[Listed]:
    """Return at most `MOST_OF_ONE_OWNER` of an owner's rows that have a truth, the first by the hash of their ids."""
    taken: Counter[str] = Counter()
    kept = []
    for one in sorted(rows, key=lambda one: blake2b(one.model_id.encode()).digest()):
        if truth.of(one) is not None and taken[one.owner] < MOST_OF_ONE_OWNER:
            taken[one.owner] += 1
            kept.append(one)
    return kept


def as_model(one: Listed, hidden: frozenset[str]) -> ModelRow:
    """Return a listed model as stage 2 reads it, without the fields in `hidden`."""
    values = {
        "model_type": one.model_type,
        "architecture": one.architecture,
        "base_model": one.parents[0] if one.parents else None,
        "base_model_relation": one.relation,
        "base_models": "\n".join(one.parents) if len(one.parents) > 1 else None,
    }
    return replace(_PLAIN, model_id=one.model_id, **{key: None if key in hidden else values[key] for key in values})


_LINEAGE = frozenset({"base_model", "base_models"})
_OWN = frozenset({"model_type", "architecture"})


@dataclass(frozen=True)
class Question:
    """One kind of evidence measured against what was hidden from it, or against what it does not use."""

    label: str
    evidence: tuple[Evidence, ...]
    hidden: frozenset[str]
    of: Callable[[Listed], str | None]
    required: bool = False


QUESTIONS = (
    # A model's own type is not asked where its parents tell, so it can stay for its children.
    Question("base_model", ("base_model",), frozenset(), lambda one: one.family, required=True),
    Question("base_model, no type is known", ("base_model",), _OWN, lambda one: one.family),
    Question("architecture", ("architecture",), _LINEAGE | {"model_type"}, lambda one: one.type_name, required=True),
    Question("model_type", ("model_type",), _LINEAGE | {"architecture"}, TRUTHS[1].of),
    Question(
        "any but model_type", ("base_model", "architecture"), frozenset({"model_type"}), lambda one: one.type_name
    ),
    Question("name", ("name",), _OWN | _LINEAGE, lambda one: one.family),
)


def unseen(rows: Iterable[Listed], tuning: Iterable[Listed]) -> list[Listed]:
    """Return the rows whose ids the tuning half does not have a type for; the types of the others stay unknown."""
    seen = {fold(one.model_id) for one in tuning if one.family}
    return [replace(one, model_type=None) if fold(one.model_id) in seen else one for one in rows]


def evidence_table(label: str, rows: Sequence[Listed], known: KnownNames, halves: Sequence[str]) -> list[float]:
    """Print a row for each kind of evidence and half; return what those that are required reach in the last half."""
    print(f"\n{label}: evidence                       " + "".join(f"{half:>16}" for half in halves))
    required = []
    for question in QUESTIONS:
        named = name_models([as_model(one, question.hidden) for one in rows], known)
        cells = []
        for half in halves:
            pairs = [
                (truth, found.base_name)
                for one, found in zip(rows, named, strict=True)
                if found.evidence in question.evidence
                and half in ("all", one.half)
                and (truth := question.of(one)) is not None
            ]
            cells.append((len(pairs), agreement(pairs) if pairs else float("nan")))
        print(f"  {question.label:40}" + "".join(f"{number:9,} {value:6.3f}" for number, value in cells))
        if question.required and cells[-1][0]:
            required.append(cells[-1][1])
    return required


def support_rows(rows: Iterable[Listed], known: KnownNames) -> Iterator[tuple[str, str, int, int]]:
    """Yield (key, its family, ids that it places, those that have this family) of the tuning half for every entry."""
    placed: dict[str, Counter[str]] = defaultdict(Counter)
    for one in rows:
        if one.half == "tuning" and one.family:
            found = find_family(WORD.findall(fold(one.model_id.rpartition("/")[2])), known)
            placed[found.key if found else ""][one.family] += 1
    for key in dict.fromkeys([*known.compounds, *alias_keys()]):
        family = known.families.get(key, key)
        yield key, family, placed[key].total(), placed[key][family]


def print_confusions(rows: Iterable[Listed], known: KnownNames, half: str) -> None:
    """Print what is taken for what most often; ? = no family is recognised."""
    wrong: Counter[tuple[str, str]] = Counter()
    total = 0
    for one in rows:
        if one.half == half and one.family:
            parsed = parse_name(one.model_id, known)
            total += 1
            if parsed.base_name != one.family:
                wrong[one.family, parsed.base_name if parsed.recognised else "?"] += 1
    print(f"\n{half} half, of {total:,} ids {wrong.total():,} are not called as their type; the commonest:")
    for (truth, found), number in wrong.most_common(25):
        print(f"  {number:5,} {printable(truth, 40)} as {printable(found, 40)}")


def print_speed(rows: Sequence[Listed], known: KnownNames) -> None:
    """Print how long parsing and naming the whole list take."""
    started = time.perf_counter()
    for one in rows:
        parse_name(one.model_id, known)
    parsed = time.perf_counter() - started
    models = [as_model(one, frozenset()) for one in rows]
    started = time.perf_counter()
    name_models(models, known)
    named = time.perf_counter() - started
    rate = len(rows) / parsed
    print(f"\n{len(rows):,} ids: parsed in {parsed:.1f} s ({rate:,.0f} a second), named with lineage in {named:.1f} s")


def main() -> None:
    """Print the tables and exit with status 1 where a required value is missed."""
    options = _options()
    known = known_names()
    union = union_list(options.data)
    if options.support:
        for key, family, number, right in support_rows(union, known):
            enough = number >= LEAST_SUPPORT and right > number / 2
            print(f"{'supported' if enough else 'not':9} {key:26} {family:26} {right:5,} of {number:5,}")
        return
    halves = {half: [one for one in union if one.half == half] for half in ("tuning", "test")}
    name_table("tuning half", halves["tuning"], TRUTHS, known)
    reached = name_table("test half", halves["test"], TRUTHS, known)
    capped = name_table("test half, at most 20 ids an owner", limited(halves["test"], TRUTHS[0]), TRUTHS[:1], known)
    later = unseen(tagged_list(options.data / "hub_metadata" / "radar_hf_models_2026-08.jsonl.gz"), halves["tuning"])
    name_table("list of 2026-08", later, TRUTHS[:1], known)
    required = evidence_table("union", union, known, ("tuning", "test"))
    required += evidence_table("list of 2026-08", later, known, ("all",))
    trees = tagged_list(options.data / "hub_metadata" / "hf_finetune_trees_2025.jsonl.gz")
    evidence_table("fine-tune trees of 2025", trees, known, ("all",))
    for half in halves:
        print_confusions(union, known, half)
    print_speed(union, known)
    by_name = min(reached["model_type"], capped["model_type"])
    raise SystemExit(0 if by_name >= LEAST_BY_NAME and min(required) >= LEAST_BY_METADATA else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Agreement of names and metadata with model types.")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--support", action="store_true", help="what each entry of known_names.toml places")
    options = parser.parse_args()
    if not (options.data / "hub_metadata").is_dir():
        raise SystemExit(f"expected the folder hub_metadata in {options.data}, found none")
    return options


if __name__ == "__main__":
    main()
