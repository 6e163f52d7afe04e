"""Removing whole layers, so that what remains is a normal, shorter model."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from pruning.adapters.parts import Adapter
from pruning.errors import RatioTooSmallError, UnsupportedModelError
from pruning.methods.records import PruningRequest, Removal
from pruning.methods.selection import nearest_share_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Lists in a config that are no list of layers even when their length happens to fit.
_NO_LAYER_LISTS = ("architectures", "keys_to_ignore_at_inference")


def layers_to_remove(request: PruningRequest) -> int:
    """Return round(ratio * layers), halves up, at most all but one. Raises `RatioTooSmallError` when it is 0."""
    total = len(request.adapter.layers)
    count = min(nearest_share_of(request.ratio, total), total - 1)
    if count == 0:
        raise RatioTooSmallError(
            f"ratio {request.ratio:g} of {total} layers is less than half a layer; expected at least {0.5 / total:.3g}"
            if total > 1
            else "the model has one layer; expected at least two"
        )
    return count


def remove_layers(model: "PreTrainedModel", adapter: Adapter, removed: Collection[int]) -> Removal:
    """Cut layers out of the stack in place: indices renumbered from 0, every per-layer list of the config cut."""
    from torch import nn

    config = model.config.get_text_config()
    if getattr(config, "scale_attn_by_inverse_layer_idx", False):
        raise UnsupportedModelError(
            f"{adapter.model_class}: attention is scaled by the layer's index (scale_attn_by_inverse_layer_idx), so a "
            "renumbered layer would compute something else"
        )
    total = len(adapter.layers)
    kept = [index for index in range(total) if index not in removed]
    stack = model.get_submodule(adapter.stack)
    parent, _, name = adapter.stack.rpartition(".")
    setattr(model.get_submodule(parent), name, nn.ModuleList([stack.get_submodule(str(index)) for index in kept]))
    _renumber(model.get_submodule(adapter.stack))
    _cut_config(config, total, kept)
    return Removal(total - len(kept), total, physical=True, layers=tuple(sorted(removed)))


def _renumber(stack: Any) -> None:
    """Give every module its new layer index: the key-value cache is addressed by it."""
    for index, layer in enumerate(stack):
        for module in layer.modules():
            if isinstance(getattr(module, "layer_idx", None), int):
                module.layer_idx = index


def _cut_config(config: Any, total: int, kept: list[int]) -> None:
    # The lists first: transformers checks their length against num_hidden_layers when a config is saved.
    for name, value in config.to_dict().items():
        if name in _NO_LAYER_LISTS or name.endswith(("token_id", "token_ids")):
            continue
        if isinstance(value, list | tuple) and len(value) == total:
            setattr(config, name, [value[index] for index in kept])
    config.num_hidden_layers = len(kept)
