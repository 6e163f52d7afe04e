"""Inputs that a model can be run on, whatever it reads: text, pictures, spectrograms or sound."""

import inspect
from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Any

from pruning.devices import device_of
from pruning.errors import UnsupportedModelError

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel

LENGTH = 8
_CONTEXTS = ("max_position_embeddings", "n_positions", "max_target_positions")
# Tokens that stand for pictures or sound cannot be fed alone.
_PLACEHOLDERS = ("image_token_id", "image_token_index", "video_token_id", "audio_token_id", "audio_token_index")


def example_inputs(model: "PreTrainedModel", length: int = LENGTH) -> "dict[str, torch.Tensor]":
    """Return valid inputs for one forward pass, a batch of one, on the model's device (also on meta).

    Text: token ids 0, 1, 2, ... modulo the vocabulary, `length` of them at most; pictures and sound are drawn with one
    seed. Nothing is padded: all masks are ones. Raises `UnsupportedModelError` for a model that reads something else.
    """
    taken = inspect.signature(model.forward).parameters
    needed = needed_inputs(model)
    if any(name not in _INPUTS or name not in taken for name in needed):
        raise UnsupportedModelError(
            f"{type(model).__name__}: expected a model that reads {', '.join(_INPUTS)}; it reads {', '.join(needed)}"
        )
    inputs = {name: _INPUTS[name](model, length) for name in needed}
    text = inputs.get("input_ids")
    if text is not None and "attention_mask" in taken:
        import torch

        inputs["attention_mask"] = torch.ones_like(text)
    if model.config.is_encoder_decoder and "decoder_input_ids" in taken:
        inputs["decoder_input_ids"] = _token_ids(model, length)
    return inputs


def main_output(output: Any) -> "torch.Tensor":
    """Return what a model answers: its logits, or its first floating tensor."""
    import torch

    logits = getattr(output, "logits", None)
    if isinstance(logits, torch.Tensor):
        return logits
    return next(value for value in output.values() if isinstance(value, torch.Tensor) and value.is_floating_point())


def needed_inputs(model: "nn.Module") -> tuple[str, ...]:
    """Return the names of what a model cannot do without: its main input first, then pictures to compare text with.

    A model whose text has a placeholder for pictures also reads text alone.
    """
    main: Any = getattr(model, "main_input_name", "input_ids")
    pictured = "pixel_values" in inspect.signature(model.forward).parameters and hasattr(model.config, "vision_config")
    both = ("input_ids", "pixel_values") if pictured and not [*_placeholders(model)] else ()
    mains = (main,) if isinstance(main, str) else tuple(main)  # OneFormer names two
    return tuple(dict.fromkeys((*mains, *both)))


def _placeholders(model: "nn.Module") -> Iterator[int]:
    for name in _PLACEHOLDERS:
        token = getattr(model.config, name, None)
        if isinstance(token, int):
            yield token


def _token_ids(model: "PreTrainedModel", length: int) -> "torch.Tensor":
    import torch

    config = model.config.get_text_config()
    context = next((value for name in _CONTEXTS if type(value := getattr(config, name, None)) is int), length)
    if context < 1:
        raise UnsupportedModelError(f"{type(model).__name__}: expected a context of at least one token, got {context}")
    special = {*_placeholders(model)}
    plain = [token for token in range(min(config.vocab_size, length + len(special))) if token not in special]
    return torch.tensor([[plain[place % len(plain)] for place in range(min(length, context))]], device=device_of(model))


def _pixel_values(model: "PreTrainedModel", _: int) -> "torch.Tensor":
    config = getattr(model.config, "vision_config", model.config)
    size = getattr(config, "image_size", 224)
    if isinstance(size, dict):
        size = (size["height"], size["width"])
    height, width = (size, size) if isinstance(size, int) else size
    return _drawn(model, (1, getattr(config, "num_channels", 3), height, width))


def _input_features(model: "PreTrainedModel", length: int) -> "torch.Tensor":
    """Whisper takes (1, mels, frames) of one number of frames; others (1, frames, features) of any."""
    config = model.config
    mels, positions = getattr(config, "num_mel_bins", None), getattr(config, "max_source_positions", None)
    if mels and positions and not hasattr(config, "input_feat_per_channel"):
        return _drawn(model, (1, mels, 2 * positions))
    return _drawn(model, (1, 16 * length, getattr(config, "input_feat_per_channel", 80)))


def _input_values(model: "PreTrainedModel", length: int) -> "torch.Tensor":
    """Sound: as many samples as make `length` frames."""
    strides, kernels = (getattr(model.config, name, (1,)) for name in ("conv_stride", "conv_kernel"))
    return _drawn(model, (1, length * prod(strides) + sum(kernels)))


def _drawn(model: "PreTrainedModel", shape: tuple[int, ...]) -> "torch.Tensor":
    import torch

    values = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    return values.to(device_of(model), model.dtype)


_INPUTS = {
    "input_ids": _token_ids,
    "pixel_values": _pixel_values,
    "input_features": _input_features,
    "input_values": _input_values,
}
