"""What it costs to run layers with copies of another layer's weights, pair by pair (METHODS 5)."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import UsageError
from pruning.analyses.damage import DENSE, damage_piece, dense_pieces
from pruning.analyses.records import Analysis, Piece, Subject
from pruning.errors import UnsupportedModelError
from pruning.evaluation.damage import DAMAGE_UNITS
from pruning.evaluation.wanted import WantedMeasures, check_measures
from pruning.redundancy.mappings import ALL_PAIRS, Replacement, check_mapping, replacements
from pruning.redundancy.swap import copied, copies_of
from pruning.redundancy.targets import HEAD, check_target


@dataclass(frozen=True)
class ReplacementOptions:
    """`targets`, `mapping`: as in `pruning.redundancy`; `pairs`: a task file for pair_accuracy."""

    targets: tuple[str, ...] = ("attention", "mlp")
    mapping: str = ALL_PAIRS
    measures: tuple[str, ...] = tuple(DAMAGE_UNITS)
    pairs: str | None = None

    def __post_init__(self) -> None:
        """Raise `UsageError` for targets, a mapping or measures that no model has."""
        if not self.targets or HEAD in self.targets:
            raise UsageError("replacement: expected targets other than head, such as attention or mlp")
        check_mapping(self.mapping)
        check_measures(self.measures)


@dataclass(frozen=True)
class _Swap:
    target: str
    replacement: Replacement
    all_layers: bool

    @property
    def layer(self) -> int | None:
        """Return the replaced layer, None = all but the source."""
        return None if self.all_layers else self.replacement.layers[0]

    @property
    def component(self) -> str:
        """Return what is replaced by what, layers counted from 0."""
        replaced = "all layers" if self.all_layers else f"layer {self.layer}"
        return f"{self.target} of {replaced} by {self.replacement.source}"


def measure_replacement(subject: Subject, options: ReplacementOptions) -> Iterator[Piece]:
    """Yield the dense model, then every replacement, near layers first and for all targets before the next pair.

    Two layers whose parts differ in shape are refused; so is a pair with which the loss is not finite.
    """
    for target in options.targets:
        check_target(subject.model, subject.adapter, target)
    everywhere = options.mapping.startswith("all-by")
    swaps = [
        _Swap(target, replacement, everywhere)
        for replacement in replacements(options.mapping, len(subject.adapter.layers))
        for target in options.targets
    ]
    if not {DENSE, *(swap.component for swap in swaps)} - {*subject.finished}:
        return
    wanted = WantedMeasures(subject.model, subject.adapter, subject.evaluation, options.measures, options.pairs)
    yield from dense_pieces(subject, wanted)
    for swap in swaps:
        if swap.component not in subject.finished:
            yield _measured(subject, swap, wanted)


def _measured(subject: Subject, swap: _Swap, wanted: WantedMeasures) -> Piece:
    try:
        copies = copies_of(subject.model, subject.adapter, swap.replacement, swap.target)
    except UnsupportedModelError as error:
        return Piece(swap.component, (), str(error))
    return damage_piece(
        wanted,
        copied(subject.model, copies),
        swap.component,
        from_layer=min(swap.replacement.layers),
        target=swap.target,
        layer=swap.layer,
        other_layer=swap.replacement.source,
    )


REPLACEMENT = Analysis(
    "replacement", 1, "METHODS 5; layer sharing, METHODS 4", "evaluation", ReplacementOptions, measure_replacement,
    fixed=("measures", "pairs"),
)  # fmt: skip
