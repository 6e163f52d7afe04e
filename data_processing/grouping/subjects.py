"""What findings are made of: a model with what its structure says, and a disagreement."""

from dataclasses import dataclass
from typing import Literal

from data_processing.corpus import ShapeRow
from data_processing.naming.lineage import NamedModel
from data_processing.similarity.jaccard import overlap
from data_processing.trees.fingerprints import Fingerprints
from data_processing.trees.tokens import Bag
from store.records import Provenance, SourceName

Kind = Literal["name_structure", "child_shape", "other_traits"]


@dataclass(frozen=True)
class Finding:
    """A disagreement: a row of `findings` without its run, in the same order of fields."""

    kind: Kind
    source: SourceName
    model_id: str
    other_model_id: str | None
    said: str
    found: str
    similarity: float | None


@dataclass(frozen=True)
class Shape(ShapeRow):
    """What findings compare of a structure: what was read, its hashes and its tokens."""

    hashes: Fingerprints
    bag: Bag


@dataclass(frozen=True)
class Subject:
    """A model and where its structure places it; None = it has no structure."""

    named: NamedModel
    cluster: str | None  # as in `grouping.families.Member`
    view: Provenance | None  # whose plan `cluster` is of: config where a tensor header's view is mapped to a config's
    shape: Shape | None  # of its own structure, never of one that it is mapped to


def identity(subject: Subject) -> tuple[SourceName, str]:
    """Return source and id of a model."""
    return subject.named.model.source, subject.named.model.model_id


def compared(kind: Kind, subject: Subject, other: Subject, *, said: str, found: str) -> Finding:
    """Return the finding on `subject` in comparison with `other`, with their similarity where both have a structure."""
    similarity = None
    if subject.shape is not None and other.shape is not None:
        similarity = overlap(subject.shape.bag, other.shape.bag).similarity
    return Finding(kind, *identity(subject), other.named.model.model_id, said, found, similarity)
