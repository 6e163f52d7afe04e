"""A page a model that was pruned or analysed."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from analysis.comparison import DAMAGE, DamageRow, damage_rows
from analysis.document import Block, Column, Link, Table, paragraph
from analysis.grouped import grouped
from analysis.leaderboard import LeaderboardRow, leaderboard_rows
from analysis.losses import LOSSES
from analysis.numbers import many, short_count
from analysis.pages.failures import FAILURES, FailureRow, failures_table
from analysis.pages.model_damage import curves, headroom_table, results_table
from analysis.paths import method_page, model_page
from analysis.section import Answers, PageSet, SubjectPage
from analysis.sections.prune.dense import DENSE, DenseRow, dense_table
from analysis.sections.prune.samples import SAMPLES, SampleRow, side_by_side
from analysis.sections.redundancy.depth import DEPTH, DepthRow, blocks_table, depth_sentence
from analysis.subjects import SUBJECTS, SubjectRow, listed_subjects

MOST_PICTURES = 30
UNKNOWN = "not stated"
Key = tuple[str, str]
Row = TypeVar("Row", DamageRow, LeaderboardRow, SampleRow, FailureRow, DepthRow, DenseRow)
Part = tuple[str, tuple[Block, ...]]
_LOSE = "The greatest measured ratio of each scope whose perplexity is at most 1.1 or 1.5 times dense."
_UNDRAWN = f"Curves are drawn for the first {MOST_PICTURES} models only; every number stands in the table."
_TEXT = "Greedy continuations of the same prompt, beside the methods of least and greatest damage at about 50 % asked."
_RESULTS = (
    "Over dense is paired on the same windows. Random and trivial are the baselines that removed as much, "
    "by the budget; FLOPs and latency are shares of the dense model's."
)


def _pages(answers: Answers) -> tuple[SubjectPage, ...]:
    subjects = answers.derive(listed_subjects)
    damage, results = _by_model(answers.derive(damage_rows)), _by_model(answers.derive(leaderboard_rows))
    texts, failures, blocks = _by_model(answers[SAMPLES]), _by_model(answers[FAILURES]), _by_model(answers[DEPTH])
    dense = _by_model(answers[DENSE])
    pages = []
    for position, subject in enumerate(subjects):
        key = subject.source, subject.model_id
        parts: list[Part] = [("What it is", (_identity(subject),))]
        if key in dense:
            parts.append(("Dense", (dense_table(dense[key]),)))
        if key in damage:
            parts += _damage_parts(subject, damage[key], results[key], drawn=position < MOST_PICTURES)
            parts.append(("Generated text", (paragraph(_TEXT), *side_by_side(texts[key], damage[key]))))
        parts.append(("Redundancy", _redundancy(blocks[key])))
        parts.append(("Experiments without numbers", failures_table(failures[key])))
        pages.append(SubjectPage(_path(subject), subject.model_id, tuple(parts)))
    return tuple(pages)


def _damage_parts(
    subject: SubjectRow, damage: list[DamageRow], results: list[LeaderboardRow], *, drawn: bool
) -> list[Part]:
    name = f"damage_of-{_path(subject).rsplit('/', 1)[-1]}"
    picture: tuple[Block, ...] = (curves(name, damage),) if drawn else (paragraph(_UNDRAWN),)
    return [
        ("What it can lose", (paragraph(_LOSE), headroom_table(damage))),
        ("Damage", (*picture, paragraph(_RESULTS), results_table(results), _methods(results))),
    ]


def _methods(results: Sequence[LeaderboardRow]) -> Block:
    """Return links to the pages of the methods."""
    names = sorted({row.method for row in results})
    return paragraph("Methods:", *(Link(name, f"{method_page(name)}.md") for name in names))


def _redundancy(blocks: list[DepthRow]) -> tuple[Block, ...]:
    link = paragraph("Heatmaps of several models:", Link("Redundancy", "reports/redundancy.md"))
    if not blocks:
        return paragraph("Its layers were not analysed."), link
    return paragraph(f"{depth_sentence(blocks)} The best block of each size:"), blocks_table(blocks), link


def _by_model(rows: Iterable[Row]) -> dict[Key, list[Row]]:
    return grouped(rows, lambda row: (row.source, row.model_id))


def _path(subject: SubjectRow) -> str:
    return model_page(subject.source, subject.model_id)


def _identity(subject: SubjectRow) -> Table:
    lines = (
        ("Model", subject.model_id),
        ("Source", subject.source),
        ("Revision", subject.revision),
        ("Family", subject.family_id or "none"),
        ("Task", subject.task or UNKNOWN),
        ("Licence", subject.license or UNKNOWN),
        ("Base model", subject.base_model or UNKNOWN),
        ("Downloads", _count(subject.downloads)),
        ("Parameters", UNKNOWN if subject.n_parameters is None else short_count(subject.n_parameters)),
        ("Layers", _count(subject.n_layers)),
        ("Hidden size", _count(subject.hidden_size)),
        ("Traits", "; ".join(subject.traits) or UNKNOWN),
    )
    return Table((Column("Property"), Column("Value")), lines)


def _count(number: int | None) -> str:
    return UNKNOWN if number is None else many(number)


MODEL_PAGES = PageSet("models", "Models", (SUBJECTS, DAMAGE, LOSSES, DENSE, SAMPLES, DEPTH, FAILURES), _pages)
