"""A model whose parameters are on torch's meta device and whose computed buffers (rotary frequencies) are real."""

import ctypes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruning.adapters.parts import Adapter, LayerParts
from pruning.errors import UnsupportedModelError
from pruning.models import check_config, quiet, read_config
from pruning.streaming.stored import StoredTensors

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel


def build_skeleton(folder: Path) -> "PreTrainedModel":
    """Return the causal language model of a checkpoint without its weights, ready for inference.

    Raises `UnsupportedModelError` for any other model: of Whisper, say, this would be the decoder alone.
    """
    from transformers import AutoModelForCausalLM

    check_config(folder)
    config = read_config(folder)
    if config.is_encoder_decoder or type(config) not in AutoModelForCausalLM._model_mapping:
        raise UnsupportedModelError(
            f"{folder.name}: only causal language models are pruned from disk to disk, this is {config.model_type}; "
            "--stream never prunes it in memory"
        )
    with quiet(), _parameters_on_meta():
        return AutoModelForCausalLM.from_config(config, trust_remote_code=False).eval()


def stored_names(model: "PreTrainedModel", stored: StoredTensors) -> dict[str, str]:
    """Return the stored name of every parameter and buffer of a model that the checkpoint has.

    Checkpoints of a model without its head leave out the name of the part that the head stands on.
    """
    prefix = f"{model.base_model_prefix}."
    found = {}
    for name in model.state_dict():
        for spelling in (name, name.removeprefix(prefix), prefix + name):
            if spelling in stored.names:
                found[name] = spelling
                break
    return found


def load_into(
    module: "nn.Module", tensors: Mapping[str, "torch.Tensor"], *, device: str, dtype: "torch.dtype | None"
) -> None:
    """Put tensors, by their name in `module`, in place of its own; parameters in `dtype`, None = as they come."""
    parameters = dict(module.named_parameters(remove_duplicate=False))
    state = {
        name: tensor.to(device, dtype if name in parameters and tensor.is_floating_point() else None)
        for name, tensor in tensors.items()
    }
    module.load_state_dict(state, strict=False, assign=True)


def load_rest(
    model: "PreTrainedModel", adapter: Adapter, tensors: Mapping[str, "torch.Tensor"], *, device: str, dtype: Any
) -> None:
    """Load everything but the layers and an output head of its own, which calibration never reaches.

    Raises `UnsupportedModelError` naming what the checkpoint lacks.
    """
    head = _own_head(model)
    used = {name: tensor for name, tensor in tensors.items() if name not in head}
    load_into(model, used, device=device, dtype=dtype)
    if not head:
        model.tie_weights()
    for module in model.modules():
        for name, buffer in module._buffers.items():
            module._buffers[name] = buffer.to(device) if buffer is not None and not buffer.is_meta else buffer
    layers = tuple(f"{layer.path}." for layer in adapter.all_layers)
    outside = [name for name, each in model.named_parameters() if each.is_meta and not name.startswith(layers)]
    lacking = [name for name in outside if name not in head]
    if lacking:
        raise _lacking(adapter, lacking)


def _own_head(model: "PreTrainedModel") -> set[str]:
    """Return the names of the output head's parameters; none when the head is the input embeddings."""
    head: Any = model.get_output_embeddings()
    if head is None:
        return set()
    own = {id(each) for each in head.parameters()} - {id(each) for each in model.get_input_embeddings().parameters()}
    return {name for name, each in model.named_parameters() if id(each) in own}


def check_layers(model: "PreTrainedModel", adapter: Adapter, names: Mapping[str, str]) -> None:
    """Raise `UnsupportedModelError` naming the weights of layers that the checkpoint lacks."""
    for layer in adapter.all_layers:
        own = [f"{layer.path}.{name}" for name in model.get_submodule(layer.path).state_dict()]
        lacking = [name for name in own if name not in names]
        if lacking:
            raise _lacking(adapter, lacking)


def unload(model: "PreTrainedModel", layer: LayerParts) -> None:
    """Give the memory of a layer's parameters back; buffers that no checkpoint holds stay."""
    import torch

    module = model.get_submodule(layer.path)
    empty = {name: torch.empty_like(each, device="meta") for name, each in module.named_parameters()}
    module.load_state_dict(empty, strict=False, assign=True)
    _trim()


def _trim() -> None:
    """Give freed memory back to the system where the C library is GNU's, whose heap else grows by 50 MB a layer."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _lacking(adapter: Adapter, names: list[str]) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"{adapter.model_class}: expected weights for all of it in the checkpoint, {len(names)} are missing, first "
        f"{names[0]!r}"
    )


@contextmanager
def _parameters_on_meta() -> Iterator[None]:
    """Move each parameter to the meta device as soon as a module registers it: its memory is never written to."""
    from torch import nn

    register = nn.Module.register_parameter

    def register_on_meta(self: nn.Module, name: str, param: "nn.Parameter | None") -> None:
        # A parameter that is there already is one that modules share, and stays shared.
        if param is not None and not param.is_meta:
            param = nn.Parameter(param.to("meta"), requires_grad=False)
        register(self, name, param)

    nn.Module.register_parameter = register_on_meta
    try:
        yield
    finally:
        nn.Module.register_parameter = register
