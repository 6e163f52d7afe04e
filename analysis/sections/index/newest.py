"""The newest picture: of the last stage that has results."""

from dataclasses import replace

from analysis.cited import cites
from analysis.comparison import DAMAGE, damage_rows
from analysis.document import Block, Picture, paragraph
from analysis.losses import LOSSES
from analysis.section import Answers, Section
from analysis.sections.extract.catalog import MISSING, OUTCOMES, outcomes_picture
from analysis.sections.index.words import CITED_TOTALS, TOTALS, joined
from analysis.sections.process.families import FAMILIES, families_picture
from analysis.sections.prune.damage import damage_picture


def _newest(answers: Answers) -> tuple[Block, ...]:
    """Return the picture and how many it is about; numbers in its own words would have no query beside them."""
    [totals] = answers[TOTALS]
    if answers[DAMAGE]:
        picture = _without_numbers(
            damage_picture(answers.derive(damage_rows)),
            "Lines of perplexity over dense against the asked share, a panel a scope and a line a method",
            "Perplexity over the dense model's, logarithmic: median over models, bars from least to greatest; the "
            "share is of what each scope may remove.",
        )
        count = CITED_TOTALS.counted(totals, "n_pruned_models", "model")
    elif answers[FAMILIES]:
        picture = _without_numbers(
            families_picture(answers[FAMILIES]),
            "Bars of models a family, the largest families",
            "Ranges are over the members' structures.",
        )
        count = CITED_TOTALS.counted(totals, "n_family_models", "model")
    else:
        picture = _without_numbers(
            outcomes_picture(answers[OUTCOMES]),
            "Bars of outcomes by reason and source",
            "Each model revision is counted once, by its newest outcome.",
        )
        count = CITED_TOTALS.counted(totals, "n_revisions", "model revision")
    return picture, paragraph(joined("n = ", *count, "."), cites(CITED_TOTALS))


def _without_numbers(picture: Picture, alt: str, caption: str) -> Picture:
    return replace(picture, alt=alt, caption=caption)


NEWEST_SECTION = Section(
    "newest",
    "The newest result in one picture",
    "README",
    (OUTCOMES, TOTALS, FAMILIES, DAMAGE, LOSSES),
    _newest,
    MISSING,
)
