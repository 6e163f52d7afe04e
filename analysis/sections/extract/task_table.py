"""The tasks and the pages about them."""

from analysis.document import Block, Column, Link, Table
from analysis.numbers import decimal, many, short_count
from analysis.paths import task_page
from analysis.section import Answers, Section
from analysis.sections.extract.architecture import TASKS
from analysis.sections.extract.catalog import MISSING

# Tasks with a page of their own, those with most models.
PAGED_TASKS = 60


def _by_task(answers: Answers) -> tuple[Block, ...]:
    columns = (
        Column("Task"),
        Column("Models", numeric=True),
        Column("Distinct structures", numeric=True),
        Column("Median layers", numeric=True),
        Column("Median parameters", numeric=True),
        Column("Mean nesting depth", numeric=True),
        Column("Median nesting depth", numeric=True),
    )
    paged = {row.task for row in answers[TASKS][:PAGED_TASKS]}
    cells = (
        (
            Link(row.task, f"{task_page(row.task)}.md") if row.task in paged else row.task,
            many(row.n_models),
            many(row.n_structures),
            decimal(row.median_layers),
            short_count(row.median_parameters),
            decimal(row.mean_depth),
            decimal(row.median_depth),
        )
        for row in answers[TASKS]
    )
    return (Table(columns, tuple(cells)),)


TASKS_SECTION = Section("tasks", "Tasks", "reports/extract", (TASKS,), _by_task, MISSING)
