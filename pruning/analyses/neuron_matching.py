"""How alike the MLPs of two layers are once their neurons are matched, and what storing them once costs (METHODS 5)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruning.adapters.parts import MlpParts
from pruning.analyses.records import Analysis, Finding, Piece, Subject
from pruning.errors import UnsupportedModelError
from pruning.evaluation.damage import DamageMeter
from pruning.finite import check_finite
from pruning.redundancy.mappings import check_mapping, layer_pairs
from pruning.redundancy.matching import Alignment, align, assignment
from pruning.redundancy.neurons import check_alike, matchable_mlp, neuron_matrix
from pruning.redundancy.shared_neurons import merged_mlps, shared_weights

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class NeuronMatchingOptions:
    """`mapping`: which pairs of layers, as in `pruning.redundancy.mappings`; which of the two comes first is the same.

    Weights that differ by less than `threshold` count as one. `assignment` is a name of `pruning.redundancy.matching`.
    `evaluate`: measure the damage of the models that store aligned weights once; without evaluation text only the
    weights are compared.
    """

    mapping: str = "next"
    threshold: float = 0.001
    assignment: str = "hungarian"
    evaluate: bool = True

    def __post_init__(self) -> None:
        """Raise `UsageError` for an unknown mapping or assignment."""
        check_mapping(self.mapping)
        assignment(self.assignment)


@dataclass(frozen=True)
class _Pair:
    """Two layers, the first before the second, and their MLPs."""

    subject: Subject
    layer: int
    other: int

    @property
    def component(self) -> str:
        return f"mlp of layers {self.layer} and {self.other}"

    def mlps(self) -> tuple[MlpParts, MlpParts]:
        """Return the MLPs. Raises `UnsupportedModelError` when one is missing or they differ in shape."""
        first, second = (matchable_mlp(self.subject.adapter, index) for index in (self.layer, self.other))
        check_alike(self.subject.model, first, second)
        return first, second

    def neurons(self, mlp: MlpParts) -> "torch.Tensor":
        """Return the neurons of one of the MLPs as vectors. Raises `NotFiniteError`."""
        found = neuron_matrix(self.subject.model, mlp)
        check_finite(found, f"{mlp.down.path}: a weight of its MLP")
        return found

    def finding(
        self, measure: str, value: float, unit: str, variant: str | None = None, n: int | None = None
    ) -> Finding:
        """Return a number of the pair."""
        return Finding(
            self.component, measure, value, unit, variant, target="mlp", layer=self.layer, other_layer=self.other, n=n
        )


def measure_matching(subject: Subject, options: NeuronMatchingOptions) -> Iterator[Piece]:
    """Yield a piece a pair; one whose MLPs cannot be compared says why."""
    pairs = [_Pair(subject, *each) for each in layer_pairs(options.mapping, len(subject.adapter.layers))]
    _check_some(subject)
    left = [pair for pair in pairs if pair.component not in subject.finished]
    measures_damage = left and options.evaluate and subject.evaluation
    meter = DamageMeter(subject.model, subject.evaluation) if measures_damage else None
    for pair in left:
        yield _piece(pair, options, meter)


def _check_some(subject: Subject) -> None:
    """Raise `UnsupportedModelError` when no layer has an MLP to match."""
    if all(layer.experts is not None or layer.mlp is None for layer in subject.adapter.layers):
        matchable_mlp(subject.adapter, 0)


def _piece(pair: _Pair, options: NeuronMatchingOptions, meter: DamageMeter | None) -> Piece:
    try:
        first, second = pair.mlps()
    except UnsupportedModelError as error:
        return Piece(pair.component, (), str(error))
    found = align(pair.neurons(first), pair.neurons(second), options.threshold, assignment(options.assignment))
    findings = _alikeness(pair, found)
    if meter is not None:
        model = pair.subject.model
        with shared_weights(model, first, second, found.order, options.threshold) as saved:
            findings += _compressed(pair, "shared", saved, meter)
        with merged_mlps(model, first, second, found.order) as saved:
            findings += _compressed(pair, "merged", saved, meter)
    return Piece(pair.component, tuple(findings))


def _alikeness(pair: _Pair, found: Alignment) -> list[Finding]:
    return [
        pair.finding("share_before", found.share_before, "1"),
        pair.finding("share_after", found.share_after, "1"),
        pair.finding("distance_before", found.distance_before, "units of the weights"),
        pair.finding("distance_after", found.distance_after, "units of the weights"),
    ]


def _compressed(pair: _Pair, variant: str, saved: int, meter: DamageMeter) -> list[Finding]:
    """Return the damage of the model as it is now, and how many of its parameters need not be stored."""
    damage = meter.measured()
    return [
        *(pair.finding(name, each.value, each.unit, variant, each.n) for name, each in damage.items()),
        pair.finding("saved_parameters", saved, "parameters", variant),
    ]


NEURON_MATCHING = Analysis(
    "neuron-matching",
    1,
    "arXiv 2209.04836, section 3.2, between layers of one model",
    "evaluation",
    NeuronMatchingOptions,
    measure_matching,
    fixed=("threshold", "assignment", "evaluate"),
)
