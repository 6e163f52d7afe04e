"""Tasks in numbers: layers, diversity of kinds, nesting; how alike two tasks are."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from analysis.grouped import grouped
from analysis.section import QUERIES, Answers
from analysis.sections.extract.architecture import KINDS, TASKS, KindRow, TaskRow
from store import Query

FEWEST_MODELS = 3  # of a task that is compared or gets boxes, as in the earlier miner
MOST_TASKS = 20
NOT_STATED = "not stated"  # what the queries call models without a task
# Digits of a divergence that count where tasks are put in an order.
_DECIMALS = 9


@dataclass(frozen=True)
class LevelRow:
    """A row of `hierarchy.sql`."""

    task: str
    depth: int
    n_modules: int


@dataclass(frozen=True)
class TaskProfile:
    """A task in numbers; layers, modules and nesting levels are those of its models.

    `effective_kinds` = 2^entropy of the mean shares of kinds (Hill number of order 1; Jost, Oikos 113, 2006).
    Nesting levels count from 1 = child of the root, over all modules of all models; the median is the lower one.
    """

    task: str
    n_models: int
    mean_layers: float
    median_layers: float
    mean_modules: float
    n_kinds: int
    entropy_bits: float
    effective_kinds: float
    mean_nesting: float
    median_nesting: int


@dataclass(frozen=True)
class LevelShare:
    """The share of a task's modules that lie at a nesting level, fraction in [0, 1]."""

    task: str
    depth: int
    n_modules: int
    share: float


@dataclass(frozen=True)
class TaskSimilarity:
    """How alike the kinds of two tasks are distributed: 1 - Jensen-Shannon divergence in bits, in [0, 1]."""

    task: str
    other_task: str
    similarity: float
    n_models: int
    n_other_models: int


class OfTask(Protocol):
    """A row about one task."""

    @property
    def task(self) -> str: ...


Row = TypeVar("Row", bound=OfTask)
LEVELS: Query[LevelRow] = Query(QUERIES / "hierarchy.sql", LevelRow)


def by_task(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return the rows of each task; a task without rows has none."""
    return grouped(rows, lambda row: row.task)


def task_profiles(answers: Answers) -> dict[str, TaskProfile]:
    """Return the profile of each task, most models first."""
    kinds, levels = by_task(answers[KINDS]), by_task(answers[LEVELS])
    return {row.task: _profile(row, kinds[row.task], levels[row.task]) for row in answers[TASKS]}


def similarity_of(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Return 1 - Jensen-Shannon divergence in bits of two distributions: 1 = equal, 0 = nothing in common.

    J. Lin, IEEE Transactions on Information Theory 37, 1991.
    """
    mean = {kind: (one.get(kind, 0.0) + other.get(kind, 0.0)) / 2 for kind in sorted({*one, *other})}
    divergence = entropy(mean) - (entropy(one) + entropy(other)) / 2
    return min(1.0, max(0.0, 1.0 - divergence))


def entropy(shares: Mapping[str, float]) -> float:
    """Return the entropy of a distribution in bits."""
    return math.fsum(-share * math.log2(share) for share in shares.values() if share > 0)


def task_similarities(rows: Sequence[KindRow], tasks: Sequence[TaskRow]) -> list[TaskSimilarity]:
    """Return every ordered pair of the tasks with enough models, at most the first `MOST_TASKS` of them."""
    compared = [task for task in tasks if task.n_models >= FEWEST_MODELS][:MOST_TASKS]
    shares = {task: _shares(found) for task, found in by_task(rows).items()}
    return [
        TaskSimilarity(
            a.task, b.task, similarity_of(shares[a.task], shares[b.task]), a.n_models, b.n_models
        )
        for a in compared
        for b in compared
        if shares.get(a.task) and shares.get(b.task)
    ]  # fmt: skip


def level_shares(rows: Sequence[LevelRow], profiles: Sequence[TaskProfile]) -> list[LevelShare]:
    """Return the share of modules by nesting level of the tasks with most models."""
    levels = by_task(rows)
    shown = [profile.task for profile in profiles[:MOST_TASKS]]
    totals = {task: sum(row.n_modules for row in levels[task]) for task in shown}
    return [
        LevelShare(task, row.depth, row.n_modules, row.n_modules / totals[task])
        for task in shown
        for row in levels[task]
    ]


def similar_beside(pairs: Sequence[TaskSimilarity]) -> list[str]:
    """Return the tasks in an order that puts similar ones beside each other (average linkage)."""
    from scipy.cluster.hierarchy import leaves_list, linkage

    names = list(dict.fromkeys(pair.task for pair in pairs))
    if len(names) < 3:
        return names
    apart = {(pair.task, pair.other_task): round(1.0 - pair.similarity, _DECIMALS) for pair in pairs}
    condensed = [apart[a, b] for index, a in enumerate(names) for b in names[index + 1 :]]
    return [names[index] for index in leaves_list(linkage(condensed, "average"))]


def _profile(row: TaskRow, kinds: Sequence[KindRow], levels: Sequence[LevelRow]) -> TaskProfile:
    bits = entropy(_shares(kinds))
    modules = sum(level.n_modules for level in levels)
    mean = sum(level.depth * level.n_modules for level in levels) / modules if modules else 0.0
    return TaskProfile(
        row.task, row.n_models, row.mean_layers, row.median_layers, row.mean_modules, len(kinds), bits, 2.0**bits,
        mean, _median_level(levels),
    )  # fmt: skip


def _median_level(levels: Sequence[LevelRow]) -> int:
    """Return the lower median of the levels of modules; 0 = there are none."""
    half, seen = sum(level.n_modules for level in levels) / 2, 0
    for level in sorted(levels, key=lambda level: level.depth):
        seen += level.n_modules
        if seen >= half:
            return level.depth
    return 0


def _shares(rows: Sequence[KindRow]) -> dict[str, float]:
    return {row.kind: row.mean_share for row in rows}
