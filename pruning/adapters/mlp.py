"""MLPs and mixtures of experts, by shape: matrices from the state to a width, and one back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruning.adapters.attention import declared
from pruning.adapters.matrices import attribute, projections
from pruning.adapters.parts import ExpertParts, MlpParts, Projection

if TYPE_CHECKING:
    import torch
    from torch import nn

_PER_TOKEN = ("num_experts_per_tok", "top_k", "num_experts_per_token", "moe_topk", "moe_top_k")


def find_mlp(matrices: Sequence[Projection]) -> MlpParts | None:
    """Return the MLP that these matrices form, or None."""
    if len(matrices) == 2:
        return _pair(*matrices)
    if len(matrices) != 3:
        return None
    for down in reversed(matrices):
        first, second = (matrix for matrix in matrices if matrix is not down)
        if all((each.inputs, each.outputs) == (down.outputs, down.inputs) for each in (first, second)):
            return MlpParts(first, second, down)
    return None


def _pair(into: Projection, down: Projection) -> MlpParts | None:
    if (into.inputs, into.outputs) == (down.outputs, down.inputs):
        return MlpParts(None, into, down)
    if (into.inputs, into.outputs) == (down.outputs, 2 * down.inputs):
        return MlpParts(into, into, down, fused=True)
    return None


def gathered_mlps(matrices: Sequence[Projection]) -> list[MlpParts]:
    """Return the MLPs among matrices: all of them as one, else those that lie in one module together."""
    whole = find_mlp(matrices)
    if whole is not None:
        return [whole]
    parents = dict.fromkeys(matrix.path.rpartition(".")[0] for matrix in matrices)
    groups = [[matrix for matrix in matrices if matrix.path.rpartition(".")[0] == parent] for parent in parents]
    return [mlp for group in groups if (mlp := find_mlp(group)) is not None]


def find_experts(path: str, layer: "nn.Module", hidden: int, config: Any) -> ExpertParts | None:
    """Return the experts of a layer, or None when it has none. `hidden` is the width of the state."""
    for name, module in layer.named_modules(prefix=path):
        found = _stacked(name, module, hidden) or _listed(name, module)
        if found is not None:
            parent = layer.get_submodule(name.removeprefix(f"{path}.").rpartition(".")[0])
            return _completed(found, name.rpartition(".")[0], parent, hidden, config)
    return None


@dataclass(frozen=True)
class _Found:
    """Experts before their router is known."""

    path: str
    count: int
    width: int
    gated: bool
    parameters: tuple[str, ...]
    matrices: tuple[Projection, ...]


def _stacked(path: str, module: "nn.Module", hidden: int) -> _Found | None:
    """Return experts whose parameters are (experts, ., .); the last such parameter leads back to the state."""
    stacks = {name: value for name, value in module.named_parameters(recurse=False) if value.dim() == 3}
    if len(stacks) < 2 or len({len(value) for value in stacks.values()}) > 1:
        return None
    *into, down = stacks
    count = len(stacks[down])
    shapes = {name: _shape(module, value, hidden, leaves=name == down) for name, value in stacks.items()}
    width = shapes[down][0]
    total = sum(shapes[name][1] for name in into)
    if total not in (width, 2 * width) or any(shapes[name][0] != hidden for name in into):
        return None
    matrices = tuple(
        Projection(path, *shapes[name], parameter=name, expert=expert) for expert in range(count) for name in stacks
    )
    return _Found(path, count, width, total == 2 * width, tuple(stacks), matrices)


def _shape(module: "nn.Module", stack: "torch.Tensor", hidden: int, *, leaves: bool) -> tuple[int, int, bool]:
    """Return (inputs, outputs, transposed) of each expert's matrix; where both are `hidden` wide the module says."""
    rows, columns = stack.shape[1:]
    transposed = bool(getattr(module, "is_transposed", False))
    if rows != columns:
        transposed = (rows == hidden) != leaves
    return (rows, columns, transposed) if transposed else (columns, rows, transposed)


def _listed(path: str, module: "nn.Module") -> _Found | None:
    """Return experts that are MLPs in a ModuleList."""
    from torch import nn

    if not isinstance(module, nn.ModuleList) or len(module) < 2 or len({type(each) for each in module}) > 1:
        return None
    groups = [projections(each, f"{path}.{index}") for index, each in enumerate(module)]
    mlps = [mlp for group in groups if (mlp := find_mlp(group)) is not None]
    if len(mlps) < len(groups) or len({mlp.width for mlp in mlps}) > 1:
        return None
    matrices = tuple(matrix for group in groups for matrix in group)
    return _Found(path, len(mlps), mlps[0].width, mlps[0].gated, (), matrices)


def _completed(found: _Found, path: str, parent: "nn.Module", hidden: int, config: Any) -> ExpertParts:
    """Add what lies beside the experts: their router and the MLP that all tokens pass."""
    router = next(_routers(path, parent, found.count, hidden), None)
    own = {matrix.path for matrix in found.matrices} | {router}
    shared = gathered_mlps([each for each in projections(parent, path) if each.path not in own])
    said = attribute([*parent.modules()], _PER_TOKEN)
    per_token = said.pop() if len(said) == 1 else declared(config, _PER_TOKEN, "")
    return ExpertParts(
        found.path,
        found.count,
        found.width,
        found.gated,
        bool(found.parameters),
        found.parameters,
        found.matrices,
        router,
        per_token,
        shared[0] if len(shared) == 1 else None,
    )


def _routers(path: str, parent: "nn.Module", count: int, hidden: int) -> Iterator[str]:
    """Yield the modules with a weight of one row an expert."""
    for name, module in parent.named_modules(prefix=path):
        weight = dict(module.named_parameters(recurse=False)).get("weight")
        if weight is not None and tuple(weight.shape) == (count, hidden):
            yield name
