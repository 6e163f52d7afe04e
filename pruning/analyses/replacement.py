"""What it costs to run layers with copies of another layer's weights, pair by pair (METHODS 5)."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from pipeline.errors import UsageError
from pruning.analyses.damage import Change, damage_pieces
from pruning.analyses.records import Analysis, Piece, Subject
from pruning.evaluation.damage import DAMAGE_UNITS
from pruning.evaluation.wanted import check_measures
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


def measure_replacement(subject: Subject, options: ReplacementOptions) -> Iterator[Piece]:
    """Yield the dense model, then every replacement, near layers first and for all targets before the next pair.

    Two layers whose parts differ in shape are refused; so is a pair with which the loss is not finite.
    """
    for target in options.targets:
        check_target(subject.model, subject.adapter, target)
    swaps = [
        _swap(subject, replacement, target, all_layers=options.mapping.startswith("all-by"))
        for replacement in replacements(options.mapping, len(subject.adapter.layers))
        for target in options.targets
    ]
    yield from damage_pieces(subject, swaps, options.measures, options.pairs)


def _swap(subject: Subject, replacement: Replacement, target: str, *, all_layers: bool) -> Change:
    """Return the change that copies a target; in its name layers are counted from 0, all are all but the source."""
    layer = None if all_layers else replacement.layers[0]
    replaced = "all layers" if layer is None else f"layer {layer}"

    def make() -> AbstractContextManager[None]:
        return copied(subject.model, copies_of(subject.model, subject.adapter, replacement, target))

    component = f"{target} of {replaced} by {replacement.source}"
    return Change(component, target, layer, min(replacement.layers), make, other_layer=replacement.source)


REPLACEMENT = Analysis(
    "replacement", 1, "METHODS 5; layer sharing, METHODS 4", "evaluation", ReplacementOptions, measure_replacement,
    fixed=("measures", "pairs"), files=("pairs",),
)  # fmt: skip
