"""Layer by layer the one without which the text is predicted best (SLEB, arXiv 2402.09025, algorithm 1)."""

from pruning.redundancy.skipping import SkippingStack
from pruning.removal.layers import layers_to_remove, remove_layers
from pruning.removal.records import Method, PruningRequest, Removal


def remove_greedily(request: PruningRequest) -> Removal:
    """Remove one layer after the other, measuring all that are left again each time; ties by index."""
    stack = SkippingStack(request.model, request.adapter)
    removed: list[int] = []
    for _ in range(layers_to_remove(request)):
        losses = stack.losses_without_one(request.windows, removed)
        removed.append(min(losses, key=lambda layer: (losses[layer], layer)))
    return remove_layers(request.model, request.adapter, removed)


DEPTH_GREEDY = Method(
    "depth-greedy",
    1,
    "arXiv 2402.09025",
    "layer",
    calibrated=True,
    random=False,
    function=remove_greedily,
    next_token=True,
)
