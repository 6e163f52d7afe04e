"""What there is to learn from: the damage of one model, method and ratio beside what is known of the model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isfinite, log

from analysis.comparison import DamageRow
from analysis.prediction.kept import KeptDamage
from analysis.prediction.models import ModelRow

STORE = "this store"
KEPT = "measured locally"


@dataclass(frozen=True)
class Observation:
    """One measured number; `log_damage` is the natural logarithm of perplexity over dense."""

    family: str
    origin: str
    model: ModelRow
    scope: str
    method: str
    ratio: float
    log_damage: float

    @property
    def cell(self) -> tuple[str, float]:
        return self.method, self.ratio


def observations(
    models: Iterable[ModelRow], damages: Iterable[DamageRow | KeptDamage], types: Mapping[str, str], origin: str
) -> list[Observation]:
    """Return the observations of models with their damages; of a damage that is not finite there is none."""
    known = {(row.source, row.model_id): row for row in models}
    found = []
    for row in damages:
        model = known.get((row.source, row.model_id))
        if model is not None and row.damage > 0 and isfinite(row.damage):
            family = family_of(model, types)
            found.append(Observation(family, origin, model, row.scope, row.method, row.ratio, log(row.damage)))
    return sorted(found, key=lambda one: (one.family, one.model.model_id, one.scope, one.method, one.ratio, one.origin))


def family_of(model: ModelRow, types: Mapping[str, str]) -> str:
    """Return the family by the store: of the model, else of its type; else the type, else the model alone."""
    if model.family_id is not None:
        return model.family_id
    return types.get(model.model_type or "", model.model_type or model.model_id)


def at_home(models: Iterable[ModelRow], own: Iterable[ModelRow], types: Mapping[str, str]) -> list[ModelRow]:
    """Return kept models in the store's families: the own measured model's of their type, else the type's.

    A family under two names would be learned from while it is left out. Without either they keep the one they have.
    """
    homes = {**types, **{row.model_type: row.family_id for row in own if row.model_type and row.family_id}}
    return [replace(row, family_id=homes.get(row.model_type or "", row.family_id)) for row in models]
