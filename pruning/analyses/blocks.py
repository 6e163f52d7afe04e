"""How far every block of layers moves the hidden state, by several distances (METHODS, section 2)."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from pruning.analyses.records import Analysis, Finding, Piece, Subject
from pruning.redundancy.blocks import block_component, block_distances
from pruning.redundancy.distances import ANGULAR_LAST, BLOCK_INFLUENCE, DISTANCES, RELATIVE_MAGNITUDE


@dataclass(frozen=True)
class BlockOptions:
    """`distances` are names of `pruning.redundancy.distances`."""

    distances: tuple[str, ...] = (ANGULAR_LAST.name, BLOCK_INFLUENCE.name, RELATIVE_MAGNITUDE.name)

    def __post_init__(self) -> None:
        """Raise `UsageError` for an unknown distance."""
        for name in self.distances:
            DISTANCES[name]


def measure_blocks(subject: Subject, options: BlockOptions) -> Iterator[Piece]:
    """Yield a piece a block of 1 to L-1 layers, the smallest blocks first."""
    if subject.has_all(_components(len(subject.adapter.layers))):
        return
    found: dict[str, list[Finding]] = defaultdict(list)
    for distance in [DISTANCES[name] for name in options.distances]:
        for block in block_distances(subject.model, subject.adapter, subject.calibration, distance):
            found[block.component].append(
                Finding(
                    block.component,
                    distance.name,
                    block.value,
                    distance.unit,
                    target="layer",
                    layer=block.start,
                    other_layer=block.start + block.layers - 1,
                    n=len(subject.calibration),
                )
            )
    for component, findings in found.items():
        yield Piece(component, tuple(findings))


def _components(layers: int) -> Iterator[str]:
    for size in range(1, layers):
        yield from (block_component(start, size) for start in range(layers - size + 1))


BLOCKS = Analysis(
    "blocks",
    1,
    "arXiv 2403.17887, section 3.2; arXiv 2403.03853, section 3.1",
    "calibration",
    BlockOptions,
    measure_blocks,
    fixed=("distances",),  # a component has a row a distance
)
