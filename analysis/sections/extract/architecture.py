"""What the mined architectures are made of."""

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial

from analysis.document import Block, Picture
from analysis.figures.architecture import draw_kind_heatmap, draw_kinds, draw_nesting, draw_sizes
from analysis.figures.tasks import draw_share_heatmap
from analysis.numbers import count_of, many, percent, short_count
from analysis.section import QUERIES, Answers, Section
from analysis.sections.extract.catalog import MISSING
from pictures.style import OTHER
from store import Query

TOP_KINDS = 20
TOP_TASKS = 8
COMPARED_TASKS = 16


@dataclass(frozen=True)
class KindRow:
    """A row of `kinds.sql`."""

    task: str
    kind: str
    n_models: int
    n_modules: int
    mean_share: float
    fewest: int
    lower_quartile: float
    median_modules: float
    upper_quartile: float
    most: int


@dataclass(frozen=True)
class TaskRow:
    """A row of `tasks.sql`."""

    task: str
    n_models: int
    n_structures: int
    median_layers: float
    median_parameters: float
    mean_depth: float
    median_depth: float
    mean_layers: float
    mean_modules: float
    fewest_parameters: int
    most_parameters: int


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
class KindShare:
    """A cell of the pictures of kinds: the tasks beyond the most frequent ones are added up as "other"."""

    kind: str
    task: str
    n_modules: int
    n_models: int
    modules_per_model: float


@dataclass(frozen=True)
class KindInTask:
    """A cell of the heatmap of shares: the mean over the task's models of the kind's share among leaf modules."""

    kind: str
    task: str
    mean_share: float
    n_models: int


KINDS: Query[KindRow] = Query(QUERIES / "kinds.sql", KindRow)
TASKS: Query[TaskRow] = Query(QUERIES / "tasks.sql", TaskRow)
STRUCTURES: Query[StructureRow] = Query(QUERIES / "structures.sql", StructureRow)


def top_kinds(rows: list[KindRow], tasks: list[TaskRow]) -> list[KindShare]:
    """Return the most frequent kinds by task; `tasks` come most frequent first and give the number of models."""
    kinds = frequent_kinds(rows)
    shown = shown_tasks(tasks)
    models = Counter[str]()
    for task in tasks:
        models[shown[task.task]] += task.n_models
    modules, users = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for row in rows:
        modules[row.kind, shown[row.task]] += row.n_modules
        users[row.kind, shown[row.task]] += row.n_models
    return [
        KindShare(kind, task, modules[kind, task], users[kind, task], modules[kind, task] / models[task])
        for kind in kinds
        for task in task_order(tasks)
        if modules[kind, task]
    ]


def frequent_kinds(rows: list[KindRow]) -> list[str]:
    """Return the kinds with most modules in all tasks, most first."""
    totals = Counter[str]()
    for row in rows:
        totals[row.kind] += row.n_modules
    return sorted(totals, key=lambda kind: (-totals[kind], kind))[:TOP_KINDS]


def kind_shares(rows: list[KindRow], tasks: list[TaskRow]) -> list[KindInTask]:
    """Return the mean shares of the most frequent kinds in the tasks with most models."""
    found = {(row.kind, row.task): row for row in rows}
    return [
        KindInTask(kind, task.task, row.mean_share, row.n_models)
        for kind in frequent_kinds(rows)
        for task in tasks[:COMPARED_TASKS]
        if (row := found.get((kind, task.task)))
    ]


def shown_tasks(tasks: list[TaskRow]) -> dict[str, str]:
    """Return what each task is shown as, in the order of the rows: itself, or "other" beyond the first ones."""
    limit = TOP_TASKS if len(tasks) <= TOP_TASKS else TOP_TASKS - 1
    return {row.task: row.task if index < limit else OTHER for index, row in enumerate(tasks)}


def task_order(tasks: list[TaskRow]) -> tuple[str, ...]:
    """Return the names of tasks as shown, most models first, "other" last: the same colour in every picture."""
    return tuple(dict.fromkeys(shown_tasks(tasks).values()))


def _kinds(answers: Answers) -> tuple[Block, ...]:
    rows, tasks = answers[KINDS], answers[TASKS]
    shares = top_kinds(rows, tasks)
    total = sum(row.n_modules for row in rows)
    first = shares[0].kind
    share = sum(row.n_modules for row in rows if row.kind == first) / total
    n_models = sum(task.n_models for task in tasks)
    n_kinds = len({row.kind for row in rows})
    title = f"{percent(share)} of all leaf modules are {first}; {count_of(n_kinds, 'kind')} occur"
    caption = (
        f"n = {many(total)} leaf modules of {count_of(n_models, 'model')}; the {min(TOP_KINDS, n_kinds)} most frequent "
        "kinds; the least frequent tasks are added up as other."
    )
    return (
        Picture(
            "module_kinds",
            f"Bars of module kinds and of the tasks' shares in them: {title}",
            caption,
            shares,
            partial(draw_kinds, title=title, tasks=task_order(tasks)),
        ),
        Picture(
            "kinds_by_task",
            "Heatmap of the mean number of modules of each kind in a model, by task, on a logarithmic scale",
            f"n = {count_of(n_models, 'model')}; an empty cell means that no model of the task has the kind.",
            shares,
            partial(draw_kind_heatmap, title=_common_title(rows), tasks=task_order(tasks)),
        ),
        _shares_picture(rows, tasks),
    )


def _shares_picture(rows: list[KindRow], tasks: list[TaskRow]) -> Picture:
    compared = tasks[:COMPARED_TASKS]
    cells = kind_shares(rows, tasks)
    highest = max(cells, key=lambda cell: (cell.mean_share, cell.task))
    title = f"{highest.kind} makes up {percent(highest.mean_share)} of a model's leaf modules in {highest.task}"
    return Picture(
        "kind_shares_by_task",
        f"Heatmap of each kind's mean share among the leaf modules of a model, by task: {title}",
        f"n = {count_of(sum(task.n_models for task in compared), 'model')} of the {count_of(len(compared), 'task')} "
        "with most models; mean of the models' own shares, linear; an empty cell means that no model of the task has "
        "the kind.",
        cells,
        partial(draw_share_heatmap, title=f"{title}, more than any other kind in any task"),
    )


def _sizes(answers: Answers) -> tuple[Block, ...]:
    rows, tasks = answers[STRUCTURES], answers[TASKS]
    shown = shown_tasks(tasks)
    # A structure of an older revision may be the only one of its task: the newest one waits for the next run.
    drawn = [replace(row, task=shown.get(row.task, OTHER)) for row in rows]
    order = task_order(tasks)
    order = (*order, OTHER) if OTHER not in order and any(row.task == OTHER for row in drawn) else order
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
            drawn,
            partial(draw_sizes, title=sizes, tasks=order),
        ),
        Picture(
            "nesting_depth",
            f"Bubbles of nesting depth by task: {nesting}",
            f"{caption} Area: share of the task's structures; bar: median.",
            drawn,
            partial(draw_nesting, title=nesting, tasks=order),
        ),
    )


def _common_title(rows: list[KindRow]) -> str:
    """Say which kinds all tasks share, in words short enough for a title."""
    n_tasks = len({row.task for row in rows})
    users = Counter(row.kind for row in rows)
    shared = sorted(kind for kind, count in users.items() if count == n_tasks)
    if not shared:
        return f"No module kind is used in all of {count_of(n_tasks, 'task')}"
    named = ", ".join(shared[:3])
    return (
        f"{count_of(len(shared), 'module kind')} of {len(users)} used in all of {count_of(n_tasks, 'task')}: {named}"
        + (", …" if len(shared) > 3 else "")
    )


KINDS_SECTION = Section("kinds", "Module kinds", "reports/extract", (KINDS, TASKS), _kinds, MISSING)
SIZES_SECTION = Section("sizes", "Sizes and depth", "reports/extract", (STRUCTURES, TASKS), _sizes, MISSING)
