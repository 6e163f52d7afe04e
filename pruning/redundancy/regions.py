"""Which slices of which parameters the parts of a layer are: what is zero without them, and what a copy takes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruning.adapters.mlp import find_mlp
from pruning.adapters.parts import ExpertParts, LayerParts, MlpParts, Projection, Slice
from pruning.errors import UnsupportedModelError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Region:
    """Consecutive indices of a parameter along one dimension; `stop` None: all of it."""

    parameter: str
    dimension: int = 0
    start: int = 0
    stop: int | None = None

    def view(self, model: "PreTrainedModel") -> "torch.Tensor":
        """Return the region, memory shared with the parameter."""
        parameter = model.get_parameter(self.parameter)
        return parameter if self.stop is None else parameter.narrow(self.dimension, self.start, self.stop - self.start)


Regions = tuple[Region, ...]
Find = Callable[["PreTrainedModel", LayerParts], Iterator[Region]]


def _with_bias(model: "PreTrainedModel", matrix: Projection, start: int = 0, stop: int | None = None) -> Regions:
    """Return some outputs of a matrix, None = all, and their bias."""
    if matrix.expert is not None:
        whole = [Region(f"{matrix.path}.{matrix.parameter}", 0, matrix.expert, matrix.expert + 1)]
        if stop is not None:
            raise UnsupportedModelError(f"{matrix.name}: expected a matrix of its own, got one of stacked experts")
        bias = f"{matrix.parameter}_bias"
        biased = hasattr(model.get_submodule(matrix.path), bias)
        return (*whole, *([Region(f"{matrix.path}.{bias}", 0, matrix.expert, matrix.expert + 1)] if biased else []))
    weight = Region(matrix.name, 0 if stop is None else matrix.output_dimension, start, stop)
    if getattr(model.get_submodule(matrix.path), "bias", None) is None:
        return (weight,)
    return weight, Region(f"{matrix.path}.bias", 0, start, stop)


def _inside(model: "PreTrainedModel", path: str) -> Iterator[Region]:
    names = (name for name, _ in model.get_submodule(path).named_parameters(remove_duplicate=False))
    return (Region(f"{path}.{name}") for name in names)


def _attention_outputs(model: "PreTrainedModel", layer: LayerParts) -> Iterator[Region]:
    for attention in layer.attentions:
        yield from _with_bias(model, attention.output)


def _whole_attentions(model: "PreTrainedModel", layer: LayerParts) -> Iterator[Region]:
    for attention in layer.attentions:
        yield from _inside(model, attention.path)


def _mlps(layer: LayerParts) -> Iterator[MlpParts]:
    """Yield the MLPs of a layer: its one, or that beside its experts."""
    if layer.mlp is not None:
        yield layer.mlp
    if layer.experts is not None and layer.experts.shared is not None:
        yield layer.experts.shared


def _mlp_outputs(model: "PreTrainedModel", layer: LayerParts) -> Iterator[Region]:
    for mlp in _mlps(layer):
        yield from _with_bias(model, mlp.down)
    for matrix in _expert_outputs(layer.experts) if layer.experts else ():
        yield from _with_bias(model, matrix)


def _expert_outputs(experts: ExpertParts) -> Iterator[Projection]:
    """Yield for each expert the matrix back to the state."""
    for matrices in experts.one_by_one:
        mlp = None if experts.stacked else find_mlp(matrices)
        yield matrices[-1] if mlp is None else mlp.down


def _whole_mlps(model: "PreTrainedModel", layer: LayerParts) -> Iterator[Region]:
    for mlp in _mlps(layer):
        for matrix in (*mlp.into, mlp.down):
            yield from _with_bias(model, matrix)
    if layer.experts is not None:
        yield from _inside(model, layer.experts.path)
        if layer.experts.router is not None:
            yield from _inside(model, layer.experts.router)


def _role(role: str) -> Find:
    """Return what finds the outputs that are queries, keys or values, wherever they lie."""

    def find(model: "PreTrainedModel", layer: LayerParts) -> Iterator[Region]:
        for attention in layer.attentions:
            count = attention.heads if role == "query" else attention.key_value_heads
            if attention.layout == "split":
                yield from _with_bias(model, attention.inputs[attention.roles.index(role)])  # type: ignore[arg-type]
            else:
                for index in range(count):
                    piece: Slice = getattr(attention, role)(index)
                    yield from _with_bias(model, piece.matrix, piece.start, piece.stop)

    return find


def _fused(model: "PreTrainedModel", layer: LayerParts) -> Iterator[Region]:
    for attention in layer.attentions:
        if attention.layout != "split":
            yield from _with_bias(model, attention.inputs[0])


def _gates(model: "PreTrainedModel", layer: LayerParts) -> Iterator[Region]:
    for mlp in _mlps(layer):
        if mlp.gate is not None:
            yield from _with_bias(model, mlp.gate, 0, mlp.width if mlp.fused else None)


def _ups(model: "PreTrainedModel", layer: LayerParts) -> Iterator[Region]:
    for mlp in _mlps(layer):
        yield from _with_bias(model, mlp.up, *((mlp.width, 2 * mlp.width) if mlp.fused else ()))


def _downs(model: "PreTrainedModel", layer: LayerParts) -> Iterator[Region]:
    for mlp in _mlps(layer):
        yield from _with_bias(model, mlp.down)


def _both(*parts: Find) -> Find:
    def find(model: "PreTrainedModel", layer: LayerParts) -> Iterator[Region]:
        for part in parts:
            yield from part(model, layer)

    return find


_ROLES: Mapping[str, Find] = {
    "query": _role("query"),
    "key": _role("key"),
    "value": _role("value"),
    "fused": _fused,
    "output": _attention_outputs,
    "gate": _gates,
    "up": _ups,
    "down": _downs,
}
ZEROED: Mapping[str, Find] = {
    "layer": _both(_attention_outputs, _mlp_outputs),
    "attention": _attention_outputs,
    "mlp": _mlp_outputs,
    **_ROLES,
}
COPIED: Mapping[str, Find] = {
    "layer": lambda model, layer: _inside(model, layer.path),
    "attention": _whole_attentions,
    "mlp": _whole_mlps,
    **_ROLES,
}
