"""How to read the redundancy page."""

from analysis.document import Block, Bullets, Link, Strong, paragraph
from analysis.numbers import count_of
from analysis.section import Answers, Section
from analysis.sections.redundancy.ablation import ABLATION, MISSING

_LOOK = (
    (
        "Damage of single parts:",
        "the truth that the cheap scores below are held against: what stands near the bottom edge is not missed.",
    ),
    (
        "Redundancy of layers:",
        "look for dark cells that go far up: a long block that hardly turns the state can go in one piece.",
    ),
    ("Heads:", "look for dark cells in the first two pictures: little importance, or a near double."),
    (
        "A copy instead of a layer:",
        "look for cells darker than the diagonal of their row: there a copy of another layer is better than nothing.",
    ),
    ("Likeness of states:", "look for bright squares along the diagonal: runs of layers that change little."),
    (
        "Ranks of matrices:",
        "look for dark rows: projections that use few of their directions, which factorisation can shorten.",
    ),
)


def _guide(answers: Answers) -> tuple[Block, ...]:
    models = count_of(len({(row.source, row.model_id) for row in answers[ABLATION]}), "model")
    about = paragraph(
        f"Nothing was pruned here: these are measurements of {models} as they are. They say where a model repeats "
        "itself, and so what is worth trying to cut.",
        "Which of them foretells measured damage is on another page:",
        Link("Prediction", "reports/prediction.md"),
    )
    return about, Bullets(tuple((Strong(name), text) for name, text in _LOOK))


GUIDE_SECTION = Section("redundancy-guide", "What to look at", "reports/redundancy", (ABLATION,), _guide, MISSING)
