"""The map of architectures."""

from functools import partial

from analysis.architecture_map import MAP, map_points, same_task_nearest
from analysis.document import Block, Picture
from analysis.figures.architecture_map import draw_map
from analysis.numbers import count_of, many, percent
from analysis.section import Answers, Section
from analysis.sections.extract.architecture import TASKS, task_order
from analysis.sections.extract.task_profiles import NOT_STATED
from analysis.sections.process.families import MISSING


def _map(answers: Answers) -> tuple[Block, ...]:
    points = answers.derive(map_points)
    first = answers[MAP][0]
    stated = [point for point in points if point.task != NOT_STATED]
    found, chance = same_task_nearest(stated)
    named = sum(point.label != "" for point in points)
    title = (
        f"{percent(found)} of {count_of(len(stated), 'structure')} with a stated task stand next to one of the same "
        f"task ({percent(chance)} by chance)"
    )
    cap = "" if first.n_points == len(points) else f" Of {many(first.n_points)} points those of most models are drawn."
    caption = (
        f"n = {count_of(len(points), 'distinct structure')}, placed by {first.method}, on the weighted Jaccard "
        f"distance of their module trees. Area: parameters (log). Up to {count_of(named, 'family')} with most models "
        f"named, each at the middle of its points.{cap}"
    )
    picture = Picture(
        "architecture_map",
        f"Map of structures, similar ones near each other, coloured by task: {title}",
        caption,
        points,
        partial(draw_map, title=title, tasks=task_order(answers[TASKS])),
    )
    return (picture,)


MAP_SECTION = Section("architecture-map", "Map of architectures", "reports/process", (MAP, TASKS), _map, MISSING)
