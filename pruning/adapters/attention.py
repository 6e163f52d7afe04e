"""Attention: which matrices are queries, keys, values and output, and how heads lie in them.

An attention is the innermost module that holds an output matrix (heads x width -> state) and before it either one
matrix for query, key and value each or one for all three. Number and width of the heads stand in the module, or in its
config; they must fit the shapes and one another. Query, key and value of one shape are told apart by their names.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruning.adapters.matrices import attribute, last_name, projections
from pruning.adapters.overrides import fused_order
from pruning.adapters.parts import AttentionParts, Layout, Projection, Role

if TYPE_CHECKING:
    from torch import nn

HEADS = ("num_heads", "num_attention_heads", "n_heads", "n_head", "num_query_heads")
WIDTHS = ("head_dim", "attention_head_size", "head_size", "key_value_proj_dim", "dim_head", "d_head")
KEY_VALUE_HEADS = ("num_key_value_heads", "num_kv_heads", "kv_heads")
_ROLE = re.compile(r"(?:linear_?|to_?|w)?(?P<letter>[qkv])(?:uery|ey|alue)?(?:_?(?:proj|lin|linear|layer))?")
_ROLES: Mapping[str, Role] = {"q": "query", "k": "key", "v": "value"}
# Matrices for positions lie beside the others and may have the shape of an output matrix.
_POSITION = re.compile(r"pos|rel")
_CROSS = re.compile(r"cross|encoder_attn|enc_?dec")


@dataclass(frozen=True)
class HeadCount:
    """How a module and its config describe their heads."""

    heads: int
    width: int


def find_attentions(path: str, module: "nn.Module", config: Any, stack: str) -> Iterator[AttentionParts]:
    """Yield the attentions below a module. `config` and the name of the `stack` say what the module itself does not."""
    for name, child in module.named_children():
        child_path = f"{path}.{name}"
        inner = [*find_attentions(child_path, child, config, stack)]
        if inner:
            yield from inner
        else:
            found = _attention(child_path, child, config, stack)
            if found is not None:
                yield found


def unread_attentions(
    path: str, module: "nn.Module", found: Sequence[AttentionParts]
) -> Iterator[tuple[str, list[Projection]]]:
    """Yield (path, matrices) of modules that speak of heads and hold matrices, but are no attention as known here."""
    for name, child in module.named_children():
        child_path = f"{path}.{name}"
        if any(attention.path.startswith(f"{child_path}.") for attention in found):
            yield from unread_attentions(child_path, child, found)
        elif all(attention.path != child_path for attention in found):
            matrices = projections(child, child_path)
            if len(matrices) > 1 and attribute([child], HEADS + WIDTHS):
                yield child_path, matrices
            else:
                yield from unread_attentions(child_path, child, found)


def declared(config: Any, names: Sequence[str], stack: str) -> int | None:
    """Return a number from a config; what it says of a stack by name (`decoder_attention_heads`) comes first."""
    for name in names:
        value = getattr(config, name.format(stack=stack), None)
        if type(value) is int and value > 0:
            return value
    return None


def _attention(path: str, module: "nn.Module", config: Any, stack: str) -> AttentionParts | None:
    matrices = [matrix for matrix in projections(module, path) if not _POSITION.search(_below(path, matrix.path))]
    roles: dict[str, Role] = {matrix.path: role for matrix in matrices if (role := _role(matrix.path))}
    split = [matrix for matrix in matrices if matrix.path in roles]
    if sorted(roles.values()) == ["key", "query", "value"]:
        return _split(path, module, matrices, split, tuple(roles.values()), config, stack)
    return None if roles else _fused(path, module, matrices, config, stack)


def _split(
    path: str,
    module: "nn.Module",
    matrices: Sequence[Projection],
    inputs: Sequence[Projection],
    roles: tuple[Role, ...],
    config: Any,
    stack: str,
) -> AttentionParts | None:
    query, key, value = (inputs[roles.index(role)] for role in ("query", "key", "value"))
    fitting = [
        matrix
        for matrix in matrices
        if matrix not in inputs and (matrix.inputs, matrix.outputs) == (query.outputs, query.inputs)
    ]
    count = _head_count(module, query.outputs, config, stack)
    if not fitting or count is None or key.outputs != value.outputs or key.inputs != value.inputs:
        return None
    cross = key.inputs != query.inputs or _is_cross(path, module)
    return _parts(path, module, "split", inputs, fitting[-1], roles, count, key.outputs, cross)


def _fused(
    path: str, module: "nn.Module", matrices: Sequence[Projection], config: Any, stack: str
) -> AttentionParts | None:
    # One matrix in and one out may be an MLP as well: only a module that speaks of heads is an attention.
    if len(matrices) != 2 or not attribute([*module.modules()], HEADS + WIDTHS):
        return None
    # The output matrix may have as many outputs as the fused one, but never more than that has inputs.
    first, second = matrices
    fused, output = (first, second) if first.outputs > second.inputs else (second, first)
    key_width, odd = divmod(fused.outputs - output.inputs, 2)
    count = _head_count(module, output.inputs, config, stack)
    if count is None or odd or key_width <= 0 or fused.inputs != output.outputs:
        return None
    layout = "multi-query" if key_width == count.width and count.heads > 1 else fused_order(config)
    return _parts(path, module, layout, [fused], output, ("fused",), count, key_width, _is_cross(path, module))


def _parts(
    path: str,
    module: "nn.Module",
    layout: Layout,
    inputs: Sequence[Projection],
    output: Projection,
    roles: tuple[Role, ...],
    count: HeadCount,
    key_width: int,
    cross: bool,
) -> AttentionParts | None:
    """Return the parts, or None when the key-value heads do not fit the shapes or what the module says of them."""
    key_value_heads, rest = divmod(key_width, count.width)
    said = attribute([*module.modules()], KEY_VALUE_HEADS)
    if rest or not key_value_heads or count.heads % key_value_heads or (said and key_value_heads not in said):
        return None
    own = tuple(f"{matrix.path}." for matrix in (*inputs, output))
    names = [name for name, _ in module.named_parameters(prefix=path) if not name.startswith(own)]
    bias = any(getattr(module.get_submodule(_below(path, each.path)), "bias", None) is not None for each in inputs)
    return AttentionParts(
        path, layout, tuple(inputs), output, roles, count.heads, key_value_heads, count.width, cross, bias, tuple(names)
    )


def _head_count(module: "nn.Module", query_width: int, config: Any, stack: str) -> HeadCount | None:
    """Return number and width of the query heads; None when nothing says them or what says them disagrees."""
    modules = [*module.modules()]
    heads, widths = attribute(modules, HEADS), attribute(modules, WIDTHS)
    from_config = declared(config, ("{stack}_attention_heads", "num_attention_heads"), stack)
    if not heads and not widths:
        heads = {from_config} if from_config else set()
    if len(heads) > 1 or len(widths) > 1 or not (heads or widths):
        return None
    count = heads.pop() if heads else query_width // widths.copy().pop()
    width = widths.pop() if widths else query_width // count
    fits = count * width == query_width and from_config in (None, count)
    return HeadCount(count, width) if fits else None


def _role(path: str) -> Role | None:
    match = _ROLE.fullmatch(last_name(path))
    return _ROLES[match["letter"]] if match else None


def _is_cross(path: str, module: "nn.Module") -> bool:
    said = any(getattr(each, "is_cross_attention", False) is True for each in module.modules())
    return said or _CROSS.search(last_name(path)) is not None


def _below(path: str, inner: str) -> str:
    return inner.removeprefix(f"{path}.")
