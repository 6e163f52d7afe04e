"""The block of layers that turns the last token's state least (Gromov et al. 2024, arXiv 2403.17887)."""

from pruning.methods.depth_blocks import contiguous
from pruning.redundancy.distances import ANGULAR_LAST

DEPTH_ANGULAR = contiguous("depth-angular", "arXiv 2403.17887", ANGULAR_LAST)
