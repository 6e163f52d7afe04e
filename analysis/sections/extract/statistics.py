"""The earlier miner's statistics: common blocks, frequent kinds, kinds that tasks share or have alone."""

from collections import Counter
from dataclasses import dataclass
from functools import partial

from analysis.document import Block, Picture, Statistics, paragraph
from analysis.figures.architecture import draw_counts
from analysis.numbers import many
from analysis.section import QUERIES, Answers, Section
from analysis.sections.extract.architecture import KINDS, KindRow
from analysis.sections.extract.catalog import MISSING
from analysis.sections.extract.readings import Count
from store import Query

# A layer is common when at least half of the tasks use it.
COMMON_SHARE = 0.5
TOP_BLOCKS = 20


@dataclass(frozen=True)
class BlockRow:
    """A row of `blocks.sql`."""

    block: str
    n_structures: int
    n_modules: int


BLOCKS: Query[BlockRow] = Query(QUERIES / "blocks.sql", BlockRow)


def _statistics(answers: Answers) -> tuple[Block, ...]:
    kinds, blocks = answers[KINDS], answers[BLOCKS]
    return (
        blocks_picture(blocks),
        paragraph("The earlier miner's statistics, on every module of every model, as plain text."),
        Statistics("top_types", "Most frequent module kinds", ("kind", "modules", "models"), top_types(kinds)),
        Statistics(
            "common_layers", "Kinds that at least half of the tasks use", ("kind", "tasks"), common_layers(kinds)
        ),
        Statistics("unique_layers", "Kinds that one task alone uses", ("task", "kind", "models"), unique_layers(kinds)),
        Statistics(
            "top_blocks",
            "Most frequent blocks",
            ("block", "structures", "modules"),
            tuple((row.block, many(row.n_structures), many(row.n_modules)) for row in blocks[:50]),
        ),
    )


def top_types(rows: list[KindRow]) -> tuple[tuple[str, ...], ...]:
    """Return (kind, modules, models), most modules first."""
    modules, models = Counter[str](), Counter[str]()
    for row in rows:
        modules[row.kind] += row.n_modules
        models[row.kind] += row.n_models
    order = sorted(modules, key=lambda kind: (-modules[kind], kind))
    return tuple((kind, many(modules[kind]), many(models[kind])) for kind in order)


def common_layers(rows: list[KindRow]) -> tuple[tuple[str, ...], ...]:
    """Return (kind, tasks) of the kinds that at least half of the tasks use."""
    n_tasks = len({row.task for row in rows})
    users = Counter(row.kind for row in rows)
    order = sorted(users, key=lambda kind: (-users[kind], kind))
    return tuple((kind, f"{users[kind]} of {n_tasks}") for kind in order if users[kind] >= COMMON_SHARE * n_tasks)


def unique_layers(rows: list[KindRow]) -> tuple[tuple[str, ...], ...]:
    """Return (task, kind, models) of the kinds that one task alone uses."""
    users = Counter(row.kind for row in rows)
    alone = (row for row in rows if users[row.kind] == 1)
    return tuple(
        (row.task, row.kind, many(row.n_models)) for row in sorted(alone, key=lambda row: (row.task, row.kind))
    )


def blocks_picture(rows: list[BlockRow]) -> Picture:
    """Return the picture of the blocks that most structures have."""
    shown = rows[:TOP_BLOCKS]
    named = ", ".join(row.block for row in shown[:3])
    title = f"The most common blocks are {named}"
    return Picture(
        "common_blocks",
        f"Bars of structures by block: {title}",
        f"The {len(shown)} most common of {many(len(rows))} blocks. A block is the first part of a module's path that "
        "says block, layer, encoder or decoder, else the first part; base: the module stands at the top; N: a number.",
        [Count(row.block, row.n_structures) for row in shown],
        partial(draw_counts, title=title, value_label="distinct structures that have the block"),
    )


STATISTICS_SECTION = Section("statistics", "Statistics", "reports/extract", (KINDS, BLOCKS), _statistics, MISSING)
