"""How models and experiments ended, counted: what watches over the report compares with earlier reports."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from analysis.section import Answers, Export
from analysis.sections.extract.catalog import OUTCOMES
from analysis.sections.index.words import TOTALS
from analysis.sections.prune.unfinished import UNFINISHED
from analysis.tabular import csv_text


@dataclass(frozen=True)
class OutcomeCount:
    """A line of exports/outcomes.csv.

    Of models (revisions, really) a status is extracted, skipped or failed; of experiments done, refused or failed.
    """

    what: Literal["models", "experiments"]
    status: str
    count: int


def outcome_counts(answers: Answers) -> list[OutcomeCount]:
    """Return the counts above 0, models first, by status."""
    models, experiments = Counter[str](), Counter[str]()
    for row in answers[OUTCOMES]:
        models[row.status] += row.n_models
    for row in answers[UNFINISHED]:
        experiments[row.status] += row.n_experiments
    for row in answers[TOTALS]:
        experiments["done"] += row.n_experiments
    return [
        *(OutcomeCount("models", status, count) for status, count in sorted(models.items()) if count),
        *(OutcomeCount("experiments", status, count) for status, count in sorted(experiments.items()) if count),
    ]


def _files(answers: Answers) -> Mapping[str, bytes]:
    rows = outcome_counts(answers)
    return {"exports/outcomes.csv": csv_text(rows).encode()} if rows else {}


OUTCOMES_EXPORT = Export("outcomes", "Outcomes", (OUTCOMES, UNFINISHED, TOTALS), _files)
