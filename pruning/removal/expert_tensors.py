"""Which tensors of a model lose slices with its experts: those that a config of fewer experts makes shorter.

So matrices, biases, rows of the router and its corrections are found by what transformers builds, not by their names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruning.adapters.parts import ExpertParts, LayerParts
from pruning.errors import UnsupportedModelError
from pruning.removal.shapes import difference

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

# By path of the layer: the experts that stay.
Kept = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class TensorCut:
    """A parameter or buffer that keeps some of its slices along a dimension."""

    name: str
    dimension: int
    kept: tuple[int, ...]


def tensor_cuts(
    model: "PreTrainedModel", example: "PreTrainedModel", layers: Sequence[LayerParts], kept: Kept
) -> list[TensorCut]:
    """Return what turns the tensors of a model into those of the example, which was built with fewer experts.

    Raises `UnsupportedModelError` when more differs than tensors of a slice an expert in the layers with experts.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in example.state_dict().items()}
    left, cuts = {}, []
    for name, tensor in model.state_dict().items():
        layer = next((each for each in layers if name.startswith(f"{each.path}.")), None)
        new_name = name if layer is None else _renamed(name, layer, kept[layer.path])
        if new_name is None:
            continue
        shape = tuple(tensor.shape)
        dimension = None if layer is None else _shorter(shape, expected.get(new_name, ()), layer, kept[layer.path])
        if layer is not None and dimension is not None:
            cuts.append(TensorCut(name, dimension, kept[layer.path]))
            shape = expected[new_name]
        left[new_name] = shape
    found = difference(left, expected)
    if found:
        raise UnsupportedModelError(f"{type(model).__name__}: the config cannot say which experts are left; {found}")
    return cuts


def keep_experts(
    model: "PreTrainedModel",
    example: "PreTrainedModel",
    layers: Sequence[LayerParts],
    kept: Kept,
    cuts: Sequence[TensorCut],
) -> None:
    """Cut the tensors, shorten lists of experts, and let modules remember the number that the example's remember."""
    for cut in cuts:
        _cut(model, cut)
    for layer in layers:
        if not _parts(layer).stacked:
            _shorten(model, _parts(layer).path, kept[layer.path])
    count, left = _parts(layers[0]).count, len(kept[layers[0].path])
    there = dict(example.named_modules())
    for path, module in model.named_modules():
        for name, value in [*vars(module).items()]:
            if type(value) is int and value == count and getattr(there.get(path), name, None) == left:
                setattr(module, name, left)


def _parts(layer: LayerParts) -> ExpertParts:
    assert layer.experts is not None
    return layer.experts


def _renamed(name: str, layer: LayerParts, kept: tuple[int, ...]) -> str | None:
    """Return a tensor's name after experts in a list are numbered anew; None when it goes."""
    prefix = f"{_parts(layer).path}."
    if _parts(layer).stacked or not name.startswith(prefix):
        return name
    index, _, rest = name.removeprefix(prefix).partition(".")
    return f"{prefix}{kept.index(int(index))}.{rest}" if int(index) in kept else None


def _shorter(shape: tuple[int, ...], expected: tuple[int, ...], layer: LayerParts, kept: tuple[int, ...]) -> int | None:
    """Return the only dimension in which two shapes differ, when it counts the experts; None otherwise."""
    if len(shape) != len(expected):
        return None
    other = [place for place in range(len(shape)) if shape[place] != expected[place]]
    counts = [(shape[place], expected[place]) for place in other]
    return other[0] if counts == [(_parts(layer).count, len(kept))] else None


def _cut(model: "nn.Module", cut: TensorCut) -> None:
    import torch
    from torch import nn

    path, _, name = cut.name.rpartition(".")
    module = model.get_submodule(path)
    tensor = getattr(module, name)
    left = tensor.detach().index_select(cut.dimension, torch.tensor(cut.kept, device=tensor.device))
    setattr(module, name, nn.Parameter(left, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else left)


def _shorten(model: "nn.Module", path: str, kept: tuple[int, ...]) -> None:
    from torch import nn

    parent, _, name = path.rpartition(".")
    members = model.get_submodule(path)
    left = nn.ModuleList([members.get_submodule(str(index)) for index in kept])
    setattr(model.get_submodule(parent), name, left)
