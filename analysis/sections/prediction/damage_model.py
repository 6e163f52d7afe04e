"""Whether structure and cheap scores foretell how much a family loses, judged on families that were left out."""

from dataclasses import dataclass
from functools import partial
from math import exp

from analysis.capped import capped
from analysis.comparison import DAMAGE
from analysis.document import Block, Bullets, Column, Inline, Picture, Strong, Table, paragraph
from analysis.figures.prediction import MOST, draw_left_out
from analysis.grouped import grouped
from analysis.numbers import count_of, many, short_count
from analysis.prediction.fit import LEAST_FAMILIES
from analysis.prediction.judged import Judged, judged
from analysis.prediction.left_out import FOLDS, PREDICTORS, Score
from analysis.prediction.left_out import LEAST_FAMILIES as FEWEST
from analysis.prediction.models import METHOD_VERSIONS, MODEL_FEATURES, SCORES, STRUCTURE, TYPE_FAMILIES, Feature
from analysis.prediction.observations import KEPT
from analysis.section import Answers, Section
from analysis.sections.prune.dense import MISSING

FULL = "structure and scores"
SHOWN_MODELS = 40
CONFOUNDED = (
    "Those are smaller and were trained for fewer steps than the reference models: part of what size seems to tell may "
    "be training length."
)
ALL_SCOPES = "all"
QUERIES_USED = (DAMAGE, MODEL_FEATURES, TYPE_FAMILIES, METHOD_VERSIONS)


@dataclass(frozen=True)
class LeftOutPoint:
    """A point of the picture: perplexity over dense, measured and as predicted without the family."""

    family: str
    model_id: str
    origin: str
    scope: str
    method: str
    ratio: float
    measured: float
    by_mean: float
    by_model: float


def model_sentence(found: Judged) -> tuple[Inline, ...]:
    """Return the finding in words."""
    if not found.scores:
        families = len({one.family for one in found.observed})
        text = f"{count_of(families, 'measured family')}; to leave one out, at least {FEWEST} are needed."
        return Strong("Too few families to judge a prediction:"), text
    verdict, score = _verdict_words(found)
    mean = found.score(None, "method mean")
    numbers = (
        f"left-out error {_error(score)} in ln(perplexity over dense) against {_error(mean)} of the mean of the same "
        f"method and ratio over the other families (a factor of {exp(score.error):.2f} against {exp(mean.error):.2f}); "
        f"difference {_gain(score)}, {score.n_families} families, {many(score.n_numbers)} numbers."
    )
    return Strong(verdict), numbers, *_by_scope(found)


def _verdict_words(found: Judged) -> tuple[str, Score]:
    """Return the verdict over all scopes and the predictor that it is about: the full one, else structure alone."""
    full, structure = found.score(None, FULL), found.score(None, "structure")
    if full.is_better:
        return "Structure and cheap scores predict damage better than the mean of other families:", full
    if structure.is_better:
        return "Structure alone predicts damage better than the mean of other families, cheap scores add noise:", (
            structure
        )
    if full.is_worse:
        return "Structure and cheap scores predict damage worse than the mean of other families:", full
    return "Structure and cheap scores predict nothing better than the mean of other families:", full


def _by_scope(found: Judged) -> list[Inline]:
    """Name the scopes in which a model is shown to beat the mean, or say that there is none."""
    tried = [score for score in found.scores if score.scope is not None and score.predictor in PREDICTORS[2:]]
    better = [f"{score.scope} by {score.predictor} ({_gain(score)})" for score in tried if score.is_better]
    text = f"Scope by scope it is shown for {'; '.join(better)}." if better else "It is shown for no scope by itself."
    return [f"{text} ({count_of(len(tried), 'comparison')}; chance alone gives about {0.025 * len(tried):.1f}.)"]


def _error(score: Score) -> str:
    return f"{score.error:.3f} [{score.error_low:.3f}, {score.error_high:.3f}]"


def _gain(score: Score) -> str:
    return f"{score.gain:+.3f} [{score.gain_low:+.3f}, {score.gain_high:+.3f}]"


def _damage_model(answers: Answers) -> tuple[Block, ...]:
    return damage_blocks(answers.derive(judged))


def damage_blocks(found: Judged) -> tuple[Block, ...]:
    """Return the finding, its picture and numbers, and what was learned from."""
    blocks: list[Block] = [paragraph(*model_sentence(found))]
    if found.scores:
        blocks += [left_out_picture(found), *_explained(), error_table(found.scores)]
    return (*blocks, _origins(found), *capped(models_table(found), most=SHOWN_MODELS))


def left_out_picture(found: Judged) -> Picture:
    """Return predicted against measured damage, a point a measured number."""
    points = [
        LeftOutPoint(
            each.observation.family,
            each.observation.model.model_id,
            each.observation.origin,
            each.observation.scope,
            each.observation.method,
            each.observation.ratio,
            exp(each.observation.log_damage),
            exp(each.method_mean),
            exp(each.scores),
        )
        for each in found.left_out
    ]
    verdict, score = _verdict_words(found)
    title = f"{verdict} {exp(score.error):.2f} x off against {exp(found.score(None, 'method mean').error):.2f} x"
    caption = (
        f"Perplexity over dense, logarithmic on both axes, drawn at the edge above {MOST:,.0f} x; n = "
        f"{many(len(points))} numbers of {score.n_families} families, each predicted from the other families alone; "
        "intervals are in the table."
    )
    alt = f"Scatter plots of predicted against measured damage of left-out families, a panel a scope: {title}"
    return Picture("damage_predicted", alt, caption, points, partial(draw_left_out, title=title))


def _explained() -> tuple[Block, ...]:
    model = (
        "Model: the mean of the same method and ratio over the families it learned from, moved by ridge regression "
        f"(scikit-learn) on the features times the ratio, a regression a scope of at least {LEAST_FAMILIES} families; "
        "its penalty is chosen by leaving families out again."
    )
    judgement = (
        f"Judged: every family is left out in turn (with more than {FOLDS}, several together), and its numbers are "
        "predicted by a model that saw none of them. A scope of one family is in the first rows alone."
    )
    error = (
        "Error: mean absolute error in ln(perplexity over dense); gain: how much smaller it is than the method mean's. "
        "Intervals: 95 %, families drawn anew, expanded for their number, not adjusted for many comparisons."
    )
    others = (
        "Squared error explained: relative to the method mean's (negative = worse). Rho: Spearman's correlation over "
        "models of what the features add with what was measured, mean over methods and ratios."
    )
    scores = (f"Cheap scores, means over the dense model: {_names(SCORES[:4])},", f"{_names(SCORES[4:])}.")
    unknown = "An unknown feature counts as average."
    return (Bullets(((model,), (f"Structure: {_names(STRUCTURE)}.", unknown), scores, (judgement, error), (others,))),)


def _names(features: tuple[Feature, ...]) -> str:
    return ", ".join(feature.name for feature in features)


def error_table(scores: tuple[Score, ...]) -> Table:
    """Return the errors, a row a scope and predictor, all scopes first."""
    columns = (
        Column("Scope"),
        Column("Predictor"),
        Column("Families", numeric=True),
        Column("Numbers", numeric=True),
        Column("Error [95 %]", numeric=True),
        Column("Gain over the method mean [95 %]", numeric=True),
        Column("Squared error explained", numeric=True),
        Column("Rho", numeric=True),
        Column("Verdict"),
    )
    cells = tuple(
        (
            score.scope or ALL_SCOPES,
            score.predictor,
            str(score.n_families),
            many(score.n_numbers),
            _error(score),
            "" if score.predictor == "method mean" else _gain(score),
            "" if score.explained is None or score.predictor == "method mean" else f"{score.explained:+.2f}",
            "" if score.rho is None else f"{score.rho:.2f}",
            _verdict(score),
        )
        for score in scores
    )
    return Table(columns, cells)


def _verdict(score: Score) -> Inline:
    if score.predictor in PREDICTORS[:2]:
        return "baseline"
    if score.is_better:
        return Strong("better than the method mean")
    return Strong("worse than the method mean") if score.is_worse else "no better than the method mean"


def _origins(found: Judged) -> Block:
    """Say where the numbers come from."""
    kept = sorted({one.model.model_id for one in found.observed if one.origin == KEPT})
    own = {one.model.model_id for one in found.observed} - {*kept}
    where = f"{found.provenance.date}, commit {found.provenance.commit}, weights not kept"
    spans = [f"Learned from {count_of(len(own), 'model')} of this store"]
    spans += [f"and {count_of(len(kept), 'model')} measured locally ({where})."] if kept else ["alone."]
    if kept:
        spans.append(CONFOUNDED)
    if found.refused:
        spans.append(f"Measurements kept with the code do not all count: {found.refused}.")
    return paragraph(*spans)


def models_table(found: Judged) -> Table:
    """Return the models that were learned from, by family."""
    columns = (
        Column("Family"),
        Column("Model"),
        Column("Measured in"),
        Column("Layers", numeric=True),
        Column("Width", numeric=True),
        Column("Parameters", numeric=True),
        Column("Dense perplexity", numeric=True),
        Column("Numbers", numeric=True),
    )
    groups = grouped(found.observed, lambda one: (one.family, one.model.model_id, one.origin))
    cells = tuple(
        (
            *place,
            str(rows[0].model.n_layers),
            str(rows[0].model.hidden_size or "not stated"),
            short_count(rows[0].model.n_parameters),
            f"{rows[0].model.dense_perplexity:.2f}",
            str(len(rows)),
        )
        for place, rows in sorted(groups.items())
    )
    return Table(columns, cells)


DAMAGE_MODEL_SECTION = Section(
    "damage-model",
    "What a model of damage can tell of a family it never saw",
    "reports/prediction",
    QUERIES_USED,
    _damage_model,
    MISSING,
)
