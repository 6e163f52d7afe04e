"""The points of the map of architectures, for the picture and for the web page.

Stage process draws the map (t-SNE on structural similarities, docs/FINGERPRINTS.md) and stores its coordinates; nothing
is embedded here, so every reader sees the same places.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low

from analysis.section import QUERIES, Answers
from store import Query

NAMED_FAMILIES = 20
# A family of one model is not worth a name on a map.
_FEWEST_NAMED = 2


@dataclass(frozen=True)
class MapRow:
    """A row of `architecture_map.sql`."""

    structure_id: str
    source: str
    model_id: str
    family_id: str | None
    family_models: int | None
    task: str
    n_parameters: int
    n_models: int
    x: float
    y: float
    method: str
    n_points: int


@dataclass(frozen=True)
class MapPoint:
    """A structure on the map, told by its most downloaded model; `n_models` models stand at the same place.

    `x` and `y` are without unit: near means similar, far means little. `family` is "" where the model is in none.
    `label` names the family at one of its points if it is among the largest, and is "" elsewhere.
    """

    source: str
    model_id: str
    structure_id: str
    family: str
    task: str
    n_parameters: int
    n_models: int
    x: float
    y: float
    label: str


MAP: Query[MapRow] = Query(QUERIES / "architecture_map.sql", MapRow)


def map_points(answers: Answers) -> list[MapPoint]:
    """Return the points that stand for most models first (at most 1,500); call it by `answers.derive`."""
    rows = answers[MAP]
    named = named_points(rows)
    return [
        MapPoint(
            row.source, row.model_id, row.structure_id, row.family_id or "", row.task, row.n_parameters, row.n_models,
            row.x, row.y, named.get(row.structure_id, ""),
        )
        for row in rows
    ]  # fmt: skip


def named_points(rows: Sequence[MapRow]) -> dict[str, str]:
    """Return the structures that carry the names of the largest families: of each the one nearest to its median."""
    members: dict[str, list[MapRow]] = defaultdict(list)
    for row in rows:
        if row.family_id and (row.family_models or 0) >= _FEWEST_NAMED:
            members[row.family_id].append(row)
    largest = sorted(members, key=lambda family: (-(members[family][0].family_models or 0), family))[:NAMED_FAMILIES]
    return {_middle(members[family]).structure_id: family for family in largest}


def same_task_nearest(points: Sequence[MapPoint]) -> tuple[float, float]:
    """Return the share of points whose nearest other point has the same task, and the share that chance would give.

    Of equally near points the first counts. Fewer than two points give (0, 0).
    """
    import numpy

    if len(points) < 2:
        return 0.0, 0.0

    places = numpy.array([(point.x, point.y) for point in points])
    _, tasks = numpy.unique([point.task for point in points], return_inverse=True)
    apart = ((places[:, None, :] - places[None, :, :]) ** 2).sum(axis=2)
    numpy.fill_diagonal(apart, numpy.inf)
    found = float((tasks[apart.argmin(axis=1)] == tasks).mean())
    counts = numpy.bincount(tasks)
    chance = float((counts * (counts - 1)).sum()) / (len(points) * (len(points) - 1))
    return found, chance


def _middle(rows: Sequence[MapRow]) -> MapRow:
    x, y = median_low(row.x for row in rows), median_low(row.y for row in rows)
    return min(rows, key=lambda row: ((row.x - x) ** 2 + (row.y - y) ** 2, row.structure_id))
