"""Which model of a family stands for it.

The smallest model with weights where any has weights; otherwise the most downloaded. Limits such as the greatest
number of parameters belong to the stage that prunes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from data_processing.corpus import ModelRow

Objective = Literal["smallest-with-weights", "most-downloaded"]
CHOICES_PER_FAMILY = 5


@dataclass(frozen=True)
class Choice:
    """A candidate of a family; rank 1 represents it."""

    rank: int
    model: ModelRow
    objective: Objective
    reason: str


def choose(members: Iterable[ModelRow]) -> list[Choice]:
    """Return the first choices of a family, best first, at most `CHOICES_PER_FAMILY`."""
    listed = list(members)
    loadable = [model for model in listed if model.has_weights]
    if loadable:
        ordered, objective = sorted(loadable, key=_smallest_first), "smallest-with-weights"
    else:
        ordered, objective = sorted(listed, key=choose_order), "most-downloaded"
    return [
        Choice(rank, model, objective, _reason(model, rank, objective, len(ordered)))
        for rank, model in enumerate(ordered[:CHOICES_PER_FAMILY], start=1)
    ]


def choose_order(model: ModelRow) -> tuple[int, float, str, str]:
    """Sort key: most downloaded first (unknown = 0), then fewer parameters (unknown last), then the id."""
    return -(model.downloads or 0), _size(model), model.model_id, model.source


def _smallest_first(model: ModelRow) -> tuple[float, int, str, str]:
    return _size(model), -(model.downloads or 0), model.model_id, model.source


def _size(model: ModelRow) -> float:
    return float("inf") if model.n_parameters is None else model.n_parameters


def _reason(model: ModelRow, rank: int, objective: Objective, candidates: int) -> str:
    size = "size unknown" if model.n_parameters is None else f"{model.n_parameters:,} parameters"
    if objective == "smallest-with-weights":
        return f"number {rank} by size of {candidates} with weights: {size}"
    known = "downloads unknown" if model.downloads is None else f"{model.downloads:,} downloads"
    return f"none has weights; number {rank} by downloads of {candidates}: {known}, {size}"
