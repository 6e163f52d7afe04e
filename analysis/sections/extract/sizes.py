"""How large the distinct structures are, and how deep their modules nest."""

from collections import Counter
from dataclasses import dataclass
from functools import partial

from analysis.document import Block, Picture
from analysis.figures.architecture import draw_nesting, draw_sizes
from analysis.numbers import count_of, short_count
from analysis.section import QUERIES, Answers, Section
from analysis.sections.extract.architecture import TASKS, TaskRow, shown_tasks, task_order
from analysis.sections.extract.catalog import MISSING
from pictures.style import OTHER
from store import Query


@dataclass(frozen=True)
class StructureRow:
    """A row of `structures.sql`."""

    structure_id: str
    task: str
    example: str
    n_models: int
    n_parameters: int
    n_layers: int
    max_depth: int
    n_modules: int


@dataclass(frozen=True)
class SizePoint:
    """A structure in the scatter of sizes; `task` as shown."""

    structure_id: str
    task: str
    n_models: int
    n_parameters: int
    n_layers: int


@dataclass(frozen=True)
class DepthCount:
    """The structures of a task as shown whose deepest module is at one depth."""

    task: str
    max_depth: int
    n_structures: int


STRUCTURES: Query[StructureRow] = Query(QUERIES / "structures.sql", StructureRow)


def size_points(rows: list[StructureRow], tasks: list[TaskRow]) -> list[SizePoint]:
    """Return what the scatter of sizes shows."""
    shown = _shown_of(rows, tasks)
    return [SizePoint(row.structure_id, shown[row.task], row.n_models, row.n_parameters, row.n_layers) for row in rows]


def depth_counts(rows: list[StructureRow], tasks: list[TaskRow]) -> list[DepthCount]:
    """Return how many structures of each task as shown end at each depth."""
    shown = _shown_of(rows, tasks)
    counts = Counter((shown[row.task], row.max_depth) for row in rows)
    return [DepthCount(task, depth, count) for (task, depth), count in sorted(counts.items())]


def _shown_of(rows: list[StructureRow], tasks: list[TaskRow]) -> dict[str, str]:
    """Return what the tasks of structures are shown as.

    A structure of an older revision may be the only one of its task, when the newest waits to be read: it is "other".
    """
    shown = shown_tasks(tasks)
    return {row.task: shown.get(row.task, OTHER) for row in rows}


def _sizes(answers: Answers) -> tuple[Block, ...]:
    rows, tasks = answers[STRUCTURES], answers[TASKS]
    order = tuple(dict.fromkeys((*task_order(tasks), *_shown_of(rows, tasks).values())))
    parameters = sorted(row.n_parameters for row in rows)
    smallest, largest = short_count(parameters[0]), short_count(parameters[-1])
    sizes = f"{count_of(len(rows), 'distinct structure')} from {smallest} to {largest} parameters"
    deepest = max(rows, key=lambda row: (row.max_depth, row.structure_id))
    nesting = f"Modules nest up to {deepest.max_depth} levels deep ({deepest.example})"
    caption = f"n = {count_of(len(rows), 'distinct structure')}; the task is the most frequent one among its models."
    return (
        Picture(
            "sizes",
            f"Scatter of parameters against layers: {sizes}",
            caption,
            size_points(rows, tasks),
            partial(draw_sizes, title=sizes, tasks=order),
        ),
        Picture(
            "nesting_depth",
            f"Bubbles of nesting depth by task: {nesting}",
            f"{caption} Area: share of the task's structures; bar: median.",
            depth_counts(rows, tasks),
            partial(draw_nesting, title=nesting, tasks=order),
        ),
    )


SIZES_SECTION = Section("sizes", "Sizes and depth", "reports/extract", (STRUCTURES, TASKS), _sizes, MISSING)
