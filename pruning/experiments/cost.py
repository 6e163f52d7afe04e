"""How long an experiment will take: what the store has seen, else what is like it, else a guess."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from store.database import Query, Store
from store.records import SourceName

_QUERIES = Path(__file__).resolve().parent / "queries"
# Measured on two cores with the reference models, which have about so many parameters.
DEFAULT_SECONDS = 1.0
DEFAULT_PARAMETERS = 200_000


@dataclass(frozen=True)
class CostRow:
    """The median time of a method's experiments on a model; `parameters` of the dense model, None = unknown."""

    method: str
    source: SourceName
    model_id: str
    seconds: float
    parameters: int | None


COSTS = Query(_QUERIES / "costs.sql", CostRow)


@dataclass(frozen=True)
class Costs:
    """Medians of seconds by (method, source, model), and by method (parameters, seconds) of models of known size."""

    by_model: dict[tuple[str, str, str], float] = field(default_factory=dict)
    by_method: dict[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)

    def seconds(self, method: str, source: str, model_id: str, parameters: int) -> float:
        """Return the estimate for one experiment.

        The method's median on this model; else on the model nearest in size (by the ratio of parameters; ties to the
        smaller), in proportion to the parameters where this one is larger; else one second for a model of up to 200,000
        parameters, in proportion for a larger one.
        """
        known = self.by_model.get((method, source, model_id))
        if known is not None:
            return known
        sizes = self.by_method.get(method, ((DEFAULT_PARAMETERS, DEFAULT_SECONDS),))
        size, seconds = min(sizes, key=lambda pair: (_times(parameters, pair[0]), pair))
        return seconds * max(1.0, parameters / size)


def _times(one: int, other: int) -> float:
    """Return how many times the smaller number is in the greater."""
    return max(one, other) / min(one, other)


def costs_of(rows: Iterable[CostRow]) -> Costs:
    """Return what rows of the store say."""
    by_method = defaultdict[str, list[tuple[int, float]]](list)
    by_model: dict[tuple[str, str, str], float] = {}
    for row in rows:
        by_model[row.method, row.source, row.model_id] = row.seconds
        if row.parameters:
            by_method[row.method].append((row.parameters, row.seconds))
    return Costs(by_model, {method: tuple(found) for method, found in by_method.items()})


def known_costs(store: Store, device: str) -> Costs:
    """Return what the experiments of a store took on cpu or cuda."""
    return costs_of(store.fetch(COSTS, device=device))
