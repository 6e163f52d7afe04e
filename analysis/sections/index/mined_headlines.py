"""Headlines about what was mined and how it was grouped."""

from analysis.cited import Cited, cites
from analysis.document import Number
from analysis.relations.constants import CITED_CONSTANTS, constant
from analysis.section import Answers
from analysis.sections.extract.catalog import SOURCES, SourceRow
from analysis.sections.index.words import CITED_FAMILIES, CITED_TOTALS, TOTALS, Sentence, joined, strong
from analysis.sections.process.families import FAMILIES
from analysis.sections.process.names import DUPLICATES, widest_level

QUERIES_USED = (SOURCES, TOTALS, FAMILIES, DUPLICATES)
_CITED_SOURCES = Cited("sources", ("source",))
_CITED_DUPLICATES = Cited("duplicates", ("rule", "position"))


def mined_sentence(answers: Answers) -> Sentence:
    """Say how many models were mined from where, and how many gave a structure."""
    [totals] = answers[TOTALS]
    listed = [part for row in answers[SOURCES] for part in (", ", *_source(row))][1:]
    return (
        strong(*CITED_TOTALS.counted(totals, "n_revisions", "model revision"), " mined"),
        joined("(", *listed, "):"),
        joined(CITED_TOTALS.number(totals, "n_extracted", "many"), " gave a structure,"),
        joined(CITED_TOTALS.number(totals, "n_structures", "many"), " of them distinct;"),
        joined(CITED_TOTALS.number(totals, "n_without", "many"), " did not, each with its reason below."),
        cites(CITED_TOTALS, _CITED_SOURCES),
    )


def _source(row: SourceRow) -> tuple[Number | str, ...]:
    at = f" at {row.greatest_revision}" if row.n_revisions == 1 else ""
    return _CITED_SOURCES.number(row, "n_models", "many"), f" from {row.source}{at}"


def family_sentences(answers: Answers) -> list[Sentence]:
    """Say how many families there are and which is the largest, nothing without families."""
    rows = answers[FAMILIES]
    if not rows:
        return []
    [totals] = answers[TOTALS]
    largest = rows[0]
    return [
        (
            strong(
                *CITED_TOTALS.counted(totals, "n_families", "family"),
                " among ",
                *CITED_TOTALS.counted(totals, "n_family_models", "model"),
            ),
            f"(strategy {largest.strategy},",
            joined("threshold ", CITED_TOTALS.number(totals, "threshold", "plain"), ");"),
            f"the largest, {largest.family_id}, has",
            joined(*CITED_FAMILIES.counted(largest, "n_models", "model"), ";"),
            joined(
                CITED_TOTALS.number(totals, "n_families_with_weights", "many"), " have a representative with weights."
            ),
            cites(CITED_TOTALS, CITED_FAMILIES),
        )
    ]


def name_sentences(answers: Answers) -> list[Sentence]:
    """Say how many names are structural duplicates, nothing without families."""
    rows = answers[DUPLICATES]
    if not rows:
        return []
    widest = widest_level(rows)
    same = min((row for row in rows if row.rule == widest.rule), key=lambda row: row.position)
    cited = _CITED_DUPLICATES
    return [
        (
            strong(
                cited.number(widest, "duplicate_share", "percent"),
                " of ",
                cited.number(widest, "n_names", "many"),
                " distinct names are structural duplicates",
            ),
            joined("when width and depth are ignored, ", cited.number(same, "duplicate_share", "percent")),
            joined("when sizes must match; the earlier miner published ", constant("published_share", "percent")),
            joined("for ", constant("published_names", "many"), " Hub names."),
            cites(cited, CITED_CONSTANTS),
        )
    ]
