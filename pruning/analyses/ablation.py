"""What it costs to set a part of a layer to zero, part by part (METHODS 5)."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from pipeline.errors import UsageError
from pruning.analyses.damage import Change, damage_pieces
from pruning.analyses.records import Analysis, Piece, Subject
from pruning.errors import UnsupportedModelError
from pruning.evaluation.damage import DAMAGE_UNITS
from pruning.evaluation.wanted import check_measures
from pruning.redundancy.regions import Regions
from pruning.redundancy.swap import zeroed
from pruning.redundancy.targets import HEAD, check_target, head_region, heads_of, zeroed_regions


@dataclass(frozen=True)
class AblationOptions:
    """`targets`: as in `pruning.redundancy.targets`, and `head`; `pairs`: a task file for pair_accuracy."""

    targets: tuple[str, ...] = ("layer", "attention", "mlp", HEAD)
    measures: tuple[str, ...] = tuple(DAMAGE_UNITS)
    pairs: str | None = None

    def __post_init__(self) -> None:
        """Raise `UsageError` for no target, and for no measure or an unknown one."""
        if not self.targets:
            raise UsageError("ablation: expected at least one target, got none")
        check_measures(self.measures)


def measure_ablation(subject: Subject, options: AblationOptions) -> Iterator[Piece]:
    """Yield the dense model, then for each target all layers in order, and of heads all heads of a layer.

    A part that a layer does not have is refused; so is one without which the loss is not finite.
    """
    for target in options.targets:
        check_target(subject.model, subject.adapter, target)
    parts = [part for target in options.targets for part in _parts(subject, target)]
    yield from damage_pieces(subject, parts, options.measures, options.pairs)


def _parts(subject: Subject, target: str) -> list[Change]:
    layers = range(len(subject.adapter.layers))
    if target != HEAD:
        return [_part(subject, layer, target) for layer in layers]
    return [part for layer in layers for part in _heads(subject, layer)]


def _heads(subject: Subject, layer: int) -> list[Change]:
    """Return the heads of a layer, one by one; where they cannot be told, one part that is refused in its turn."""
    try:
        heads = heads_of(subject.adapter.layers[layer])
    except UnsupportedModelError as error:
        return [Change(f"layer {layer} heads", HEAD, layer, layer, partial(_refuse, error))]
    return [_part(subject, layer, HEAD, head) for head in range(heads)]


def _refuse(error: UnsupportedModelError) -> AbstractContextManager[None]:
    raise error


def _part(subject: Subject, layer: int, target: str, head: int | None = None) -> Change:
    """Return the change that zeroes a part; in its name layers and heads are counted from 0."""
    what = "" if target == "layer" else f" {target}" if head is None else f" {HEAD} {head}"

    def make() -> AbstractContextManager[None]:
        return zeroed(subject.model, _regions(subject, layer, target, head))

    return Change(f"layer {layer}{what}", target, layer, layer, make, head=head)


def _regions(subject: Subject, layer: int, target: str, head: int | None) -> Regions:
    if head is not None:
        return head_region(subject.model, subject.adapter, layer, head)
    return zeroed_regions(subject.model, subject.adapter, layer, target)


ABLATION = Analysis(
    "ablation", 1, "METHODS 5; arXiv 1905.10650, section 3", "evaluation", AblationOptions, measure_ablation,
    fixed=("measures", "pairs"), files=("pairs",),
)  # fmt: skip
