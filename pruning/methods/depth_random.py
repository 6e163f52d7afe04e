"""Random layers: the baseline that a choice of layers must beat."""

from pruning.removal.layers import layers_to_remove, remove_layers
from pruning.removal.records import Method, PruningRequest, Removal
from pruning.removal.selection import random_mask


def remove_random_layers(request: PruningRequest) -> Removal:
    """Remove round(ratio * layers) layers, every choice as likely."""
    mask = random_mask(
        len(request.adapter.layers), layers_to_remove(request), request.seed, f"depth/{request.adapter.stack}"
    )
    return remove_layers(request.model, request.adapter, mask.nonzero().flatten().tolist())


DEPTH_RANDOM = Method(
    "depth-random", 1, "baseline", "layer", calibrated=False, random=True, function=remove_random_layers
)
