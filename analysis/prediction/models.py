"""What is known of a model before it is pruned: its structure, and the cheap scores of the dense model."""

from collections.abc import Callable
from dataclasses import dataclass
from math import log, log2

from analysis.section import QUERIES
from store import Query


@dataclass(frozen=True)
class ModelRow:
    """A row of `model_features.sql`; `evaluation`, `device` and what follows None = not measured."""

    source: str
    model_id: str
    revision: str
    model_type: str | None
    family_id: str | None
    downloads: int | None
    modality: str | None
    causal: bool | None
    n_layers: int
    hidden_size: int | None
    n_parameters: int
    attention_heads: int | None
    queries_a_key: float | None
    gated_mlp: bool | None
    rotary: bool | None
    rms_norm: bool | None
    evaluation: str | None
    device: str | None
    dense_perplexity: float | None
    angular_last: float | None
    block_influence: float | None
    relative_difference: float | None
    cka: float | None
    effective_rank: float | None
    mean_weight: float | None
    head_distance: float | None


@dataclass(frozen=True)
class TypeRow:
    """A row of `type_families.sql`."""

    model_type: str
    family_id: str


@dataclass(frozen=True)
class VersionRow:
    """A row of `method_versions.sql`."""

    method: str
    method_version: int


MODEL_FEATURES: Query[ModelRow] = Query(QUERIES / "model_features.sql", ModelRow)
TYPE_FAMILIES: Query[TypeRow] = Query(QUERIES / "type_families.sql", TypeRow)
METHOD_VERSIONS: Query[VersionRow] = Query(QUERIES / "method_versions.sql", VersionRow)


@dataclass(frozen=True)
class Feature:
    """A number of a model; None = not known."""

    name: str
    value: Callable[[ModelRow], float | None]


def _log2(number: float | None) -> float | None:
    return log2(number) if number and number > 0 else None


def _indicator(flag: bool | None) -> float | None:
    return None if flag is None else float(flag)


STRUCTURE = (
    Feature("layers (log)", lambda row: _log2(row.n_layers)),
    Feature("width (log)", lambda row: _log2(row.hidden_size)),
    Feature("parameters (log)", lambda row: _log2(row.n_parameters)),
    Feature("heads (log)", lambda row: _log2(row.attention_heads)),
    # A model whose config names no key-value heads has one a query head.
    Feature("query heads a key-value head (log)", lambda row: log2(row.queries_a_key or 1.0)),
    Feature("gated MLP", lambda row: _indicator(row.gated_mlp)),
    Feature("rotary positions", lambda row: _indicator(row.rotary)),
    Feature("RMS norm", lambda row: _indicator(row.rms_norm)),
)
SCORES = (
    Feature("dense perplexity (log)", lambda row: log(row.dense_perplexity) if row.dense_perplexity else None),
    Feature("angular distance of the last token", lambda row: row.angular_last),
    Feature("block influence", lambda row: row.block_influence),
    Feature("relative difference of states", lambda row: row.relative_difference),
    Feature("CKA of neighbouring states", lambda row: row.cka),
    Feature("relative effective rank", lambda row: row.effective_rank),
    Feature("mean |weight|", lambda row: row.mean_weight),
    Feature("distance to the nearest head", lambda row: row.head_distance),
)
"""Means over layers, matrices or heads of the dense model."""


def is_learnable(row: ModelRow) -> bool:
    """Say whether a model is of the kind that was measured: a causal language model."""
    return row.modality == "text" and bool(row.causal)
