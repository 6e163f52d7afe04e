"""One contiguous block of layers: the one whose states before and after are nearest, by a distance of METHODS 2."""

from pruning.redundancy.blocks import BlockDistance, Distance, block_distances, nearest_block
from pruning.redundancy.distances import ANGULAR_MEAN, LINEAR, RELATIVE_MAGNITUDE
from pruning.removal.layers import layers_to_remove, remove_layers
from pruning.removal.records import Method, PruningRequest, Removal


def contiguous(name: str, source: str, distance: Distance) -> Method:
    """Return the method that removes the contiguous block of n layers with the smallest distance; ties by index."""

    def remove(request: PruningRequest) -> Removal:
        best = chosen_block(request, distance)
        return remove_layers(request.model, request.adapter, range(best.start, best.start + best.layers))

    return Method(name, 1, source, "layer", calibrated=True, random=False, function=remove)


def chosen_block(request: PruningRequest, distance: Distance) -> BlockDistance:
    """Return the block of round(ratio * layers) layers with the smallest distance; of equal ones the first."""
    size = layers_to_remove(request)
    return nearest_block(block_distances(request.model, request.adapter, request.windows, distance, [size]))


DEPTH_ANGULAR_MEAN = contiguous("depth-angular-mean", "arXiv 2403.17887, mean over all tokens", ANGULAR_MEAN)
DEPTH_MAGNITUDE = contiguous("depth-magnitude", "arXiv 2312.09299, over a block", RELATIVE_MAGNITUDE)
DEPTH_LINEAR = contiguous("depth-linear", "least squares over a block", LINEAR)
