"""What stage 2 reads from the store: models, their trees, and what earlier runs have already computed."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from data_processing.similarity.jaccard import METHOD
from data_processing.trees.canonical import ModuleRow, Tree, canonical_tree
from data_processing.trees.fingerprints import HASH_VERSION, Fingerprints
from data_processing.trees.tokens import TOKENS_VERSION
from pipeline.errors import StageError, UsageError
from store import Query, Store
from store.records import ExtractionReason, SourceName

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


MODELS = Query(_QUERIES / "models.sql", ModelRow)
MODULES = Query(_QUERIES / "modules.sql", ModuleRow)
FINGERPRINTS = Query(_QUERIES / "fingerprints.sql", FingerprintRow)
STORED_PAIRS = Query(_QUERIES / "stored_pairs.sql", PairRow)
FAMILIES = Query(_QUERIES / "families.sql", FamilyRow)


def read_models(store: Store) -> list[ModelRow]:
    """Return every model, ordered by source and id. Raises `UsageError` when nothing was extracted yet."""
    models = store.fetch(MODELS)
    if not models:
        raise UsageError(
            "expected a store with extracted models, got one without any; "
            "run `python run_pipeline.py --extract` on it first"
        )
    return models


def read_trees(store: Store, structure_ids: Iterable[str]) -> dict[str, Tree]:
    """Return the canonical trees of structures. A structure without modules has a tree of its root alone."""
    wanted = sorted(set(structure_ids))
    rows = store.fetch(MODULES, structures=wanted) if wanted else []
    trees = {name: canonical_tree(group) for name, group in groupby(rows, key=attrgetter("structure_id"))}
    return {name: trees[name] if name in trees else canonical_tree([]) for name in wanted}


def read_fingerprints(store: Store) -> dict[str, Fingerprints]:
    """Return the hashes of the present version that are stored, by structure."""
    rows = store.fetch(FINGERPRINTS, version=HASH_VERSION)
    return {row.structure_id: Fingerprints(row.exact, row.layout, row.family) for row in rows}


def read_stored_pairs(store: Store) -> set[tuple[str, str]]:
    """Return the pairs of structures whose similarity is stored for the present method and version."""
    rows = store.fetch(STORED_PAIRS, method=METHOD, version=TOKENS_VERSION)
    return {(row.structure_a, row.structure_b) for row in rows}


def read_families(store: Store, top: int) -> list[FamilyRow]:
    """Return the largest families of the newest run. Raises `StageError` when there was none."""
    families = store.fetch(FAMILIES, top=top)
    if not families:
        raise StageError("expected a store with families, got one without; run `python -m data_processing run` first")
    return families
