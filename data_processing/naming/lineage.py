"""Which family a model says it is of: its declared parent, else its config's type, else its name (METHODS 1.1)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from data_processing.corpus import ModelRow
from data_processing.naming.names import KnownNames, ParsedName, parse_name, type_base_name

Evidence = Literal["base_model", "model_type", "name"]


@dataclass(frozen=True)
class NamedModel:
    """A model with its base name and where that comes from."""

    model: ModelRow
    name: ParsedName
    base_name: str
    evidence: Evidence


def name_models(models: Iterable[ModelRow], known: KnownNames) -> list[NamedModel]:
    """Return every model with its base name, in the given order."""
    listed = list(models)
    by_id = _by_lower_id(listed)
    return [_named(model, by_id, known) for model in listed]


def _named(model: ModelRow, by_id: Mapping[str, ModelRow], known: KnownNames) -> NamedModel:
    name = parse_name(model.model_id, known)
    inherited = _inherited_name(model, by_id, known)
    if inherited is not None:
        return NamedModel(model, name, inherited, "base_model")
    if model.model_type:
        return NamedModel(model, name, type_base_name(model.model_type), "model_type")
    return NamedModel(model, name, name.base_name, "name")


def _inherited_name(model: ModelRow, by_id: Mapping[str, ModelRow], known: KnownNames) -> str | None:
    """Return the base name of the oldest ancestor that has a recognised one; None = no ancestor tells.

    A merge has several parents and inherits from none. A line that runs in a circle ends where it meets itself.
    """
    inherited = None
    seen = {model.model_id.lower()}
    current: ModelRow | None = model
    while current is not None and _single_parent(current) is not None:
        parent_id = _single_parent(current) or ""
        if parent_id.lower() in seen:
            break
        seen.add(parent_id.lower())
        current = by_id.get(parent_id.lower())
        inherited = _own_name(parent_id, current, known) or inherited
    return inherited


def _single_parent(model: ModelRow) -> str | None:
    return None if model.base_model_relation == "merge" else model.base_model


def _own_name(model_id: str, model: ModelRow | None, known: KnownNames) -> str | None:
    if model is not None and model.model_type:
        return type_base_name(model.model_type)
    name = parse_name(model_id, known)
    return name.base_name if name.recognised else None


def _by_lower_id(models: Iterable[ModelRow]) -> dict[str, ModelRow]:
    """Index models by id without case; of ids that differ only in case the first in order counts."""
    index: dict[str, ModelRow] = {}
    for model in sorted(models, key=lambda model: (model.model_id, model.source)):
        index.setdefault(model.model_id.lower(), model)
    return index
