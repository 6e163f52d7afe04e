"""How tasks differ: layers, diversity of kinds, nesting; which tasks are built alike."""

from collections.abc import Sequence
from functools import partial

from analysis.document import Block, Picture, paragraph
from analysis.figures.tasks import draw_boxes, draw_hierarchy, draw_profiles, draw_similarity
from analysis.numbers import count_of, decimal, many, percent
from analysis.section import Answers, Section
from analysis.sections.extract.architecture import KINDS, TASKS, KindRow, TaskRow
from analysis.sections.extract.catalog import MISSING
from analysis.sections.extract.task_profiles import (
    FEWEST_MODELS,
    LEVELS,
    MOST_TASKS,
    NOT_STATED,
    LevelRow,
    TaskProfile,
    TaskSimilarity,
    level_shares,
    similar_beside,
    task_profiles,
    task_similarities,
)

BOXED_TASKS = 9
BOXED_KINDS = 10


def boxed(rows: Sequence[KindRow], task: str) -> list[KindRow]:
    """Return the kinds with most modules in a task, most first."""
    return [row for row in rows if row.task == task][:BOXED_KINDS]


def boxes_picture(name: str, rows: Sequence[KindRow], title: str) -> Picture:
    """Return boxes of modules a model by kind, a panel a task."""
    return Picture(
        name,
        f"Boxes of the number of modules of each kind in a model: {title}",
        "In brackets: n models of the task that have the kind; a box spans their quartiles, its line is the median, "
        f"whiskers go from the fewest to the most. The {BOXED_KINDS} kinds with most modules.",
        rows,
        partial(draw_boxes, title=title),
    )


def _comparison(answers: Answers) -> tuple[Block, ...]:
    profiles = list(answers.derive(task_profiles).values())
    return (
        _profiles_picture(profiles),
        _hierarchy_picture(answers[LEVELS], profiles),
        *_similarity_blocks(task_similarities(answers[KINDS], answers[TASKS])),
        *_boxes_blocks(answers[KINDS], answers[TASKS]),
    )


def _profiles_picture(profiles: Sequence[TaskProfile]) -> Picture:
    shown = profiles[:MOST_TASKS]
    counted = _told(shown)
    diverse = max(counted, key=lambda profile: (profile.effective_kinds, profile.task))
    deep = max(counted, key=lambda profile: (profile.mean_layers, profile.task))
    title = (
        f"{deep.task} has most layers ({decimal(deep.mean_layers)} on average), {diverse.task} the most diverse kinds "
        f"({decimal(diverse.effective_kinds)} effective)"
    )
    return Picture(
        "task_profiles",
        f"Dots of layers, modules, kinds and nesting levels by task: {title}",
        f"The {count_of(len(shown), 'task')} with most models of {many(len(profiles))}; n models beside each. "
        "Effective kinds: how many equally frequent kinds would have the same entropy. The title is of tasks with "
        f"at least {FEWEST_MODELS} models.",
        shown,
        partial(draw_profiles, title=title),
    )


def _told(profiles: Sequence[TaskProfile]) -> Sequence[TaskProfile]:
    """Return the tasks that a title may name: stated ones with enough models, all of them where there is none."""
    return [row for row in profiles if row.n_models >= FEWEST_MODELS and row.task != NOT_STATED] or profiles


def _hierarchy_picture(rows: Sequence[LevelRow], profiles: Sequence[TaskProfile]) -> Picture:
    shown = _told(profiles[:MOST_TASKS])
    flat = min(shown, key=lambda profile: (profile.mean_nesting, profile.task))
    deep = max(shown, key=lambda profile: (profile.mean_nesting, profile.task))
    title = (
        f"Modules lie deepest in {deep.task} (level {decimal(deep.mean_nesting)} on average), least deep in "
        f"{flat.task} ({decimal(flat.mean_nesting)})"
    )
    shares = level_shares(rows, profiles)
    return Picture(
        "hierarchy_by_task",
        f"Heatmap of the share of modules at each nesting level, by task: {title}",
        f"n = {many(sum(share.n_modules for share in shares))} modules of all models of the "
        f"{count_of(min(MOST_TASKS, len(profiles)), 'task')} with most models, repeated blocks counted out.",
        shares,
        partial(draw_hierarchy, title=title),
    )


def _similarity_blocks(pairs: Sequence[TaskSimilarity]) -> tuple[Block, ...]:
    other = [pair for pair in pairs if pair.task < pair.other_task and NOT_STATED not in (pair.task, pair.other_task)]
    if not other:
        return (paragraph(f"Fewer than two tasks have {FEWEST_MODELS} models, so no tasks are compared."),)
    nearest = max(other, key=lambda pair: (pair.similarity, pair.task, pair.other_task))
    farthest = min(other, key=lambda pair: (pair.similarity, pair.task, pair.other_task))
    title = (
        f"Most alike: {nearest.task} and {nearest.other_task} ({percent(nearest.similarity)}); least alike: "
        f"{farthest.task} and {farthest.other_task} ({percent(farthest.similarity)})"
    )
    order = similar_beside(pairs)
    picture = Picture(
        "task_similarity",
        f"Heatmap of similarity between tasks by the kinds of their modules: {title}",
        "1 - Jensen-Shannon divergence (bits) between the tasks' mean shares of leaf module kinds: 100 % = the same "
        f"shares, 0 % = no kind in common. The {count_of(len(order), 'task')} with most models and at least "
        f"{FEWEST_MODELS}; similar tasks stand beside each other (average linkage).",
        pairs,
        partial(draw_similarity, title=title, order=order),
    )
    return (picture,)


def _boxes_blocks(rows: Sequence[KindRow], tasks: Sequence[TaskRow]) -> tuple[Block, ...]:
    shown = [task.task for task in tasks if task.n_models >= FEWEST_MODELS][:BOXED_TASKS]
    drawn = [row for task in shown for row in boxed(rows, task)]
    if not drawn:
        return (paragraph(f"No task has {FEWEST_MODELS} models, so there are no boxes."),)
    widest = max(drawn, key=lambda row: (row.upper_quartile / row.lower_quartile, row.n_models, row.task, row.kind))
    title = (
        f"Models of a task differ: the middle half of {widest.task} has {decimal(widest.lower_quartile)} to "
        f"{decimal(widest.upper_quartile)} {widest.kind} modules"
    )
    return (boxes_picture("kind_spread", drawn, title),)


COMPARISON_SECTION = Section(
    "task-comparison", "Tasks compared", "reports/extract", (TASKS, KINDS, LEVELS), _comparison, MISSING
)
