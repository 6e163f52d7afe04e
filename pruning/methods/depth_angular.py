"""The block of layers that turns the last token's state least (Gromov et al. 2024, arXiv 2403.17887)."""

from pruning.methods.layers import layers_to_remove, remove_layers
from pruning.methods.records import Method, PruningRequest, Removal
from pruning.redundancy.angular import angular_distances


def remove_least_turning_block(request: PruningRequest) -> Removal:
    """Remove the contiguous block of n layers with the smallest angular distance; of equal ones the first."""
    count = layers_to_remove(request)
    distances = angular_distances(request.model, request.adapter, request.windows)
    row = [distance for distance in distances if distance.layers == count]
    best = min(row, key=lambda distance: (distance.value, distance.start))
    return remove_layers(request.model, request.adapter, range(best.start, best.start + count))


DEPTH_ANGULAR = Method(
    "depth-angular",
    1,
    "arXiv 2403.17887",
    "layer",
    calibrated=True,
    random=False,
    function=remove_least_turning_block,
)
