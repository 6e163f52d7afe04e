"""The predictor: the mean of the same method and ratio, moved by what is known of the model (ridge regression).

In each scope the difference from that mean is ridge-regressed on the standardised features times the ratio, without
an intercept: at ratio 0 nothing is damaged, and a model like the average gets the mean. An unknown feature counts as
average, one beyond the range of the learned models as its nearest end. scikit-learn's ridge_regression; the penalty is
the one with the least error on whole families left out of the learned ones.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, TypeVar

from analysis.prediction.models import Feature, ModelRow
from analysis.prediction.observations import Observation

if TYPE_CHECKING:
    import numpy

PENALTIES = (1e6, 100.0, 30.0, 10.0, 3.0, 1.0)
"""The first is so great that nothing but the mean is left; of equals the first is taken."""
INNER_FOLDS = 5
LEAST_FAMILIES = 4
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Means:
    """Mean log damage by (method, ratio), by (scope, ratio), and of all."""

    by_cell: dict[tuple[str, float], float]
    by_scope: dict[tuple[str, float], float]
    overall: float

    def of_method(self, scope: str, method: str, ratio: float) -> float:
        """Return the mean of a method and ratio, the scope's where nobody measured it."""
        return self.by_cell.get((method, ratio), self.of_scope(scope, ratio))

    def of_scope(self, scope: str, ratio: float) -> float:
        return self.by_scope.get((scope, ratio), self.overall)


@dataclass(frozen=True)
class Scale:
    """Mean, standard deviation (0 = does not vary) and range of a feature over the learned models."""

    mean: float
    deviation: float
    low: float
    high: float

    def outside(self, value: float | None) -> bool:
        return value is not None and not self.low <= value <= self.high

    def standardised(self, value: float | None) -> float:
        """Return the value in deviations from the mean; unknown = 0, beyond the range = its nearest end."""
        if value is None or self.deviation == 0:
            return 0.0
        return (min(max(value, self.low), self.high) - self.mean) / self.deviation


@dataclass(frozen=True)
class Predictor:
    """A fitted predictor; a scope without weights gets the mean."""

    features: tuple[Feature, ...]
    means: Means
    scales: tuple[Scale, ...]
    weights: dict[str, tuple[float, ...]]

    def predict(self, model: ModelRow, scope: str, method: str, ratio: float) -> float:
        """Return the log damage of a method at a ratio."""
        known = self.standardised(model)
        moved = sum(weight * value for weight, value in zip(self.weights.get(scope, ()), known, strict=False))
        return self.means.of_method(scope, method, ratio) + ratio * moved

    def standardised(self, model: ModelRow) -> tuple[float, ...]:
        return tuple(
            scale.standardised(feature.value(model)) for feature, scale in zip(self.features, self.scales, strict=True)
        )


def means_of(learned: Sequence[Observation]) -> Means:
    """Return the means of observations. ValueError: there are none."""
    return Means(
        _grouped((one.cell, one.log_damage) for one in learned),
        _grouped(((one.scope, one.ratio), one.log_damage) for one in learned),
        fmean(one.log_damage for one in learned),
    )


def _grouped(pairs: Iterable[tuple[Key, float]]) -> dict[Key, float]:
    groups: dict[Key, list[float]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return {key: fmean(values) for key, values in groups.items()}


def fit(learned: Sequence[Observation], features: tuple[Feature, ...]) -> Predictor:
    """Return the predictor that observations teach. ValueError: there are none."""
    models = {(one.model.source, one.model.model_id): one.model for one in learned}
    scales = tuple(_scale([feature.value(model) for model in models.values()]) for feature in features)
    empty = Predictor(features, means_of(learned), scales, {})
    weights = {}
    for scope in sorted({one.scope for one in learned}):
        mine = [one for one in learned if one.scope == scope]
        if len({one.family for one in mine}) >= LEAST_FAMILIES:
            weights[scope] = _weights(empty, mine)
    return Predictor(features, empty.means, scales, weights)


def _scale(values: Sequence[float | None]) -> Scale:
    import numpy

    known = [value for value in values if value is not None] or [0.0]
    return Scale(float(numpy.mean(known)), float(numpy.std(known)), min(known), max(known))


def _weights(empty: Predictor, mine: Sequence[Observation]) -> tuple[float, ...]:
    import numpy

    known = {one.model: empty.standardised(one.model) for one in mine}
    inputs = numpy.array([known[one.model] for one in mine]) * numpy.array([[one.ratio] for one in mine])
    moved = numpy.array([one.log_damage - empty.predict(one.model, one.scope, *one.cell) for one in mine])
    dealt = fold_of((one.family for one in mine), INNER_FOLDS)
    folds = numpy.array([dealt[one.family] for one in mine])
    penalty = min(PENALTIES, key=lambda each: _inner_error(inputs, moved, folds, each))
    return tuple(map(float, _ridge(inputs, moved, penalty)))


def _inner_error(inputs: "numpy.ndarray", moved: "numpy.ndarray", folds: "numpy.ndarray", penalty: float) -> float:
    errors = 0.0
    for fold in range(INNER_FOLDS):
        out = folds == fold
        if out.any() and not out.all():
            errors += abs(moved[out] - inputs[out] @ _ridge(inputs[~out], moved[~out], penalty)).sum()
    return round(float(errors), 9)


def _ridge(inputs: "numpy.ndarray", moved: "numpy.ndarray", penalty: float) -> "numpy.ndarray":
    from sklearn.linear_model import ridge_regression

    return ridge_regression(inputs, moved, penalty, solver="cholesky", check_input=False)


def fold_of(families: Iterable[str], folds: int) -> dict[str, int]:
    """Return the fold of each family: dealt out by name, so that a family is never in two."""
    return {family: place % folds for place, family in enumerate(sorted(set(families)))}
