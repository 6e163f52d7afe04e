"""The last layers but the final one: a strong baseline without text (arXiv 2411.15558)."""

from pruning.removal.layers import layers_to_remove, remove_layers
from pruning.removal.records import Method, PruningRequest, Removal


def remove_last_but_final(request: PruningRequest) -> Removal:
    """Remove the round(ratio * layers) layers before the final one."""
    final = len(request.adapter.layers) - 1
    return remove_layers(request.model, request.adapter, range(final - layers_to_remove(request), final))


DEPTH_LAST_BUT_FINAL = Method(
    "depth-last-but-final", 1, "arXiv 2411.15558", "layer", calibrated=False, random=False,
    function=remove_last_but_final,
)  # fmt: skip
