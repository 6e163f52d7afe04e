"""A page a task: what its models are made of, and which they are."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analysis.document import Block, Code, Column, Paragraph, Table, paragraph
from analysis.numbers import count_of, decimal, known_span, many, percent, short_count, span
from analysis.paths import file_name, task_page
from analysis.section import QUERIES, Answers, PageSet, SubjectPage
from analysis.sections.extract.architecture import KINDS, TASKS, KindRow, TaskRow
from analysis.sections.extract.task_comparison import boxed, boxes_picture
from analysis.sections.extract.task_profiles import FEWEST_MODELS, LEVELS, TaskProfile, by_task, task_profiles
from analysis.sections.extract.task_table import PAGED_TASKS
from store import Query

# Tasks whose page has a picture, those with most models.
PICTURED_TASKS = 12
LISTED_KINDS = 15


@dataclass(frozen=True)
class TaskBlockRow:
    """A row of `task_blocks.sql`."""

    task: str
    block: str
    n_models: int


@dataclass(frozen=True)
class TaskFamilyRow:
    """A row of `task_families.sql`."""

    task: str
    family_id: str
    n_models: int
    downloads: int | None
    fewest_parameters: int | None
    most_parameters: int | None


@dataclass(frozen=True)
class TaskModelRow:
    """A row of `task_models.sql`."""

    task: str
    source: str
    model_id: str
    family_id: str | None
    downloads: int | None
    n_parameters: int
    n_layers: int
    size_rank: int
    download_rank: int | None


@dataclass(frozen=True)
class _Subject:
    """All that a page shows of one task."""

    row: TaskRow
    profile: TaskProfile
    kinds: Sequence[KindRow]
    own_kinds: Sequence[KindRow]  # in no other task
    blocks: Sequence[TaskBlockRow]
    families: Sequence[TaskFamilyRow]
    models: Sequence[TaskModelRow]
    pictured: bool


TASK_BLOCKS: Query[TaskBlockRow] = Query(QUERIES / "task_blocks.sql", TaskBlockRow)
TASK_FAMILIES: Query[TaskFamilyRow] = Query(QUERIES / "task_families.sql", TaskFamilyRow)
TASK_MODELS: Query[TaskModelRow] = Query(QUERIES / "task_models.sql", TaskModelRow)


def task_pages(answers: Answers) -> tuple[SubjectPage, ...]:
    """Return the pages of the tasks with most models."""
    return tuple(_page(subject) for subject in _subjects(answers))


def _subjects(answers: Answers) -> list[_Subject]:
    profiles = answers.derive(task_profiles)
    kinds, blocks = by_task(answers[KINDS]), by_task(answers[TASK_BLOCKS])
    families, models = by_task(answers[TASK_FAMILIES]), by_task(answers[TASK_MODELS])
    users = Counter(row.kind for row in answers[KINDS])
    return [
        _Subject(
            row,
            profiles[row.task],
            kinds[row.task],
            [kind for kind in kinds[row.task] if users[kind.kind] == 1],
            blocks[row.task],
            families[row.task],
            models[row.task],
            place < PICTURED_TASKS and row.n_models >= FEWEST_MODELS,
        )
        for place, row in enumerate(answers[TASKS][:PAGED_TASKS])
    ]


def _page(subject: _Subject) -> SubjectPage:
    parts = (
        ("In numbers", _numbers(subject)),
        ("Module kinds", _kinds(subject)),
        ("Blocks", _blocks(subject)),
        ("Families", _families(subject)),
        ("Models", _models(subject)),
    )
    return SubjectPage(task_page(subject.row.task), f"Task: {subject.row.task}", parts)


def _numbers(subject: _Subject) -> tuple[Block, ...]:
    row, profile = subject.row, subject.profile
    cells = (
        ("Models with a structure", many(row.n_models)),
        ("Distinct structures", many(row.n_structures)),
        ("Parameters", span(row.fewest_parameters, row.most_parameters)),
        ("Median parameters", short_count(row.median_parameters)),
        ("Layers (longest run of equal blocks), mean", decimal(row.mean_layers)),
        ("Layers, median", decimal(row.median_layers)),
        ("Modules a model, mean", decimal(row.mean_modules)),
        ("Kinds of leaf modules", many(profile.n_kinds)),
        ("Entropy of the mean shares of kinds, bits", decimal(profile.entropy_bits)),
        ("Nesting level of modules, mean", decimal(profile.mean_nesting)),
        ("Nesting level of modules, median", many(profile.median_nesting)),
        ("Deepest module of a model, mean", decimal(row.mean_depth)),
    )
    return (Table((Column("What"), Column("Value", numeric=True)), cells),)


def _kinds(subject: _Subject) -> tuple[Block, ...]:
    if not subject.kinds:
        return (paragraph("No leaf module of a known kind: the structures were read from tensor names alone."),)
    columns = (
        Column("Kind"),
        Column("Models", numeric=True),
        Column("Modules", numeric=True),
        Column("Mean share of a model", numeric=True),
        Column("Modules a model, median [quartiles]", numeric=True),
    )
    shown = subject.kinds[:LISTED_KINDS]
    table = Table(columns, tuple(_kind_cells(row) for row in shown))
    sentence = (
        f"The {len(shown)} most frequent of {count_of(len(subject.kinds), 'kind')}; medians over models that have it."
    )
    return (*_boxes(subject), paragraph(sentence), table, _own_kinds(subject))


def _kind_cells(row: KindRow) -> tuple[str, ...]:
    quartiles = f"{decimal(row.median_modules)} [{decimal(row.lower_quartile)}, {decimal(row.upper_quartile)}]"
    return row.kind, many(row.n_models), many(row.n_modules), percent(row.mean_share), quartiles


def _boxes(subject: _Subject) -> tuple[Block, ...]:
    if not subject.pictured:
        return ()
    rows = boxed(subject.kinds, subject.row.task)
    first = rows[0]
    title = (
        f"{subject.row.task}: half of the {count_of(first.n_models, 'model')} with {first.kind} have at least "
        f"{decimal(first.median_modules)} of it"
    )
    return (boxes_picture(f"boxes-{file_name(subject.row.task)}", rows, title),)


def _own_kinds(subject: _Subject) -> Paragraph:
    if not subject.own_kinds:
        return paragraph("Every kind occurs in other tasks, too.")
    named = ", ".join(row.kind for row in subject.own_kinds[:LISTED_KINDS])
    return paragraph(f"In no other task: {named}.")


def _blocks(subject: _Subject) -> tuple[Block, ...]:
    if not subject.blocks:
        return (paragraph("No blocks are known."),)
    cells = tuple(
        (row.block, many(row.n_models), percent(row.n_models / subject.row.n_models)) for row in subject.blocks
    )
    columns = (Column("Block"), Column("Models", numeric=True), Column("Share", numeric=True))
    return (Table(columns, cells),)


def _families(subject: _Subject) -> tuple[Block, ...]:
    if not subject.families:
        return (paragraph("No families yet: run", Code("python run_pipeline.py --process")),)
    columns = (
        Column("Family"),
        Column("Models of the task", numeric=True),
        Column("Parameters", numeric=True),
        Column("Downloads", numeric=True),
    )
    cells = tuple(
        (
            row.family_id,
            many(row.n_models),
            known_span(row.fewest_parameters, row.most_parameters),
            _stated(row.downloads),
        )
        for row in subject.families
    )
    return paragraph(f"The {len(cells)} with most models of the task."), Table(columns, cells)


def _models(subject: _Subject) -> tuple[Block, ...]:
    largest = [row for row in subject.models if row.size_rank <= 10]
    popular = sorted((row for row in subject.models if row.download_rank), key=lambda row: row.download_rank or 0)[:10]
    blocks: list[Block] = [paragraph("With most parameters:"), _model_table(largest)]
    if popular:
        return (*blocks, paragraph("Most downloaded in the last 30 days:"), _model_table(popular))
    return (*blocks, paragraph("The source does not say how often the models are downloaded."))


def _model_table(rows: Iterable[TaskModelRow]) -> Table:
    columns = (
        Column("Model"),
        Column("Source"),
        Column("Family"),
        Column("Parameters", numeric=True),
        Column("Layers", numeric=True),
        Column("Downloads", numeric=True),
    )
    cells = (
        (
            row.model_id,
            row.source,
            row.family_id or "none",
            short_count(row.n_parameters),
            many(row.n_layers),
            _stated(row.downloads),
        )
        for row in rows
    )
    return Table(columns, tuple(cells))


def _stated(number: int | None) -> str:
    return "not stated" if number is None else short_count(number)


TASK_PAGES = PageSet(
    "tasks",
    "A page a task",
    (TASKS, KINDS, LEVELS, TASK_BLOCKS, TASK_FAMILIES, TASK_MODELS),
    task_pages,
)
