"""The last layers: the trivial baseline of the scope layer."""

from pruning.removal.layers import layers_to_remove, remove_layers
from pruning.removal.records import Method, PruningRequest, Removal


def remove_last_layers(request: PruningRequest) -> Removal:
    """Remove the last round(ratio * layers) layers."""
    count = layers_to_remove(request)
    total = len(request.adapter.layers)
    return remove_layers(request.model, request.adapter, range(total - count, total))


DEPTH_LAST = Method("depth-last", 1, "baseline", "layer", calibrated=False, random=False, function=remove_last_layers)
