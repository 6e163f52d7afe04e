"""Where the training of low-rank factors should begin: loss curves from several starts (METHODS 5)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pipeline.errors import UsageError, unknown_name
from pruning.adapters.parts import Projection
from pruning.analyses.records import Analysis, Finding, Piece, Subject
from pruning.calibration.layerwise import show_layer_by_layer
from pruning.errors import UnsupportedModelError
from pruning.finite import check_finite
from pruning.redundancy.factor_starts import STARTS, Target
from pruning.redundancy.factor_training import OBJECTIVES, loss_curve
from pruning.redundancy.roles import stored_roles
from pruning.redundancy.states import check_states
from pruning.removal.factors import factor_rank
from pruning.removal.moments import MomentRoot
from pruning.removal.records import PruningRequest
from pruning.removal.weights import rows_of

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class LowRankStartOptions:
    """`matrices`: patterns of paths in the main stack, * for anything; none = the middle layer, one expert of many.

    That is one matrix of each role, in the layer that is the least particular. `ratio`: share of its parameters that a
    matrix loses. `starts` are names of `pruning.redundancy.factor_starts`. `objective`: what is trained, "activation"
    or "tensor"; both losses are measured. `learning_rate` is in the usual size of a factor's entry.
    """

    matrices: tuple[str, ...] = ()
    starts: tuple[str, ...] = ("svd", "random", "whitened")
    ratio: float = 0.5
    steps: int = 200
    learning_rate: float = 0.03
    objective: str = "activation"

    def __post_init__(self) -> None:
        """Raise `UsageError` for options that cannot be meant."""
        for what, names, known in (("start", self.starts, STARTS), ("objective", (self.objective,), OBJECTIVES)):
            for name in names:
                if name not in known:
                    raise unknown_name(what, name, known)
        if not (0 < self.ratio < 1 and self.steps >= 1 and self.learning_rate > 0):
            raise UsageError(
                "expected a ratio in (0, 1), 1 step or more and a learning rate above 0; got ratio "
                f"{self.ratio:g}, {self.steps} steps, learning rate {self.learning_rate:g}"
            )


@dataclass(frozen=True)
class _Chosen:
    """A matrix of a layer, and the rank of its factors; None when they would save nothing."""

    layer: int
    role: str
    matrix: Projection
    rank: int | None

    def component(self, start: str) -> str:
        return f"{self.matrix.key} {start}"


def measure_starts(subject: Subject, options: LowRankStartOptions) -> Iterator[Piece]:
    """Yield a piece a matrix and start, layer by layer; a layer's inputs are seen just before they are used."""
    check_states(subject.adapter, LOW_RANK_START.name)
    if not subject.calibration:
        raise UnsupportedModelError("low-rank-start needs calibration text in the model's vocabulary; there is none")
    chosen = [each for each in _chosen(subject, options) if set(_missing(subject, options, each))]
    for layer in sorted({each.layer for each in chosen}):
        yield from _layer_pieces(subject, options, [each for each in chosen if each.layer == layer])


def _chosen(subject: Subject, options: LowRankStartOptions) -> list[_Chosen]:
    """Return the chosen matrices of the main stack in their order. Raises `UsageError` for a pattern of none."""
    layers = subject.adapter.layers
    every = [
        _Chosen(index, role, matrix, factor_rank(matrix, options.ratio))
        for index, layer in enumerate(layers)
        for matrix, role in stored_roles(layer, index).items()
    ]
    for pattern in options.matrices:
        if not any(fnmatchcase(each.matrix.key, pattern) for each in every):
            raise unknown_name("matrix", pattern, [each.matrix.key for each in every])
    if options.matrices:
        return [each for each in every if any(fnmatchcase(each.matrix.key, pattern) for pattern in options.matrices)]
    first: dict[str, _Chosen] = {}
    for each in every:
        if each.layer == len(layers) // 2:
            first.setdefault(each.role, each)
    return [*first.values()]


def _missing(subject: Subject, options: LowRankStartOptions, chosen: _Chosen) -> Iterator[str]:
    """Yield the starts whose curve was not measured before."""
    return (start for start in options.starts if chosen.component(start) not in subject.finished)


def _layer_pieces(subject: Subject, options: LowRankStartOptions, chosen: Sequence[_Chosen]) -> Iterator[Piece]:
    """Yield the pieces of the matrices of one layer."""
    roots = _roots(subject, options, chosen)
    for each in chosen:
        rows = rows_of(each.matrix.weight(subject.model).detach(), each.matrix).double()
        check_finite(rows, f"{each.matrix.name}: a weight")
        target = Target(each.matrix.key, rows, roots[each.matrix.key])
        for start in _missing(subject, options, each):
            yield _piece(subject, options, each, target, start)


def _roots(subject: Subject, options: LowRankStartOptions, chosen: Sequence[_Chosen]) -> "dict[str, torch.Tensor]":
    """Return a root of the second moment of the inputs of each matrix, by its key."""
    wanted = {each.matrix for each in chosen}
    roots: dict[str, torch.Tensor] = {}
    windows = tuple(map(tuple, subject.calibration))
    show_layer_by_layer(
        PruningRequest(subject.model, subject.adapter, options.ratio, windows, subject.seed),
        MomentRoot,
        lambda _, found: roots.update(found),
        lambda layer: [matrix for matrix in layer.matrices if matrix in wanted],
    )
    return roots


def _piece(subject: Subject, options: LowRankStartOptions, chosen: _Chosen, target: Target, start: str) -> Piece:
    component = chosen.component(start)
    if chosen.rank is None:
        return Piece(
            component, (), f"looked for factors smaller than {chosen.matrix.size:,} weights; of rank 1 they are not"
        )
    if not target.rows.any():
        return Piece(component, (), "looked for a loss relative to the matrix; it is all zeros")
    factors = STARTS[start](target, chosen.rank, subject.seed)
    findings = []
    for loss in loss_curve(target, factors, options.objective, options.steps, options.learning_rate):
        for measure, value in (("tensor_loss", loss.tensor), ("activation_loss", loss.activation)):
            findings.append(
                Finding(
                    component, measure, value, "1", start, target=chosen.role, layer=chosen.layer, x=loss.step,
                    n=len(subject.calibration),
                )
            )  # fmt: skip
    return Piece(component, tuple(findings))


LOW_RANK_START = Analysis(
    "low-rank-start",
    1,
    "METHODS 5; whitened: arXiv 2403.07378, section 3.1",
    "calibration",
    LowRankStartOptions,
    measure_starts,
    fixed=("ratio", "steps", "learning_rate", "objective"),
    drawn=True,
)
