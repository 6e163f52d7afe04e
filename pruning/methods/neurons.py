"""Removing MLP neurons: rows of the matrices into the MLP, their biases, and columns of the matrix out of it."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pruning.adapters.parts import LayerParts, MlpParts, Projection, Stack
from pruning.errors import RatioTooSmallError, UnsupportedModelError
from pruning.methods.records import PruningRequest, Removal
from pruning.methods.shapes import Change, change_configs, difference, rebuilt, shapes

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# New widths are multiples of this, so that rows stay aligned for vector units.
WIDTH_MULTIPLE = 8
# How configs name the width of the MLP.
WIDTH_FIELDS = ("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size", "d_ff", "ffn_hidden", "hidden_dim")

# (layer, its MLP, how many) -> mask of the neurons to remove
Choice = Callable[[LayerParts, MlpParts, int], "torch.Tensor"]


def remove_neurons(request: PruningRequest, choose: Choice) -> Removal:
    """Remove the same share of neurons from every layer of every stack, physically where the config can say it.

    Where it cannot (BLOOM's width is always 4 x hidden size) the neurons are set to zero in matrices of the old shape,
    which compute the same, load everywhere and are no smaller; `physical` and `note` say so.
    """
    import torch

    targets = {stack.path: new_width(_width(request, stack), request.ratio) for stack in request.adapter.stacks}
    physical = _config_can_say(request, targets)
    removed, total = [], 0
    with torch.no_grad():
        for stack in request.adapter.stacks:
            for layer in stack.layers:
                assert layer.mlp is not None
                mask = choose(layer, layer.mlp, layer.mlp.width - targets[stack.path])
                _apply(request.model, layer.mlp, mask, physical=physical)
                removed.append(tuple(mask.nonzero().squeeze(1).tolist()))
                total += layer.mlp.width
    if physical:
        _set_width_attributes(request, targets)
        change_configs(request.model, request.adapter.stacks, _widths_set(targets))
    note = "" if physical else f"the config of {request.adapter.model_class} has no field for the MLP's width"
    return Removal(sum(map(len, removed)), total, physical=physical, neurons=tuple(removed), note=note)


def _width(request: PruningRequest, stack: Stack) -> int:
    if stack.mlp_width is None:
        raise UnsupportedModelError(
            f"{request.adapter.model_class}: looked for an MLP of one width in every layer of {stack.path} (one or two "
            "matrices into it, one out of it)"
        )
    return stack.mlp_width


def _config_can_say(request: PruningRequest, targets: Mapping[str, int]) -> bool:
    """Return whether transformers builds the narrow matrices, and nothing else anew, from a changed config."""
    stacks = request.adapter.stacks
    for stack in stacks:
        config: Any = getattr(request.model.get_submodule(stack.owner), "config")  # noqa: B009  # it has no type
        if width_field(config, _width(request, stack), stack.kind) is None:
            return False
    expected = shapes(request.model)
    for stack in stacks:
        for layer in stack.layers:
            assert layer.mlp is not None
            for matrix in layer.mlp.into:
                _narrow(expected, f"{matrix.path}.weight", matrix.output_dimension, layer.mlp, targets[stack.path])
                _narrow(expected, f"{matrix.path}.bias", 0, layer.mlp, targets[stack.path])
            down = layer.mlp.down
            _narrow(expected, f"{down.path}.weight", 1 - down.output_dimension, layer.mlp, targets[stack.path])
    try:
        found = shapes(rebuilt(request.model, stacks, _widths_set(targets)))
    except UnsupportedModelError:
        return False
    return difference(expected, found) is None


def _narrow(expected: dict[str, tuple[int, ...]], name: str, dimension: int, mlp: MlpParts, target: int) -> None:
    """Write the shape after pruning; a fused matrix has two outputs a neuron."""
    if name in expected:
        shape = [*expected[name]]
        shape[dimension] = shape[dimension] // mlp.width * target
        expected[name] = tuple(shape)


def _widths_set(targets: Mapping[str, int]) -> Change:
    def set_widths(config: Any, stack: Stack) -> None:
        assert stack.mlp_width is not None
        # Stacks may share one field: the first of them sets it.
        field = width_field(config, stack.mlp_width, stack.kind)
        if field is not None:
            setattr(config, field, targets[stack.path])

    return set_widths


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


def width_field(config: Any, width: int, kind: str = "") -> str | None:
    """Return the config's field that sets the MLP's width; one that names the kind of stack first; None without any."""
    for name in (f"{kind}_ffn_dim", *WIDTH_FIELDS):
        value = getattr(config, name, 0)
        # GPT-2's n_inner is None by default and means 4 x hidden size, as does GPT-Neo's intermediate_size.
        if value == width or (name in ("n_inner", "intermediate_size") and value is None):
            return name
    return None


def _apply(model: "PreTrainedModel", mlp: MlpParts, mask: "torch.Tensor", *, physical: bool) -> None:
    import torch

    change = _keep if physical else _zero
    neurons = (~mask if physical else mask).nonzero().squeeze(1)
    for matrix in mlp.into:
        outputs = torch.cat([neurons, neurons + mlp.width]) if mlp.fused else neurons
        change(model, matrix, outputs, outputs=True)
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


def _set_width_attributes(request: PruningRequest, targets: Mapping[str, int]) -> None:
    """Keep the width that a layer's modules remember in step with their matrices."""
    for stack in request.adapter.stacks:
        for layer in stack.layers:
            for module in request.model.get_submodule(layer.path).modules():
                for name in WIDTH_FIELDS:
                    if getattr(module, name, None) == stack.mlp_width:
                        setattr(module, name, targets[stack.path])
