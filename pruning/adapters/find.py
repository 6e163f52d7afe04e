"""Finding the parts of a model by their shapes.

Stack: the longest outermost ModuleList of layers of one class. Attention: a module whose matrices read the residual
stream (query, key, value, or one fused matrix) and whose last one reads the heads. MLP: what remains of the layer, when
it is one or two matrices into the same width and one back.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pruning.adapters.parts import Adapter, AttentionParts, LayerParts, MlpParts, Projection
from pruning.errors import UnsupportedModelError

if TYPE_CHECKING:
    from torch import nn


def find_adapter(model: "nn.Module") -> Adapter:
    """Return the parts of a transformers model. Raises `UnsupportedModelError` that says what was looked for."""
    name = type(model).__name__
    stack_path, stack = _find_stack(model)
    query_width = _query_width(model.config, name)
    layers = tuple(_layer_parts(f"{stack_path}.{index}", layer, query_width) for index, layer in enumerate(stack))
    _check_layers(name, stack, layers)
    return Adapter(name, stack_path, layers)


def _find_stack(model: "nn.Module") -> tuple[str, "nn.ModuleList"]:
    lists = [*_outermost_lists(model, "")]
    stacks = [(path, stack) for path, stack in lists if len({type(layer) for layer in stack}) == 1]
    stacks = [(path, stack) for path, stack in stacks if any(_projections(layer, "") for layer in stack)]
    if not stacks:
        seen = ", ".join(f"{path} ({len(stack)} modules)" for path, stack in lists) or "none"
        raise UnsupportedModelError(
            f"{type(model).__name__}: looked for a layer stack, a ModuleList of one class of layer with Linear or "
            f"Conv1D inside; lists found: {seen}"
        )
    return max(stacks, key=lambda found: len(found[1]))


def _outermost_lists(module: "nn.Module", prefix: str) -> Iterator[tuple[str, "nn.ModuleList"]]:
    """Yield the module lists that are not inside another one: experts of a layer are no stack."""
    from torch import nn

    for name, child in module.named_children():
        if isinstance(child, nn.ModuleList):
            yield prefix + name, child
        else:
            yield from _outermost_lists(child, f"{prefix}{name}.")


def _query_width(config: Any, name: str) -> int:
    """Return heads x width of a head."""
    text = config.get_text_config()
    heads, hidden = getattr(text, "num_attention_heads", None), getattr(text, "hidden_size", None)
    if not isinstance(heads, int) or not isinstance(hidden, int):
        raise UnsupportedModelError(f"{name}: looked for one num_attention_heads and one hidden_size in the config")
    return heads * (getattr(text, "head_dim", None) or hidden // heads)


def _layer_parts(path: str, layer: "nn.Module", query_width: int) -> LayerParts:
    matrices = _projections(layer, path)
    attentions = tuple(_attentions(path, layer, query_width))
    claimed = {matrix.path for attention in attentions for matrix in (*attention.inputs, attention.output)}
    rest = [matrix for matrix in matrices if matrix.path not in claimed]
    return LayerParts(path, attentions, _mlp(rest), tuple(matrices))


def _projections(module: "nn.Module", path: str) -> list[Projection]:
    """Return the matrices below a module in the order of their registration."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    found = []
    for name, child in module.named_modules(prefix=path):
        if isinstance(child, nn.Linear):
            found.append(Projection(name, child.in_features, child.out_features, transposed=False))
        elif isinstance(child, Conv1D):
            found.append(Projection(name, child.nx, child.nf, transposed=True))
    return found


def _attentions(path: str, module: "nn.Module", query_width: int) -> Iterator[AttentionParts]:
    for name, child in module.named_children():
        child_path = f"{path}.{name}"
        attention = _attention(child_path, _projections(child, child_path), query_width)
        if attention is not None:
            yield attention
        else:
            yield from _attentions(child_path, child, query_width)


def _attention(path: str, matrices: Sequence[Projection], query_width: int) -> AttentionParts | None:
    """Return the attention made of these matrices: outputs = query width + 2 x key width, key width divides it."""
    if len(matrices) not in (2, 4):
        return None
    *inputs, output = matrices
    key_and_value = sum(matrix.outputs for matrix in inputs) - query_width
    key_width = key_and_value // 2
    fits = (
        output.inputs == query_width
        and all(matrix.inputs == output.outputs for matrix in inputs)
        and key_and_value == 2 * key_width > 0
        and query_width % key_width == 0
    )
    return AttentionParts(path, "fused" if len(inputs) == 1 else "split", tuple(inputs), output) if fits else None


def _mlp(matrices: Sequence[Projection]) -> MlpParts | None:
    if len(matrices) not in (2, 3):
        return None
    *into, down = matrices
    if any((matrix.inputs, matrix.outputs) != (down.outputs, down.inputs) for matrix in into):
        return None
    return MlpParts(into[0] if len(into) == 2 else None, into[-1], down)


def _check_layers(name: str, stack: "nn.ModuleList", layers: Sequence[LayerParts]) -> None:
    without = [layer.path for layer in layers if not layer.attentions]
    if without:
        raise UnsupportedModelError(
            f"{name}: looked for an attention (query, key, value or one fused matrix, then an output matrix) in every "
            f"layer; none in {', '.join(without[:3])}{', ...' if len(without) > 3 else ''}"
        )
    foreign = sorted({path for layer in stack for path in _foreign_matrices(layer)})
    if foreign:
        raise UnsupportedModelError(
            f"{name}: looked for layers whose matrices are Linear or Conv1D, so that no part is missed silently; "
            f"found {', '.join(foreign[:3])} besides"
        )


def _foreign_matrices(layer: "nn.Module") -> Iterator[str]:
    """Yield parameters of two or more dimensions that are no Linear, Conv1D or Embedding, such as stacked experts."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    for path, module in layer.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding | Conv1D):
            continue
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.dim() > 1:
                yield f"{path}.{name}".lstrip(".")
