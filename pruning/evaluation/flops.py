"""Floating-point operations of a forward pass, counted without computing: on the meta device, with eager attention."""

import copy
from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

_counted: dict[str, int] = {}


def count_flops(model: "PreTrainedModel", inputs: "Mapping[str, torch.Tensor]") -> int:
    """Return the operations of matrix products and convolutions in one forward pass: an addition and a multiplication
    each.

    The structure and the shapes of the inputs decide, so models that differ in weights alone are counted once. Eager
    attention: the counter sees its two products on every device.
    """
    key = _structure(model, inputs)
    if key not in _counted:
        _counted[key] = _count(model, inputs)
    return _counted[key]


def _count(model: "PreTrainedModel", inputs: "Mapping[str, torch.Tensor]") -> int:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    empty = meta_copy(model)
    empty.config._attn_implementation = "eager"
    empty.config._experts_implementation = "batched_mm"  # the others look at which experts were chosen
    # This device has no values to look at: neither for padding without a mask, nor in a mask, which is all ones here.
    empty.config.pad_token_id = None
    if hasattr(empty.config.get_text_config(), "use_cache"):
        empty.config.get_text_config().use_cache = True  # without a cache, positions are searched for several texts
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        empty(**{name: value.to("meta") for name, value in inputs.items() if name != "attention_mask"})
    return counter.get_total_flops()


def meta_copy(model: "PreTrainedModel") -> Any:
    """Return a copy on the meta device; no weight is copied."""
    import torch

    tensors: dict[int, Any] = {id(buffer): buffer.to("meta") for buffer in model.buffers()}
    for parameter in model.parameters():
        tensors[id(parameter)] = torch.nn.Parameter(parameter.detach().to("meta"), requires_grad=False)
    return copy.deepcopy(model, tensors)


def _structure(model: "PreTrainedModel", inputs: "Mapping[str, torch.Tensor]") -> str:
    """Return a hash of all that the count depends on: the class, the config, the shapes."""
    parts = [
        type(model).__qualname__,
        model.config.to_json_string(use_diff=False),
        *(f"{name} {type(module).__name__}" for name, module in model.named_modules()),
        *(f"{name} {tuple(value.shape)}" for name, value in (*model.named_parameters(), *inputs.items())),
    ]
    return blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
