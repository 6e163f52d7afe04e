"""What to expect of families that nobody measured: predictions, with how far left-out predictions were off."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp
from statistics import fmean

from analysis.prediction.fit import Predictor, fit
from analysis.prediction.left_out import LeftOut, Score, half_width
from analysis.prediction.models import STRUCTURE, ModelRow, is_learnable
from analysis.prediction.observations import Observation, family_of

# The ratio that is predicted, when it was measured; else the least one.
RATIO = 0.25


@dataclass(frozen=True)
class Guess:
    """What is predicted in one scope: a method at a ratio, and by which predictor."""

    scope: str
    method: str
    ratio: float
    predictor: str
    half_width: float
    """Log damage; see `half_width`."""
    n_families: int


@dataclass(frozen=True)
class Forecast:
    """The predicted perplexity over dense of a family's first choice, one number a guess, with its interval.

    `unknown` and `outside` are the names of features that are not known and beyond the range of the learned models.
    """

    family: str
    model: ModelRow
    damages: tuple[tuple[float, float, float], ...]
    unknown: tuple[str, ...]
    outside: tuple[str, ...]


def guesses(left_out: Sequence[LeftOut], scores: Iterable[Score]) -> list[Guess]:
    """Return a guess a scope: the least damaging method there, by structure where that was shown to beat the mean."""
    better = {score.scope for score in scores if score.predictor == "structure" and score.is_better}
    found = []
    for scope in sorted({each.observation.scope for each in left_out}):
        method, ratio = _least_damaging([each.observation for each in left_out if each.observation.scope == scope])
        predictor = "structure" if scope in better else "method mean"
        found.append(Guess(scope, method, ratio, predictor, *half_width(left_out, predictor, method, ratio)))
    return found


def _least_damaging(rows: Sequence[Observation]) -> tuple[str, float]:
    """Return the method with the least mean log damage at the ratio, among those measured on the most families."""
    ratios = {row.ratio for row in rows}
    ratio = RATIO if RATIO in ratios else min(ratios)
    here = [row for row in rows if row.ratio == ratio]
    spread = {row.method: len({other.family for other in here if other.method == row.method}) for row in here}
    methods = sorted(method for method, count in spread.items() if count == max(spread.values()))
    return min(methods, key=lambda name: fmean(row.log_damage for row in here if row.method == name)), ratio


def unmeasured(models: Iterable[ModelRow], measured: Iterable[str], types: dict[str, str]) -> list[ModelRow]:
    """Return the causal language models of families that nobody measured: most downloads, then parameters, first."""
    known = set(measured)
    rows = [row for row in models if is_learnable(row) and family_of(row, types) not in known]
    return sorted(rows, key=lambda row: (-(row.downloads or 0), -row.n_parameters, row.source, row.model_id))


def forecasts(
    observed: Sequence[Observation], guessed: Sequence[Guess], asked: Iterable[ModelRow], types: dict[str, str]
) -> list[Forecast]:
    """Return a forecast a model, in the order asked; all observations are learned from."""
    predictor = fit(observed, STRUCTURE)
    return [
        Forecast(
            family_of(model, types),
            model,
            tuple(_damage(predictor, model, guess) for guess in guessed),
            tuple(feature.name for feature in STRUCTURE if feature.value(model) is None),
            tuple(
                feature.name
                for feature, scale in zip(predictor.features, predictor.scales, strict=True)
                if scale.outside(feature.value(model))
            ),
        )
        for model in asked
    ]


def _damage(predictor: Predictor, model: ModelRow, guess: Guess) -> tuple[float, float, float]:
    place = guess.scope, guess.method, guess.ratio
    mean = predictor.means.of_method(*place)
    expected = predictor.predict(model, *place) if guess.predictor == "structure" else mean
    low, high = expected - guess.half_width, expected + guess.half_width
    return exp(expected), exp(low), exp(high)
