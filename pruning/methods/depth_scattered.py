"""Single layers, wherever they are: those that change the state least, each measured alone in the dense model."""

from pruning.redundancy.blocks import Distance, nearest_layers
from pruning.redundancy.distances import ANGULAR_LAST, BLOCK_INFLUENCE
from pruning.removal.layers import layers_to_remove, remove_layers
from pruning.removal.records import Method, PruningRequest, Removal


def _scattered(name: str, source: str, distance: Distance) -> Method:
    """Return the method that removes the n layers with the smallest distance of their own; ties by index."""

    def remove(request: PruningRequest) -> Removal:
        count = layers_to_remove(request)
        removed = nearest_layers(request.model, request.adapter, request.windows, distance)[:count]
        return remove_layers(request.model, request.adapter, removed)

    return Method(name, 1, source, "layer", calibrated=True, random=False, function=remove)


DEPTH_BI = _scattered("depth-bi", "arXiv 2403.03853", BLOCK_INFLUENCE)
DEPTH_ANGULAR_SCATTERED = _scattered("depth-angular-scattered", "arXiv 2403.17887, single layers", ANGULAR_LAST)
