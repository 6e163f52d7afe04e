"""How far every block of layers moves the hidden state, by several distances (METHODS, section 2)."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from pruning.analyses.records import Analysis, Finding, Piece, Subject
from pruning.redundancy.blocks import BlockDistance, block_distances
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
    found: dict[BlockDistance, list[Finding]] = defaultdict(list)
    for distance in [DISTANCES[name] for name in options.distances]:
        for block in block_distances(subject.model, subject.adapter, subject.calibration, distance):
            found[BlockDistance(block.start, block.layers, 0.0)].append(
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
    for block, findings in found.items():
        yield Piece(block.component, tuple(findings))


BLOCKS = Analysis(
    "blocks",
    1,
    "arXiv 2403.17887, section 3.2; arXiv 2403.03853, section 3.1",
    "calibration",
    BlockOptions,
    measure_blocks,
    fixed=("distances",),  # a component has a row a distance
)
