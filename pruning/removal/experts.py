"""Removing whole experts: the same number from every layer that has some, so that the config can say it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruning.adapters.attention import declared
from pruning.adapters.parts import Adapter, ExpertParts, LayerParts, Stack
from pruning.errors import RatioTooSmallError, UnsupportedModelError
from pruning.removal.expert_tensors import keep_experts, tensor_cuts
from pruning.removal.records import PruningRequest, Removal
from pruning.removal.selection import lowest_in_rows, nearest_share_of
from pruning.removal.shapes import Change, change_configs, rebuilt

if TYPE_CHECKING:
    import torch

# How configs name the number of experts.
EXPERT_FIELDS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")

# experts of a layer -> scores (count,); the lowest go
Scores = Callable[[ExpertParts], "torch.Tensor"]


@dataclass(frozen=True)
class Groups:
    """The experts of every layer: `count` groups of `size` consecutive ones; one group where routers know none.

    DeepSeek-V3's router chooses groups, by the best two experts of each, and then experts in the chosen groups. A group
    keeps at least `least` experts, so that the router finds as many as a token needs.
    """

    count: int
    size: int
    least: int

    def removed_of_each(self, ratio: float) -> int:
        """Return round(ratio * size), halves up, at most what leaves `least`.

        Raises `RatioTooSmallError` when it is 0, and `UnsupportedModelError` when every expert of a group is needed.
        """
        if self.size <= self.least:
            raise UnsupportedModelError(
                f"looked for experts that a router can do without; of {self.count} groups of {self.size} experts it "
                f"needs {self.least} in each"
            )
        removed = min(nearest_share_of(ratio, self.size), self.size - self.least)
        if removed == 0:
            raise RatioTooSmallError(
                f"ratio {ratio:g} of {self.size} experts (groups: {self.count}) is less than half an expert; expected "
                f"at least {0.5 / self.size:.3g}"
            )
        return removed


def remove_experts(request: PruningRequest, score: Scores) -> Removal:
    """Remove the experts of smallest score from every layer with experts; ties by index.

    Where a router chooses among groups of experts every group loses as many. Raises `RatioTooSmallError`, and
    `UnsupportedModelError` when transformers does not build what is left from a config; the model is unchanged then.
    """
    layers = [layer for layer in request.adapter.all_layers if layer.experts]
    stacks = tuple(stack for stack in request.adapter.stacks if any(layer.experts for layer in stack.layers))
    count = experts_of(layers[0]).count
    groups = _groups(request, stacks[0], experts_of(layers[0]))
    each = groups.removed_of_each(request.ratio)
    left = groups.count * (groups.size - each)
    change = _count_set(count, left)
    example = rebuilt(request.model, stacks, change)
    kept = {}
    for layer in layers:
        rows = score(experts_of(layer)).view(groups.count, groups.size)
        mask = lowest_in_rows(rows, each, experts_of(layer).path).view(-1)
        kept[layer.path] = tuple((~mask).nonzero().squeeze(1).tolist())
    keep_experts(request.model, example, layers, kept, tensor_cuts(request.model, example, layers, kept))
    change_configs(request.model, stacks, change)
    removed = tuple(tuple(sorted({*range(count)} - {*kept[layer.path]})) for layer in layers)
    return Removal(sum(map(len, removed)), count * len(layers), physical=True, experts=removed)


def experts_of(layer: LayerParts) -> ExpertParts:
    """Return the experts of a layer that has some."""
    assert layer.experts is not None
    return layer.experts


def expert_gap(adapter: Adapter) -> str | None:
    """Return why no expert of a model can be removed, or None."""
    found = [layer.experts for layer in adapter.all_layers if layer.experts]
    if not found:
        return f"needs a mixture of experts; there is none in {' and '.join(stack.path for stack in adapter.stacks)}"
    for experts in found:
        if experts.router is None or experts.per_token is None:
            return f"looked for the router of {experts.path}, with a row for each expert, and how many a token uses"
        if (experts.count, experts.per_token) != (found[0].count, found[0].per_token):
            return (
                f"looked for equally many experts in every layer: {found[0].count}; {experts.path} has another number"
            )
    return None


def _groups(request: PruningRequest, stack: Stack, experts: ExpertParts) -> Groups:
    config: Any = getattr(request.model.get_submodule(stack.owner), "config")  # noqa: B009  # it has no type
    per_token = experts.per_token or 0
    groups = declared(config, ("n_group",), "") or 1
    if groups == 1:
        return Groups(1, experts.count, per_token)
    chosen = declared(config, ("topk_group",), "") or 1
    return Groups(groups, experts.count // groups, max(2, -(-per_token // chosen)))


def _count_set(count: int, left: int) -> Change:
    def set_count(config: Any, stack: Stack) -> None:
        fields = [name for name in EXPERT_FIELDS if getattr(config, name, None) == count]
        if not fields:
            raise UnsupportedModelError(
                f"looked for a field of the config that counts the {count} experts of {stack.path}"
            )
        for name in fields:
            setattr(config, name, left)

    return set_count
