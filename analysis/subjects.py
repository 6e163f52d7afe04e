"""The models that were pruned or analysed, and the methods that did it."""

from dataclasses import dataclass

from analysis.comparison import DAMAGE
from analysis.section import QUERIES, Answers
from store import Query

MOST_PAGES = 200


@dataclass(frozen=True)
class SubjectRow:
    """A row of `subjects.sql`. `traits` are "name: value"."""

    source: str
    model_id: str
    revision: str
    family_id: str | None
    task: str | None
    license: str | None
    base_model: str | None
    downloads: int | None
    n_parameters: int | None
    n_layers: int | None
    hidden_size: int | None
    traits: list[str]


@dataclass(frozen=True)
class MethodRow:
    """A row of `methods.sql`. `calibrated`: it looks at text; `random`: its seed matters."""

    method: str
    version: int
    scope: str
    origin: str | None
    calibrated: bool
    random: bool | None
    n_models: int
    n_done: int
    n_refused: int
    n_failed: int


SUBJECTS: Query[SubjectRow] = Query(QUERIES / "subjects.sql", SubjectRow)
METHODS: Query[MethodRow] = Query(QUERIES / "methods.sql", MethodRow)


def families_of(answers: Answers) -> dict[tuple[str, str], str | None]:
    """Return the family of each measured model by (source, model)."""
    return {(row.source, row.model_id): row.family_id for row in answers[SUBJECTS]}


def listed_subjects(answers: Answers) -> list[SubjectRow]:
    """Return the models that have a page: the first 200, those with damage before others, by source and name."""
    pruned = {(row.source, row.model_id) for row in answers[DAMAGE]}
    ordered = sorted(
        answers[SUBJECTS], key=lambda row: ((row.source, row.model_id) not in pruned, row.source, row.model_id)
    )
    return ordered[:MOST_PAGES]
