"""How many dimensions weight matrices use, alone, over all layers, between layers and by head (METHODS, section 5)."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from pipeline.errors import UsageError, unknown_name
from pruning.analyses.records import Analysis, Finding, Piece, Subject
from pruning.errors import UnsupportedModelError
from pruning.redundancy.ranks import (
    effective_rank,
    factor_parameters,
    rank_range,
    relative_rank,
    relative_rank_geometric,
    stable_rank,
)
from pruning.redundancy.roles import logical_matrices
from pruning.redundancy.singular import METHODS, Accuracy, Method, Spectrum, concatenated_spectrum, spectrum
from pruning.redundancy.variants import VARIANTS, Combination
from pruning.removal.selection import random_generator

if TYPE_CHECKING:
    import torch

# (measure, value, unit, explained variance asked for)
_Row = tuple[str, float, str, float | None]
# A sketch may leave a tenth of what the rank at tau may leave unexplained, and at tau = 1 what counts as zero.
_LEFT = 0.1
_NOTHING = 1e-12


@dataclass(frozen=True)
class RankOptions:
    """What to measure and how. `variants` are names of `pruning.redundancy.variants`, `targets` roles (none = all).

    `thresholds`: shares of explained variance in (0, 1]; `absolute_threshold`: least singular value that counts, and a
    rank is then the smaller of the two. `method`: how single matrices are measured; concatenations always in full.
    `randomised` is for matrices of low rank: it takes up to ten times as long as `full` where that is not so.
    """

    variants: tuple[str, ...] = ("original", "consecutive", "mean", "heads")
    thresholds: tuple[float, ...] = (0.9,)
    absolute_threshold: float | None = None
    method: Method = "auto"
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise `UsageError` for an unknown variant or method and for thresholds out of range."""
        for name in self.variants:
            if name not in VARIANTS:
                raise unknown_name("variant", name, VARIANTS)
        if self.method not in METHODS:
            raise unknown_name("method", self.method, METHODS)
        if not all(0 < tau <= 1 for tau in self.thresholds):
            raise UsageError(f"expected shares of explained variance over 0 and up to 1, got {self.thresholds}")
        if self.absolute_threshold is not None and not 0 < self.absolute_threshold < inf:
            raise UsageError(f"expected a singular value over 0 as threshold, got {self.absolute_threshold}")

    @property
    def accuracy(self) -> Accuracy:
        """Return how much a sketch of a large matrix may leave unseen."""
        left = _LEFT * (1 - max(self.thresholds, default=0.0))
        return Accuracy(max(left, _NOTHING), self.absolute_threshold or inf)


def measure_ranks(subject: Subject, options: RankOptions) -> Iterator[Piece]:
    """Yield a piece a matrix of the main stack, variant by variant; no more than two matrices at a time.

    `rank` and what is derived from it come with x = tau, or without x when only an absolute threshold is given. A
    sketch has also `residual_energy`, the share of the energy that it lacks, and `rank_at_least`: the true rank lies
    between that and `rank`; it has no effective rank.
    """
    _check_targets(subject, options)
    for name in options.variants:
        for combination in VARIANTS[name](subject.model, subject.adapter.layers, options.targets):
            if combination.component not in subject.finished:
                yield _piece(combination, options)


def _check_targets(subject: Subject, options: RankOptions) -> None:
    layers = enumerate(subject.adapter.layers)
    there = {matrix.role for index, layer in layers for matrix in logical_matrices(layer, index)}
    missing = sorted(set(options.targets) - there)
    if missing:
        raise UnsupportedModelError(
            f"{subject.adapter.model_class}: looked for matrices that are {', '.join(missing)}; there are "
            f"{', '.join(sorted(there))}"
        )


def _piece(combination: Combination, options: RankOptions) -> Piece:
    if combination.refusal is not None:
        return Piece(combination.component, (), combination.refusal)
    rows = _rows(_spectrum(combination, options), options)
    return Piece(combination.component, tuple(_finding(combination, *row) for row in rows))


def _spectrum(combination: Combination, options: RankOptions) -> Spectrum:
    first, *others = combination.parts
    if others:
        return concatenated_spectrum((read() for read in combination.parts), *combination.shape)
    return spectrum(first(), options.method, options.accuracy, _generator(combination))


def _generator(combination: Combination) -> "torch.Generator":
    """Return the generator of a sketch: of the matrix alone, since what another one would change is bounded."""
    return random_generator(0, combination.component)


def _rows(found: Spectrum, options: RankOptions) -> Iterator[_Row]:
    theta = options.absolute_threshold
    for tau in options.thresholds:
        yield from _rank_rows(found, tau, theta)
    if theta is not None and not options.thresholds:
        yield from _rank_rows(found, None, theta)
    yield "stable_rank", stable_rank(found), "dimensions", None
    effective = effective_rank(found)
    if effective is not None:
        yield "effective_rank", effective, "dimensions", None
        yield "relative_effective_rank", relative_rank(effective, found), "1", None
    if not found.complete:
        yield "residual_energy", found.residual, "1", None


def _rank_rows(found: Spectrum, tau: float | None, theta: float | None) -> Iterator[_Row]:
    rank = rank_range(found, tau, theta)
    yield "rank", rank.most, "dimensions", tau
    yield "relative_rank", relative_rank(rank.most, found), "1", tau
    yield "relative_rank_geometric", relative_rank_geometric(rank.most, found), "1", tau
    yield "factor_parameters", factor_parameters(rank.most, found), "parameters", tau
    if not found.complete:
        yield "rank_at_least", rank.fewest, "dimensions", tau


def _finding(combination: Combination, measure: str, value: float, unit: str, x: float | None) -> Finding:
    return Finding(
        combination.component,
        measure,
        float(value),
        unit,
        variant=combination.variant,
        target=combination.role,
        layer=combination.layer,
        other_layer=combination.other_layer,
        head=combination.head,
        x=x,
    )


RANK = Analysis(
    "rank",
    1,
    "Roy and Vetterli 2007, section 2; arXiv 0909.4061; rank by explained variance",
    "weights",
    RankOptions,
    measure_ranks,
    fixed=("thresholds", "absolute_threshold", "method"),
)
