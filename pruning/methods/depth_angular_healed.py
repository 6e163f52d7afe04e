"""The least turning block (arXiv 2403.17887), its loss made up for in the matrix before the cut."""

from pruning.methods.depth_blocks import chosen_block
from pruning.redundancy.distances import ANGULAR_LAST
from pruning.removal.correction import remove_block_healed
from pruning.removal.records import Method, PruningRequest, Removal


def remove_least_turning_block_healed(request: PruningRequest) -> Removal:
    """Remove the block that depth-angular removes and fold the least-squares correction in, where one can be."""
    best = chosen_block(request, ANGULAR_LAST)
    return remove_block_healed(request.model, request.adapter, best.start, best.layers, request.windows)


DEPTH_ANGULAR_HEALED = Method(
    "depth-angular-healed",
    2,
    "arXiv 2403.17887, with least squares",
    "layer",
    calibrated=True,
    random=False,
    function=remove_least_turning_block_healed,
)
