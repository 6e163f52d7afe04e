"""Where the pages about single models and methods are."""

from analysis.document import Block, Code, Column, Link, Subheading, Table, paragraph
from analysis.numbers import many
from analysis.paths import method_page, model_page
from analysis.section import Answers, Section
from analysis.subjects import METHODS, MOST_PAGES, SUBJECTS, listed_subjects

MISSING = ("Nothing was pruned or analysed yet: run", Code("python run_pipeline.py --prune"))


def _subjects(answers: Answers) -> tuple[Block, ...]:
    listed, all_of_them = answers.derive(listed_subjects), answers[SUBJECTS]
    models = Table(
        (Column("Model"), Column("Family"), Column("Task"), Column("Layers", numeric=True)),
        tuple(
            (
                Link(row.model_id, f"{model_page(row.source, row.model_id)}.md"),
                row.family_id or "none",
                row.task or "not stated",
                "" if row.n_layers is None else many(row.n_layers),
            )
            for row in listed
        ),
    )
    blocks: list[Block] = [Subheading("Models"), models]
    if len(all_of_them) > len(listed):
        blocks.append(paragraph(f"{MOST_PAGES} of {many(len(all_of_them))} models have a page, the pruned ones first."))
    methods = tuple(
        (Link(row.method, f"{method_page(row.method)}.md"), row.scope, row.origin or "not recorded", many(row.n_models))
        for row in answers[METHODS]
    )
    if methods:
        columns = (Column("Method"), Column("Scope"), Column("Source"), Column("Models", numeric=True))
        blocks += [Subheading("Methods"), Table(columns, methods)]
    return tuple(blocks)


SUBJECTS_SECTION = Section(
    "subjects", "A page a model, a page a method", "reports/prune", (SUBJECTS, METHODS), _subjects, MISSING
)
