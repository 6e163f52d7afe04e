"""How much of the corpus the first representatives stand for.

The families' first choices are put in an order in which each adds most (`choosing.selection`), and after each one the
curve says which share of the models, and of their downloads, lies within some distances of a choice. Only models with
a structure have a place, so only these are counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_processing.choosing.representatives import choose_order
from data_processing.choosing.selection import Objective, Pick, distances_from, point_weights, select
from data_processing.corpus import ModelRow
from pipeline.text import count_of

if TYPE_CHECKING:
    import numpy

MOST_CHOICES = 100
DISTANCES = (0.0, 0.15, 0.3, 0.5)
_TOLD_DISTANCE = 0.15  # the one that reasons count with


@dataclass(frozen=True)
class Site:
    """A family's first choice; it has a structure."""

    family_id: str
    model: ModelRow


@dataclass(frozen=True)
class Point:
    """A structure, the models that have it and their downloads in all (unknown ones count as 0)."""

    structure_id: str
    n_models: int
    downloads: int


@dataclass(frozen=True)
class CoverageStep:
    """After the k-th choice, what lies within one distance of a choice so far (at most the distance, to six decimals).

    Shares are fractions of the points' models and downloads; None = no downloads are known.
    """

    k: int
    site: Site
    distance: float
    share_models: float
    share_downloads: float | None
    reason: str


def coverage(
    sites: Sequence[Site], points: Sequence[Point], distances: "numpy.ndarray", objective: Objective
) -> list[CoverageStep]:
    """Return the curve by (k, distance) for at most `MOST_CHOICES` choices.

    `distances` (sites, points) are fractions in [0, 1]. The order of sites and points does not matter: of equally good
    sites the first by `choose_order` is chosen, of equally far points the heavier counts.
    """
    import numpy

    if not sites or not points:
        return []
    weights = point_weights([point.n_models for point in points], [point.downloads for point in points])
    rows = sorted(range(len(sites)), key=lambda row: (choose_order(sites[row].model), sites[row].family_id))
    columns = sorted(range(len(points)), key=lambda column: (-weights[column], points[column].structure_id))
    ordered = distances[numpy.ix_(rows, columns)]
    picks = select(objective, ordered, weights[columns], MOST_CHOICES)
    return _curve([sites[row] for row in rows], [points[column] for column in columns], ordered, objective, picks)


def _curve(
    sites: Sequence[Site],
    points: Sequence[Point],
    distances: "numpy.ndarray",
    objective: Objective,
    picks: Sequence[Pick],
) -> list[CoverageStep]:
    import numpy

    models = numpy.array([point.n_models for point in points])
    downloads = numpy.array([point.downloads for point in points])
    nearest = numpy.ones(len(points))
    steps: list[CoverageStep] = []
    for k, pick in enumerate(picks, start=1):
        own = distances_from(distances, pick.candidate)
        added = int(models[(own <= _TOLD_DISTANCE) & (nearest > _TOLD_DISTANCE)].sum())
        nearest = numpy.minimum(nearest, own)
        reason = _reason(added, pick, picks[k - 2] if k > 1 else None, objective)
        steps += [
            CoverageStep(
                k, sites[pick.candidate], distance, _share(models, within) or 0.0, _share(downloads, within), reason
            )
            for distance, within in ((distance, nearest <= distance) for distance in DISTANCES)
        ]
    return steps


def _share(amounts: "numpy.ndarray", within: "numpy.ndarray") -> float | None:
    """Return the share of the amounts that are within; None where there are none at all."""
    total = int(amounts.sum())
    return int(amounts[within].sum()) / total if total else None


def _reason(added: int, pick: Pick, before: Pick | None, objective: Objective) -> str:
    covers = f"covers {count_of(added, 'more model' if before else 'model')} within {_TOLD_DISTANCE:g}"
    if objective == "k-medoids":
        fall = f"is {pick.mean:.3f}" if before is None else f"falls from {before.mean:.3f} to {pick.mean:.3f}"
        return f"{covers}; the mean distance {fall}"
    if before is not None and before.greatest == pick.greatest:
        return f"{covers}; others are as far as the farthest was, {pick.greatest:.3f}"
    fall = f"is {pick.greatest:.3f}" if before is None else f"falls from {before.greatest:.3f} to {pick.greatest:.3f}"
    return f"{covers}; the greatest distance {fall}"
