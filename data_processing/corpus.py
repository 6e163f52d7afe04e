"""What stage 2 reads from the store: models, their trees, and what earlier runs have already computed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Literal

from data_processing.similarity.sequence import ModuleSequence, read_sequences
from data_processing.trees.canonical import ModuleRow, Tree, canonical_tree
from data_processing.trees.fingerprints import HASH_VERSION, Fingerprints
from pipeline.errors import StageError, UsageError
from store import Query, Store
from store.records import ExtractionReason, Provenance, SourceName

_QUERIES = Path(__file__).with_name("queries")


@dataclass(frozen=True)
class ModelRow:
    """A model in its newest revision. None = the source did not say, or the model was not extracted."""

    source: SourceName
    model_id: str
    revision: str
    downloads: int | None
    base_model: str | None
    base_model_relation: str | None
    has_weights: bool  # that transformers loads
    reason: ExtractionReason | None
    structure_id: str | None
    model_type: str | None
    n_parameters: int | None
    is_delta: bool = False  # an adapter: it has no meaning without its base
    license: str | None = None
    gated: bool | None = None
    base_models: str | None = None  # all that are declared, one a line; None = the tags name none
    architecture: str | None = None  # class of transformers that was built
    adapter_base: str | None = None  # base that the adapter's config names: any text from outside
    gguf_architecture: str | None = None  # general.architecture of a GGUF file

    @property
    def is_part(self) -> bool:
        """Whether it is no whole model: a component of one, or a delta on one."""
        return self.is_delta or self.reason == "component"


@dataclass(frozen=True)
class FingerprintRow:
    """The stored hashes of a structure."""

    structure_id: str
    exact: str
    layout: str
    family: str
    body: str


@dataclass(frozen=True)
class ShapeRow:
    """What findings compare of a structure beside its hashes and tokens."""

    structure_id: str
    provenance: Provenance
    n_parameters: int
    n_layers: int  # 0 = none repeats
    hidden_size: int | None  # None = the config does not say, or there is none
    traits: Mapping[str, str]


@dataclass(frozen=True)
class SameModelRow:
    """A tensor header's view and the config's view of one model."""

    header_structure: str
    config_structure: str


@dataclass(frozen=True)
class PairRow:
    """A stored pair of structures."""

    structure_a: str
    structure_b: str


@dataclass(frozen=True)
class FamilyRow:
    """A family as listed for people."""

    family_id: str
    strategy: str
    members: int
    representative: str
    has_weights: bool
    least_similarity: float | None  # of a member to the representative; None = no structures to compare


@dataclass(frozen=True)
class LevelRow:
    """An architecture at an exact level: a hash, and what has it."""

    hash: str
    models: int
    structures: int
    downloads: int | None  # None = unknown of all
    best_known: str  # the most downloaded model


@dataclass(frozen=True)
class Corpus:
    """All that a run of stage 2 reads."""

    models: Sequence[ModelRow]
    trees: Mapping[str, Tree]
    known_hashes: Mapping[str, Fingerprints]
    shapes: Mapping[str, ShapeRow]
    same_model: Mapping[str, str]  # a tensor header's view of a structure -> the config's view of the same model
    sequences: Mapping[str, ModuleSequence] | None  # None = similarity is that of tokens


MODELS = Query(_QUERIES / "models.sql", ModelRow)
MODULES = Query(_QUERIES / "modules.sql", ModuleRow)
FINGERPRINTS = Query(_QUERIES / "fingerprints.sql", FingerprintRow)
SHAPES = Query(_QUERIES / "shapes.sql", ShapeRow)
SAME_MODEL = Query(_QUERIES / "same_model.sql", SameModelRow)
STORED_PAIRS = Query(_QUERIES / "stored_pairs.sql", PairRow)
FAMILIES = Query(_QUERIES / "families.sql", FamilyRow)
LEVELS = Query(_QUERIES / "levels.sql", LevelRow)


def read_models(store: Store) -> list[ModelRow]:
    """Return every model, ordered by source and id. Raises `UsageError` when nothing was extracted yet."""
    models = store.fetch(MODELS)
    if not models:
        raise UsageError(
            "expected a store with extracted models, got one without any; "
            "run `python run_pipeline.py --extract` on it first"
        )
    return models


def read_corpus(store: Store, models: Sequence[ModelRow], similarity: Literal["jaccard", "sequence"]) -> Corpus:
    """Return everything about the models' structures."""
    wanted = {model.structure_id for model in models if model.structure_id is not None}
    return Corpus(
        models=models,
        trees=read_trees(store, wanted),
        known_hashes=read_fingerprints(store),
        shapes={row.structure_id: row for row in store.fetch(SHAPES)},
        same_model=read_same_model(store),
        sequences=read_sequences(store, wanted) if similarity == "sequence" else None,
    )


def read_trees(store: Store, structure_ids: Iterable[str]) -> dict[str, Tree]:
    """Return the canonical trees of structures. A structure without modules has a tree of its root alone."""
    wanted = sorted(set(structure_ids))
    rows = store.fetch(MODULES, structures=wanted) if wanted else []
    trees = {name: canonical_tree(group) for name, group in groupby(rows, key=attrgetter("structure_id"))}
    return {name: trees[name] if name in trees else canonical_tree([]) for name in wanted}


def read_fingerprints(store: Store) -> dict[str, Fingerprints]:
    """Return the hashes of the present version that are stored, by structure."""
    rows = store.fetch(FINGERPRINTS, version=HASH_VERSION)
    return {row.structure_id: Fingerprints(row.exact, row.layout, row.family, row.body) for row in rows}


def read_same_model(store: Store) -> dict[str, str]:
    """Return the config's view of a structure that was read from a tensor header; of several that of most models."""
    return {row.header_structure: row.config_structure for row in store.fetch(SAME_MODEL)}


def read_stored_pairs(store: Store, method: str, version: int) -> set[tuple[str, str]]:
    """Return the pairs of structures whose similarity is stored for a method and version."""
    rows = store.fetch(STORED_PAIRS, method=method, version=version)
    return {(row.structure_a, row.structure_b) for row in rows}


def read_families(store: Store, top: int) -> list[FamilyRow]:
    """Return the largest families of the newest run. Raises `StageError` when there was none."""
    families = store.fetch(FAMILIES, top=top)
    if not families:
        raise StageError("expected a store with families, got one without; run `python -m data_processing run` first")
    return families
