"""How far blocks of layers turn the state of the last token (Gromov et al. 2024, arXiv 2403.17887, section 3.2)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pruning.adapters.parts import Adapter
from pruning.redundancy.blocks import BlockDistance, block_distances
from pruning.redundancy.distances import ANGULAR_LAST
from pruning.redundancy.pairs import angle_between, unit

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

ANALYSIS = ANGULAR_LAST.name
VERSION = 1
UNIT = ANGULAR_LAST.unit


def angular_distances(
    model: "PreTrainedModel", adapter: Adapter, windows: Sequence[Sequence[int]]
) -> tuple[BlockDistance, ...]:
    """Return the distances of all blocks of 1 to L-1 layers, in [0, 1], from one forward a window.

    Raises `UnsupportedModelError` without calibration text and `NotFiniteError` for NaN or infinite states.
    """
    return block_distances(model, adapter, windows, ANGULAR_LAST)


def angles(first: "torch.Tensor", second: "torch.Tensor") -> "torch.Tensor":
    """Return the angle between the vectors in the last dimension as a fraction of pi, in [0, 1]."""
    return angle_between(unit(first), unit(second))


__all__ = ["ANALYSIS", "UNIT", "VERSION", "BlockDistance", "angles", "angular_distances"]
