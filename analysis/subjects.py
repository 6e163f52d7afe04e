"""The models that were pruned or analysed."""

from dataclasses import dataclass

from analysis.section import QUERIES, Answers
from store import Query


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


SUBJECTS: Query[SubjectRow] = Query(QUERIES / "subjects.sql", SubjectRow)


def families_of(answers: Answers) -> dict[tuple[str, str], str | None]:
    """Return the family of each measured model by (source, model)."""
    return {(row.source, row.model_id): row.family_id for row in answers[SUBJECTS]}
