"""Parts of a layer by name: which slices of which parameters an ablation zeroes or a replacement copies.

A target is one of the words below, a path or a pattern (`self_attn.q_proj`, `*.down_proj`), or several joined by `+`.
"""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pipeline.errors import UsageError, unknown_name
from pruning.adapters.parts import Adapter, LayerParts, Slice
from pruning.errors import UnsupportedModelError
from pruning.redundancy.regions import COPIED, ZEROED, Find, Region, Regions
from pruning.redundancy.roles import own_attention

if TYPE_CHECKING:
    from transformers import PreTrainedModel

HEAD = "head"


def zeroed_regions(model: "PreTrainedModel", adapter: Adapter, layer: int, target: str) -> Regions:
    """Return what is zero when a target of a layer is ablated.

    `attention`, `mlp`: the matrix that leads back to the state, and its bias, so that nothing is added to the residual
    stream; `layer`: both. Norms stay: a layer with its norms before (or around) its parts then passes its input on, one
    with norms after the residual (post-norm: BERT, the first GPT) still norms it. A role or a pattern: itself. Raises
    as `copied_regions` does.
    """
    return _resolved(model, adapter, layer, target, ZEROED)


def copied_regions(model: "PreTrainedModel", adapter: Adapter, layer: int, target: str) -> Regions:
    """Return what another layer's weights replace, in the same order in all layers of one structure.

    `attention`: every parameter inside it (norms of queries, sinks and the like too); `mlp`: its matrices and biases,
    all experts with their router; `layer`: every parameter, norms included. Buffers and indices stay.
    Raises `UsageError` for an unknown name and `UnsupportedModelError` when the layer has no such part, or when a
    parameter is also another one (tied) or has no memory (meta).
    """
    return _resolved(model, adapter, layer, target, COPIED)


def head_region(model: "PreTrainedModel", adapter: Adapter, layer: int, head: int) -> Regions:
    """Return the inputs of the output matrix that are the result of one head: zero, and it adds nothing.

    Raises as `copied_regions` does.
    """
    piece = own_attention(adapter.layers[layer]).mixed(head)
    return _checked(model, adapter, layer, HEAD, (_region(piece, 1 - piece.matrix.output_dimension),))


def heads_of(layer: LayerParts) -> int:
    """Return the number of query heads of a layer. Raises `UnsupportedModelError` without one self-attention."""
    return own_attention(layer).heads


def check_target(model: "PreTrainedModel", adapter: Adapter, target: str) -> None:
    """Raise `UsageError` when part of a target is neither a known word nor matches a parameter of any layer."""
    for part in target.split("+"):
        if part == HEAD and target == HEAD:
            continue
        if part not in ZEROED and not any(_matching(model, layer, part) for layer in adapter.layers):
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
    return list(dict.fromkeys((*ZEROED, *(name for layer in adapter.layers for name in _names(model, layer)))))


def _names(model: "PreTrainedModel", layer: LayerParts) -> list[str]:
    """Return the paths, in their layer, of what holds parameters."""
    names = [name for name, _ in model.get_submodule(layer.path).named_parameters()]
    return list(dict.fromkeys(name.rpartition(".")[0] or name for name in names))


def _region(piece: Slice, dimension: int) -> Region:
    return Region(piece.matrix.name, dimension, piece.start, piece.stop)
