"""Where heads lie in the parameters of an attention, whatever the layout of its matrices."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruning.adapters.matrices import is_norm
from pruning.adapters.parts import AttentionParts, Projection, Role, Slice
from pruning.errors import UnsupportedModelError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# What is left of a path when it belongs to queries, keys or values, or is one number a head.
_HEADED = re.compile(r"(?:pos_)?(?P<role>[qkv])(?:uery|ey|alue)?_|(?P<sink>sink)")
_NUMBERED = re.compile(r"\.\d+(?:\.|$)")


@dataclass(frozen=True)
class Part:
    """Some indices along one dimension of a parameter."""

    parameter: str
    dimension: int
    indices: tuple[int, ...]


def input_parts(
    model: "PreTrainedModel",
    attention: AttentionParts,
    heads: Sequence[int],
    groups: Sequence[int],
    roles: Collection[Role] = ("query", "key", "value"),
) -> Iterator[Part]:
    """Yield the outputs, and their biases, that are the queries of `heads` and the keys and values of `groups`.

    One part a parameter, indices in the order of `heads`, then `groups`.
    """
    wanted: dict[Projection, list[int]] = {}
    for piece in _slices(attention, heads, groups, roles):
        wanted.setdefault(piece.matrix, []).extend(range(piece.start, piece.stop))
    for matrix, indices in wanted.items():
        yield Part(f"{matrix.path}.weight", matrix.output_dimension, tuple(indices))
        if getattr(model.get_submodule(matrix.path), "bias", None) is not None:
            yield Part(f"{matrix.path}.bias", 0, tuple(indices))


def output_part(attention: AttentionParts, heads: Iterable[int]) -> Part:
    """Return the inputs of the output matrix that are the results of `heads`."""
    slices = [attention.mixed(head) for head in heads]
    indices = tuple(index for piece in slices for index in range(piece.start, piece.stop))
    return Part(f"{attention.output.path}.weight", 1 - attention.output.output_dimension, indices)


def extra_parts(
    model: "PreTrainedModel", attention: AttentionParts, heads: Sequence[int], groups: Sequence[int]
) -> Iterator[Part]:
    """Yield what belongs to heads among the other parameters: sinks, norms of queries that differ by head.

    Their names say it (q_..., k_..., sinks) and their first dimension counts heads, or heads * width. Raises
    `UnsupportedModelError` for one module a head.
    """
    for name in attention.extras:
        below = name.removeprefix(f"{attention.path}.")
        if _NUMBERED.search(f".{below}"):
            raise UnsupportedModelError(f"looked for parameters of all heads of {attention.path} in one; found {name}")
        match = _headed(below)
        if match and not _norm_of_one_head(model, attention, name):
            members, count = (
                (groups, attention.key_value_heads) if match["role"] in ("k", "v") else (heads, attention.heads)
            )
            size = len(model.get_parameter(name))
            width = {count: 1, count * attention.head_width: attention.head_width}.get(size, 0)
            if width:
                yield Part(name, 0, tuple(member * width + place for member in members for place in range(width)))


def norms_across_heads(model: "PreTrainedModel", attention: AttentionParts) -> bool:
    """Return whether queries or keys of all heads are normed together (OLMo 2): each head then changes the others."""
    return any(
        _headed(name.removeprefix(f"{attention.path}."))
        and is_norm(model.get_submodule(name.rpartition(".")[0]))
        and model.get_parameter(name).dim() == 1
        and not _norm_of_one_head(model, attention, name)
        for name in attention.extras
    )


def set_to_zero(model: "PreTrainedModel", part: Part) -> None:
    """Set what a part names to zero."""
    parameter = model.get_parameter(part.parameter)
    parameter.index_fill_(part.dimension, _index(part, parameter), 0)


def copy_over(model: "PreTrainedModel", source: Part, target: Part) -> None:
    """Copy one part of a parameter over another of the same size."""
    parameter = model.get_parameter(source.parameter)
    copied = parameter.index_select(source.dimension, _index(source, parameter))
    parameter.index_copy_(target.dimension, _index(target, parameter), copied)


def add_to(model: "PreTrainedModel", source: Part, target: Part) -> None:
    """Add one part of a parameter to another of the same size, in fp32; an index may be added to several times."""
    parameter = model.get_parameter(source.parameter)
    added = parameter.float()
    added.index_add_(
        target.dimension, _index(target, parameter), added.index_select(source.dimension, _index(source, parameter))
    )
    parameter.copy_(added)


def delete(model: "PreTrainedModel", part: Part) -> None:
    """Replace a parameter by what is not in the part."""
    import torch
    from torch import nn

    path, _, name = part.parameter.rpartition(".")
    parameter = model.get_parameter(part.parameter)
    kept = torch.ones(parameter.shape[part.dimension], dtype=torch.bool, device=parameter.device)
    kept[_index(part, parameter)] = False
    rest = parameter.index_select(part.dimension, kept.nonzero().squeeze(1))
    setattr(model.get_submodule(path), name, nn.Parameter(rest, parameter.requires_grad))


def _slices(
    attention: AttentionParts, heads: Sequence[int], groups: Sequence[int], roles: Collection[Role]
) -> Iterator[Slice]:
    if "query" in roles:
        yield from map(attention.query, heads)
    if "key" in roles:
        yield from map(attention.key, groups)
    if "value" in roles:
        yield from map(attention.value, groups)


def _norm_of_one_head(model: "PreTrainedModel", attention: AttentionParts, name: str) -> bool:
    """Return whether a parameter belongs to a norm that serves each head in the same way."""
    norm = is_norm(model.get_submodule(name.rpartition(".")[0]))
    return norm and tuple(model.get_parameter(name).shape) == (attention.head_width,)


def _headed(below: str) -> "re.Match[str] | None":
    """Return how a name below an attention says that it belongs to heads."""
    path, _, last = below.rpartition(".")
    return _HEADED.match(path.rpartition(".")[2] if last in ("weight", "bias") else last)


def _index(part: Part, parameter: "torch.Tensor") -> "torch.Tensor":
    import torch

    return torch.tensor(part.indices, dtype=torch.long, device=parameter.device)
