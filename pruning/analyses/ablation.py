"""What it costs to set a part of a layer to zero, part by part (METHODS 5)."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import UsageError
from pruning.analyses.damage import DENSE, damage_piece, dense_pieces
from pruning.analyses.records import Analysis, Piece, Subject
from pruning.errors import UnsupportedModelError
from pruning.evaluation.damage import DAMAGE_UNITS
from pruning.evaluation.wanted import WantedMeasures, check_measures
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


@dataclass(frozen=True)
class _Part:
    layer: int
    target: str
    head: int | None = None

    @property
    def component(self) -> str:
        """Return the part's name, layers and heads counted from 0."""
        what = f"head {self.head}" if self.head is not None else self.target
        return f"layer {self.layer}" if what == "layer" else f"layer {self.layer} {what}"


def measure_ablation(subject: Subject, options: AblationOptions) -> Iterator[Piece]:
    """Yield the dense model, then for each target all layers in order, and of heads all heads of a layer.

    A part that a layer does not have is refused; so is one without which the loss is not finite.
    """
    for target in options.targets:
        check_target(subject.model, subject.adapter, target)
    parts = [part for target in options.targets for part in _parts(subject, target)]
    if not {DENSE, *(part.component for part in parts)} - {*subject.finished}:
        return
    wanted = WantedMeasures(subject.model, subject.adapter, subject.evaluation, options.measures, options.pairs)
    yield from dense_pieces(subject, wanted)
    for part in parts:
        if part.component not in subject.finished:
            yield _measured(subject, part, wanted)


def _parts(subject: Subject, target: str) -> list[_Part]:
    layers = range(len(subject.adapter.layers))
    if target != HEAD:
        return [_Part(layer, target) for layer in layers]
    parts = []
    for layer in layers:
        parts += [_Part(layer, HEAD, head) for head in range(heads_of(subject.adapter.layers[layer]))]
    return parts


def _regions(subject: Subject, part: _Part) -> Regions:
    if part.head is not None:
        return head_region(subject.model, subject.adapter, part.layer, part.head)
    return zeroed_regions(subject.model, subject.adapter, part.layer, part.target)


def _measured(subject: Subject, part: _Part, wanted: WantedMeasures) -> Piece:
    try:
        regions = _regions(subject, part)
    except UnsupportedModelError as error:
        return Piece(part.component, (), str(error))
    change = zeroed(subject.model, regions)
    return damage_piece(
        wanted, change, part.component, from_layer=part.layer, target=part.target, layer=part.layer,
        head=part.head,
    )  # fmt: skip


ABLATION = Analysis(
    "ablation", 1, "METHODS 5; arXiv 1905.10650, section 3", "evaluation", AblationOptions, measure_ablation,
    fixed=("measures", "pairs"),
)  # fmt: skip
