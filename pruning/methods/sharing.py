"""Layer sharing: a layer runs with a copy of a neighbour's weights and keeps its own place (METHODS 5).

Copies, and not one parameter in two places: no config says that layers share, so any checkpoint holds copies, and what
is saved or pruned next finds a normal model.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from pruning.adapters.parts import Adapter
from pruning.errors import UnsupportedModelError
from pruning.redundancy.blocks import nearest_layers
from pruning.redundancy.distances import ANGULAR_LAST
from pruning.removal.layers import layers_to_remove
from pruning.removal.records import COPIES, Method, PruningRequest, Removal
from pruning.removal.selection import random_mask

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel


def share_least_turning(request: PruningRequest) -> Removal:
    """Replace the round(ratio * layers) layers that turn the last token's state least, each alone; ties by index."""
    count = layers_to_remove(request)
    nearest = nearest_layers(request.model, request.adapter, request.windows, ANGULAR_LAST)
    return share_layers(request.model, request.adapter, nearest[:count])


def share_random(request: PruningRequest) -> Removal:
    """Replace round(ratio * layers) layers, every choice as likely."""
    count, total = layers_to_remove(request), len(request.adapter.layers)
    mask = random_mask(total, count, request.seed, f"share/{request.adapter.stack}")
    return share_layers(request.model, request.adapter, mask.nonzero().flatten().tolist())


def share_layers(model: "PreTrainedModel", adapter: Adapter, replaced: Collection[int]) -> Removal:
    """Copy into each replaced layer the parameters of the nearest one that is not; of two the one before.

    Buffers and the layer's index stay. Raises `UnsupportedModelError`, the model unchanged, when two layers differ in
    a parameter's name or shape.
    """
    sources = sources_of(replaced, len(adapter.layers))
    for index, source in sources.items():
        _check_alike(model, adapter, index, source)
    for index, source in sources.items():
        _copy(model.get_submodule(adapter.layers[index].path), model.get_submodule(adapter.layers[source].path))
    pairs = ", ".join(f"{index} from {source}" for index, source in sources.items())
    note = f"layers {pairs}; copies, because no config says that layers share"
    return Removal(len(sources), len(adapter.layers), physical=False, layers=tuple(sources), note=note, left=COPIES)


def sources_of(replaced: Collection[int], total: int) -> dict[int, int]:
    """Return by replaced layer, in order, the nearest of the others; of two as near the one before."""
    kept = [index for index in range(total) if index not in replaced]
    return {index: min(kept, key=lambda other: (abs(other - index), other)) for index in sorted(replaced)}


def _check_alike(model: "PreTrainedModel", adapter: Adapter, index: int, source: int) -> None:
    one, other = (
        {name: tuple(parameter.shape) for name, parameter in model.get_submodule(layer.path).named_parameters()}
        for layer in (adapter.layers[index], adapter.layers[source])
    )
    for name in sorted({*one, *other}):
        if one.get(name) != other.get(name):
            raise UnsupportedModelError(
                f"{adapter.model_class}: layer {index} cannot run with the weights of layer {source}; {name} is "
                f"{one.get(name, 'not there')} in one and {other.get(name, 'not there')} in the other"
            )


def _copy(layer: "nn.Module", source: "nn.Module") -> None:
    import torch

    with torch.no_grad():
        for name, parameter in source.named_parameters():
            layer.get_parameter(name).copy_(parameter)


SHARE_RANDOM = Method("share-random", 1, "baseline", "layer", calibrated=False, random=True, function=share_random)
SHARE_ANGULAR = Method(
    "share-angular", 1, "METHODS 5, by arXiv 2403.17887", "layer", calibrated=True, random=False,
    function=share_least_turning,
)  # fmt: skip
