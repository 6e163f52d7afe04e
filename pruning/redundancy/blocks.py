"""Distances over blocks of layers, all of them from one forward a window."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruning.adapters.parts import Adapter
from pruning.finite import check_finite
from pruning.redundancy.pairs import Distances
from pruning.redundancy.states import Take, text_states

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Distance:
    """A distance between h_s, which enters a block, and h_{s+n}, which leaves it. `source` is a paper or the reason.

    `take` says which tokens are looked at; `make` begins a running distance for some block sizes.
    """

    name: str
    source: str
    unit: str
    take: Take
    make: Callable[[Collection[int]], Distances]


@dataclass(frozen=True)
class BlockDistance:
    """The distance over the block of `layers` layers that begins with layer `start`."""

    start: int
    layers: int
    value: float

    @property
    def component(self) -> str:
        """Return the block's name."""
        return block_component(self.start, self.layers)


def block_component(start: int, layers: int) -> str:
    """Return the name of a block: first and last layer, counted from 0."""
    return f"layers {start}-{start + layers - 1}"


def block_distances(
    model: "PreTrainedModel",
    adapter: Adapter,
    windows: Sequence[Sequence[int]],
    distance: Distance,
    sizes: Collection[int] | None = None,
) -> tuple[BlockDistance, ...]:
    """Return the distances of all blocks of `sizes` layers (None = 1 to L-1), size by size, from one forward a window.

    Raises what `text_states` raises.
    """
    import torch

    running = distance.make(range(1, len(adapter.layers)) if sizes is None else sizes)
    with torch.inference_mode():
        for states in text_states(model, adapter, windows, distance.take, distance.name):
            running.add(states)
        rows = running.result()
    for size, values in rows.items():
        check_finite(values, f"{adapter.model_class}: {distance.name} over {size} layers")
    return tuple(
        BlockDistance(start, size, value)
        for size, values in rows.items()
        for start, value in enumerate(values.tolist())
    )


def nearest_block(distances: Sequence[BlockDistance]) -> BlockDistance:
    """Return the block with the smallest distance; of equal ones the first."""
    return min(distances, key=lambda block: (block.value, block.start))


def nearest_layers(
    model: "PreTrainedModel", adapter: Adapter, windows: Sequence[Sequence[int]], distance: Distance
) -> list[int]:
    """Return all layers from the smallest to the greatest distance of their own; equal ones by index."""
    single = block_distances(model, adapter, windows, distance, [1])
    return [block.start for block in sorted(single, key=lambda block: (block.value, block.start))]
