"""The headlines: short sentences, each with its numbers and the queries that they come from."""

from analysis.comparison import DAMAGE
from analysis.document import Block, Bullets, paragraph
from analysis.section import Answers, Section
from analysis.sections.extract.catalog import MISSING
from analysis.sections.index import measured_headlines, mined_headlines
from analysis.sections.index.measured_headlines import (
    check_sentences,
    damage_sentences,
    experiment_sentences,
    floor_sentences,
    prediction_sentences,
    speed_sentences,
)
from analysis.sections.index.mined_headlines import family_sentences, mined_sentence, name_sentences
from analysis.sections.process.families import FAMILIES
from analysis.sections.process.families import MISSING as NO_FAMILIES
from analysis.sections.prune.dense import MISSING as NO_EXPERIMENTS


def _headlines(answers: Answers) -> tuple[Block, ...]:
    sentences = [
        *damage_sentences(answers),
        *speed_sentences(answers),
        *prediction_sentences(answers),
        mined_sentence(answers),
        *family_sentences(answers),
        *name_sentences(answers),
        *floor_sentences(answers),
        *experiment_sentences(answers),
        *check_sentences(answers),
    ]
    missing = [paragraph(*NO_FAMILIES)] if not answers[FAMILIES] else []
    missing += [paragraph(*NO_EXPERIMENTS)] if not answers[DAMAGE] else []
    return Bullets(tuple(sentences)), *missing


HEADLINES_SECTION = Section(
    "headlines",
    "Headlines",
    "README",
    tuple(dict.fromkeys((*mined_headlines.QUERIES_USED, *measured_headlines.QUERIES_USED))),
    _headlines,
    MISSING,
)
