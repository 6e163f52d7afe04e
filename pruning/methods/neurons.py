"""Removing MLP neurons: rows of the matrices into the MLP, their biases, and columns of the matrix out of it."""

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pruning.adapters.parts import LayerParts, MlpParts, Projection
from pruning.errors import RatioTooSmallError, UnsupportedModelError
from pruning.methods.records import PruningRequest, Removal

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# New widths are multiples of this, so that rows stay aligned for vector units.
WIDTH_MULTIPLE = 8
# How configs name the width of the MLP.
WIDTH_FIELDS = ("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size", "d_ff", "ffn_hidden")

# (layer, its MLP, how many) -> mask of the neurons to remove
Choice = Callable[[LayerParts, MlpParts, int], "torch.Tensor"]


def remove_neurons(request: PruningRequest, choose: Choice) -> Removal:
    """Remove the same number of neurons from every layer, physically where the config can say the new width.

    Where it cannot (BLOOM's width is always 4 x hidden size) the neurons are set to zero in matrices of the old shape,
    which compute the same, load everywhere and are no smaller; `physical` and `note` say so.
    """
    import torch

    width = request.adapter.mlp_width
    if width is None:
        raise UnsupportedModelError(
            f"{request.adapter.model_class}: looked for an MLP of one width in every layer (one or two matrices into "
            "it, one out of it)"
        )
    count = width - new_width(width, request.ratio)
    config = request.model.config.get_text_config()
    field = width_field(config, width)
    removed = []
    with torch.no_grad():
        for layer in request.adapter.layers:
            assert layer.mlp is not None
            mask = choose(layer, layer.mlp, count)
            _apply(request.model, layer.mlp, mask, physical=field is not None)
            removed.append(tuple(mask.nonzero().squeeze(1).tolist()))
    if field is not None:
        setattr(config, field, width - count)
        _set_width_attributes(request, width, width - count)
    layers = len(request.adapter.layers)
    note = "" if field else f"the config of {request.adapter.model_class} has no field for the MLP's width"
    return Removal(count * layers, width * layers, physical=field is not None, neurons=tuple(removed), note=note)


def new_width(width: int, ratio: float) -> int:
    """Return (1 - ratio) * width rounded to the nearest multiple of `WIDTH_MULTIPLE`, at least one multiple.

    Raises `RatioTooSmallError` when that removes nothing.
    """
    kept = (1 - Fraction(repr(ratio))) * width / WIDTH_MULTIPLE
    target = max(1, int(kept + Fraction(1, 2))) * WIDTH_MULTIPLE
    if target >= width:
        raise RatioTooSmallError(
            f"ratio {ratio:g} of {width} MLP neurons removes none when the new width is a multiple of {WIDTH_MULTIPLE}"
        )
    return target


def width_field(config: Any, width: int) -> str | None:
    """Return the config's field that sets the MLP's width; None when it has none."""
    for name in WIDTH_FIELDS:
        value = getattr(config, name, 0)
        # GPT-2's n_inner is None by default and means 4 x hidden size.
        if value == width or (name == "n_inner" and value is None):
            return name
    return None


def _apply(model: "PreTrainedModel", mlp: MlpParts, mask: "torch.Tensor", *, physical: bool) -> None:
    change = _keep if physical else _zero
    neurons = (~mask if physical else mask).nonzero().squeeze(1)
    for matrix in mlp.into:
        change(model, matrix, neurons, outputs=True)
    change(model, mlp.down, neurons, outputs=False)


def _keep(model: "PreTrainedModel", matrix: Projection, kept: "torch.Tensor", *, outputs: bool) -> None:
    """Replace a matrix by some of its outputs (with their biases) or of its inputs."""
    from torch import nn

    module: Any = model.get_submodule(matrix.path)
    dimension = matrix.output_dimension if outputs else 1 - matrix.output_dimension
    module.weight = nn.Parameter(module.weight.index_select(dimension, kept), module.weight.requires_grad)
    if outputs and module.bias is not None:
        module.bias = nn.Parameter(module.bias[kept], module.bias.requires_grad)
    names = ("nf", "nx") if matrix.transposed else ("out_features", "in_features")
    setattr(module, names[0] if outputs else names[1], len(kept))


def _zero(model: "PreTrainedModel", matrix: Projection, removed: "torch.Tensor", *, outputs: bool) -> None:
    """Set some outputs of a matrix (with their biases) or some of its inputs to zero."""
    module: Any = model.get_submodule(matrix.path)
    dimension = matrix.output_dimension if outputs else 1 - matrix.output_dimension
    module.weight.index_fill_(dimension, removed, 0)
    if outputs and module.bias is not None:
        module.bias[removed] = 0


def _set_width_attributes(request: PruningRequest, old: int, new: int) -> None:
    """Keep the width that a layer's modules remember in step with their matrices."""
    for layer in request.adapter.layers:
        for module in request.model.get_submodule(layer.path).modules():
            for name in WIDTH_FIELDS:
                if getattr(module, name, None) == old:
                    setattr(module, name, new)
