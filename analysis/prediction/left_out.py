"""How well damage is predicted for families that nothing was learned from."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil

from analysis.grouped import grouped
from analysis.prediction.fit import fit, fold_of
from analysis.prediction.models import SCORES, STRUCTURE
from analysis.prediction.observations import Observation
from uncertainty import LEVEL, mean_interval

# Up to this many families each is left out alone; of more, several together.
FOLDS = 20
LEAST_FAMILIES = 5
PREDICTORS = ("scope mean", "method mean", "structure", "structure and scores")
DECIMALS = 6


@dataclass(frozen=True)
class LeftOut:
    """An observation and what was predicted for it without its family: natural logarithms of perplexity over dense."""

    observation: Observation
    scope_mean: float
    method_mean: float
    structure: float
    scores: float

    def error(self, predictor: str) -> float:
        """Return predicted minus measured, of one of `PREDICTORS`."""
        predicted = (self.scope_mean, self.method_mean, self.structure, self.scores)[PREDICTORS.index(predictor)]
        return predicted - self.observation.log_damage


@dataclass(frozen=True)
class Score:
    """The error of one predictor over one scope (None = all), with 95 % intervals that draw families anew.

    `error` is the mean absolute error in ln(perplexity over dense), `gain` how much smaller it is than the method
    mean's. `explained` is 1 - squared error / squared error of the method mean. `rho` is the mean of Spearman's rank
    correlation over the methods and ratios; None = it predicts the same for all families.
    """

    scope: str | None
    predictor: str
    n_families: int
    n_numbers: int
    error: float
    error_low: float
    error_high: float
    gain: float
    gain_low: float
    gain_high: float
    explained: float | None
    rho: float | None

    @property
    def is_better(self) -> bool:
        """Say whether the whole interval of the gain over the method mean lies above 0."""
        return self.gain_low > 0

    @property
    def is_worse(self) -> bool:
        return self.gain_high < 0


def leave_out(observed: Sequence[Observation]) -> list[LeftOut]:
    """Predict each observation from other families alone; nothing with fewer than `LEAST_FAMILIES`."""
    families = {one.family for one in observed}
    if len(families) < LEAST_FAMILIES:
        return []
    folds = fold_of(families, min(FOLDS, len(families)))
    found = []
    for fold in sorted(set(folds.values())):
        learned = [one for one in observed if folds[one.family] != fold]
        found += _predicted(learned, [one for one in observed if folds[one.family] == fold])
    return found


def _predicted(learned: Sequence[Observation], asked: Iterable[Observation]) -> list[LeftOut]:
    structure, scores = fit(learned, STRUCTURE), fit(learned, (*STRUCTURE, *SCORES))
    means = structure.means
    return [
        LeftOut(
            one,
            round(means.of_scope(one.scope, one.ratio), DECIMALS),
            round(means.of_method(one.scope, *one.cell), DECIMALS),
            round(structure.predict(one.model, one.scope, *one.cell), DECIMALS),
            round(scores.predict(one.model, one.scope, *one.cell), DECIMALS),
        )
        for one in asked
    ]


def scores_of(left_out: Sequence[LeftOut]) -> list[Score]:
    """Return the errors of each predictor: over all scopes first, then scope by scope.

    A scope that was measured in one family alone has none: its numbers were predicted from other scopes.
    """
    by_scope = grouped(left_out, lambda each: each.observation.scope)
    scopes = [None, *sorted(scope for scope, rows in by_scope.items() if len(_families(rows)) > 1)]
    return [
        _score(scope, predictor, [each for each in left_out if scope in (None, each.observation.scope)])
        for scope in scopes
        for predictor in PREDICTORS
        if left_out
    ]


def _score(scope: str | None, predictor: str, rows: Sequence[LeftOut]) -> Score:
    families = _families(rows)
    error = _by_family(rows, lambda each: abs(each.error(predictor)))
    gain = _by_family(rows, lambda each: abs(each.error("method mean")) - abs(each.error(predictor)))
    return Score(
        scope, predictor, len(families), len(rows), *error, *gain, _explained(rows, predictor), _rho(rows, predictor)
    )


def _families(rows: Iterable[LeftOut]) -> set[str]:
    return {each.observation.family for each in rows}


def _by_family(rows: Sequence[LeftOut], number: Callable[[LeftOut], float]) -> tuple[float, float, float]:
    """Return the mean of a number over all rows and the ends of its interval over families.

    The percentile interval is expanded by the factor that few families need, t / z * sqrt(n / (n - 1)): that of 5 is
    too narrow by a third (Hesterberg 2015, The American Statistician 69, section 4.3).
    """
    sums: dict[str, list[float]] = {}
    for each in rows:
        sums.setdefault(each.observation.family, []).append(number(each))
    ordered = [sums[family] for family in sorted(sums)]
    mean = sum(map(sum, ordered)) / len(rows)
    low, high = mean_interval([sum(values) for values in ordered], [len(values) for values in ordered])
    factor = _expansion(len(ordered))
    return mean, mean - factor * (mean - low), mean + factor * (high - mean)


def _expansion(families: int) -> float:
    from scipy.stats import norm, t

    upper = (1 + LEVEL) / 2
    return float(t.ppf(upper, families - 1) / norm.ppf(upper)) * (families / (families - 1)) ** 0.5


def _explained(rows: Sequence[LeftOut], predictor: str) -> float | None:
    squared, baseline = (sum(each.error(name) ** 2 for each in rows) for name in (predictor, "method mean"))
    return 1 - squared / baseline if baseline else None


def _rho(rows: Sequence[LeftOut], predictor: str) -> float | None:
    """Return the mean rank correlation over cells of a method and ratio with at least `LEAST_FAMILIES` numbers."""
    if predictor not in PREDICTORS[2:]:
        return None
    ordered = sorted(rows, key=lambda each: (each.observation.cell, each.observation.model.model_id))
    found = [_cell_rho([*cell], predictor) for _, cell in groupby(ordered, key=lambda each: each.observation.cell)]
    known = [rho for rho in found if rho is not None]
    return sum(known) / len(known) if known else None


def _cell_rho(cell: Sequence[LeftOut], predictor: str) -> float | None:
    from scipy.stats import spearmanr

    measured = [each.observation.log_damage for each in cell]
    # The error of a left-out mean moves against the left-out number: what counts is what the features add to it.
    added = [each.error(predictor) - each.error("method mean") for each in cell]
    if len(cell) < LEAST_FAMILIES or len(set(measured)) == 1 or len(set(added)) == 1:
        return None
    return float(spearmanr(measured, added)[0])  # pyright: ignore[reportArgumentType]


def half_width(left_out: Iterable[LeftOut], predictor: str, method: str, ratio: float) -> tuple[float, int]:
    """Return how far a prediction may be off, in log damage, and the number of families behind it.

    It is the left-out absolute error of rank ceil(.95 (n + 1)) of n families, the greatest where there are fewer than
    19; a family's error is its worst model's. Were a new family drawn like these, it covers at least
    min(.95, n / (n + 1)) of them (split conformal prediction: Lei et al. 2018, JASA 113, section 2.2).
    """
    worst: dict[str, float] = {}
    for each in left_out:
        if each.observation.cell == (method, ratio):
            family = each.observation.family
            worst[family] = max(worst.get(family, 0.0), abs(each.error(predictor)))
    rank = min(ceil(LEVEL * (len(worst) + 1)), len(worst))
    return sorted(worst.values())[rank - 1], len(worst)
