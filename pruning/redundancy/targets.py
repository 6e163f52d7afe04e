"""Parts of a layer by name: which slices of which parameters an ablation zeroes or a replacement copies.

A target is one of the words below, a path or a pattern (`self_attn.q_proj`, `*.down_proj`), or several joined by `+`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pipeline.errors import UsageError, unknown_name
from pruning.adapters.mlp import find_mlp
from pruning.adapters.parts import Adapter, AttentionParts, ExpertParts, LayerParts, MlpParts, Projection, Slice
from pruning.errors import UnsupportedModelError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

HEAD = "head"


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


def zeroed_regions(model: "PreTrainedModel", adapter: Adapter, layer: int, target: str) -> Regions:
    """Return what is zero when a target of a layer is ablated.

    `attention`, `mlp`: the matrix that leads back to the state, and its bias, so that nothing is added to the residual
    stream; `layer`: both. Norms stay: a layer with its norms before (or around) its parts then passes its input on, one
    with norms after the residual (post-norm: BERT, the first GPT) still norms it. A role or a pattern: itself. Raises
    as `copied_regions` does.
    """
    return _resolved(model, adapter, layer, target, _ZEROED)


def copied_regions(model: "PreTrainedModel", adapter: Adapter, layer: int, target: str) -> Regions:
    """Return what another layer's weights replace, in the same order in all layers of one structure.

    `attention`: every parameter inside it (norms of queries, sinks and the like too); `mlp`: its matrices and biases,
    all experts with their router; `layer`: every parameter, norms included. Buffers and indices stay.
    Raises `UsageError` for an unknown name and `UnsupportedModelError` when the layer has no such part, or when a
    parameter is also another one (tied) or has no memory (meta).
    """
    return _resolved(model, adapter, layer, target, _COPIED)


def head_region(model: "PreTrainedModel", adapter: Adapter, layer: int, head: int) -> Regions:
    """Return the inputs of the output matrix that are the result of one head: zero, and it adds nothing.

    Raises as `copied_regions` does.
    """
    piece = _own_attention(adapter.layers[layer]).mixed(head)
    return _checked(model, adapter, layer, HEAD, (_region(piece, 1 - piece.matrix.output_dimension),))


def heads_of(layer: LayerParts) -> int:
    """Return the number of query heads of a layer. Raises `UnsupportedModelError` without one self-attention."""
    return _own_attention(layer).heads


def check_target(model: "PreTrainedModel", adapter: Adapter, target: str) -> None:
    """Raise `UsageError` when part of a target is neither a known word nor matches a parameter of any layer."""
    for part in target.split("+"):
        if part == HEAD and target == HEAD:
            continue
        if part not in _ZEROED and not any(_matching(model, layer, part) for layer in adapter.layers):
            raise unknown_name("target", part, _known(model, adapter))


def _resolved(
    model: "PreTrainedModel", adapter: Adapter, layer: int, target: str, words: Mapping[str, Find]
) -> Regions:
    if not 0 <= layer < len(adapter.layers):
        raise UsageError(f"{adapter.model_class}: expected a layer from 0 to {len(adapter.layers) - 1}, got {layer}")
    check_target(model, adapter, target)
    found: dict[Region, None] = {}
    for part in target.split("+"):
        regions = _part(model, adapter.layers[layer], part, words)
        if not regions:
            raise UnsupportedModelError(
                f"{adapter.model_class}: looked for {part} in layer {layer}; it has "
                f"{', '.join(_names(model, adapter.layers[layer]))}"
            )
        found.update(dict.fromkeys(regions))
    return _checked(model, adapter, layer, target, tuple(found))


def _part(model: "PreTrainedModel", layer: LayerParts, part: str, words: Mapping[str, Find]) -> Regions:
    if part in words:
        return tuple(words[part](model, layer))
    return tuple(Region(name) for name in _matching(model, layer, part))


def _checked(model: "PreTrainedModel", adapter: Adapter, layer: int, target: str, regions: Regions) -> Regions:
    if adapter.main.shares_layers:
        raise UnsupportedModelError(
            f"{adapter.model_class}: expected layers with weights of their own; its layers share theirs"
        )
    tied = {name: names for names in adapter.tied for name in names}
    for region in regions:
        if region.parameter in tied:
            raise UnsupportedModelError(
                f"{target} of layer {layer}: expected weights of its own; {' and '.join(tied[region.parameter])} are "
                "one tensor"
            )
        if model.get_parameter(region.parameter).is_meta:
            raise UnsupportedModelError(f"{region.parameter}: expected weights in memory, got a meta tensor")
    return regions


def _matching(model: "PreTrainedModel", layer: LayerParts, pattern: str) -> list[str]:
    """Return the parameters below a layer whose path there, or that of a module around them, fits a pattern."""
    names = [name for name, _ in model.get_submodule(layer.path).named_parameters(remove_duplicate=False)]
    return [f"{layer.path}.{name}" for name in names if any(fnmatchcase(path, pattern) for path in _paths(name))]


def _paths(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:length]) for length in range(len(parts), 0, -1))


def _known(model: "PreTrainedModel", adapter: Adapter) -> list[str]:
    return list(dict.fromkeys((*_ZEROED, *(name for layer in adapter.layers for name in _names(model, layer)))))


def _names(model: "PreTrainedModel", layer: LayerParts) -> list[str]:
    """Return the paths, in their layer, of what holds parameters."""
    names = [name for name, _ in model.get_submodule(layer.path).named_parameters()]
    return list(dict.fromkeys(name.rpartition(".")[0] or name for name in names))


def _own_attention(layer: LayerParts) -> AttentionParts:
    own = [attention for attention in layer.attentions if not attention.cross]
    if len(own) != 1:
        raise UnsupportedModelError(f"{layer.path}: looked for one self-attention; found {len(own)}")
    return own[0]


def _region(piece: Slice, dimension: int) -> Region:
    return Region(piece.matrix.name, dimension, piece.start, piece.stop)


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
    each = len(experts.matrices) // experts.count
    for first in range(0, len(experts.matrices), each):
        matrices = experts.matrices[first : first + each]
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


_ROLES: dict[str, Find] = {
    "query": _role("query"),
    "key": _role("key"),
    "value": _role("value"),
    "fused": _fused,
    "output": _attention_outputs,
    "gate": _gates,
    "up": _ups,
    "down": _downs,
}
_ZEROED: dict[str, Find] = {
    "layer": _both(_attention_outputs, _mlp_outputs),
    "attention": _attention_outputs,
    "mlp": _mlp_outputs,
    **_ROLES,
}
_COPIED: dict[str, Find] = {
    "layer": lambda model, layer: _inside(model, layer.path),
    "attention": _whole_attentions,
    "mlp": _whole_mlps,
    **_ROLES,
}
