"""Removing MLP neurons: rows of the matrices into the MLP, their biases, and columns of the matrix out of it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from pruning.adapters.parts import LayerParts, MlpParts
from pruning.calibration.layerwise import MakeStatistic, change_layer_by_layer
from pruning.removal.mlp_matrices import add_biases, cut_neurons, has_down_bias, write_constant
from pruning.removal.neuron_plan import WIDTH_FIELDS, NeuronPlan, bias_field, config_change, mlp_of, plan_widths
from pruning.removal.records import PruningRequest, Removal
from pruning.removal.selection import lowest
from pruning.removal.shapes import change_configs

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

R = TypeVar("R")
# (layer, its MLP, how many) -> mask of the neurons to remove
Choice = Callable[[LayerParts, MlpParts, int], "torch.Tensor"]
# (model, MLP) -> scores of its neurons; the lowest go
Scores = Callable[["PreTrainedModel", MlpParts], "torch.Tensor"]
# The same with what the calibration text says of the neurons' activations
CalibratedScores = Callable[["PreTrainedModel", MlpParts, R], "torch.Tensor"]


def remove_neurons(request: PruningRequest, choose: Choice) -> Removal:
    """Remove the same share of neurons from every layer of every stack, physically where the config can say it.

    Where it cannot (BLOOM's width is always 4 x hidden size) the neurons are set to zero in matrices of the old shape,
    which compute the same, load everywhere and are no smaller; `physical` and `note` say so.
    """
    import torch

    plan = plan_widths(request, request.adapter.stacks)
    removed = []
    with torch.no_grad():
        for stack in plan.stacks:
            for layer in stack.layers:
                mask = choose(layer, mlp_of(layer), plan.count(layer))
                removed.append(_cut(request, plan, layer, mask))
    return _finished(request, plan, removed, plan.note)


def remove_lowest_neurons(request: PruningRequest, score: Scores) -> Removal:
    """Remove the neurons of smallest score from every layer; ties by index. Raises `NotFiniteError`."""

    def choose(layer: LayerParts, mlp: MlpParts, count: int) -> "torch.Tensor":
        return lowest(score(request.model, mlp), count, f"{layer.path} MLP")

    return remove_neurons(request, choose)


def remove_lowest_calibrated(
    request: PruningRequest,
    make: MakeStatistic[R],
    score: CalibratedScores[R],
    constants: Callable[[R], "torch.Tensor"] | None = None,
) -> Removal:
    """Remove the neurons of smallest score from every layer of the main stack, which is the one that text runs through.

    `make` makes the statistic of the neurons' activations, as the pruned layers before cause them. With `constants`,
    which are the activations (width,) that a removed neuron is taken to have always, what it then writes goes to the
    bias of the matrix out; where there is none and the config can give none, nothing does and the note says so.
    """
    plan = plan_widths(request, (request.adapter.main,))
    biased = constants is not None and all(has_down_bias(request.model, mlp_of(each)) for each in plan.stacks[0].layers)
    if constants is not None and not biased:
        plan = replace(plan, bias_field=bias_field(request, plan))
    compensated = biased or plan.bias_field is not None
    removed = []

    def change(layer: LayerParts, results: Mapping[str, R]) -> None:
        mlp = mlp_of(layer)
        found = results[mlp.down.path]
        mask = lowest(score(request.model, mlp, found), plan.count(layer), f"{layer.path} MLP")
        if plan.bias_field:
            add_biases(request.model, mlp)
        if compensated and constants is not None:
            write_constant(request.model, mlp, mask, constants(found))
        removed.append(_cut(request, plan, layer, mask))

    change_layer_by_layer(request, make, change, lambda layer: (mlp_of(layer).down,))
    missing = "" if constants is None or compensated else _no_bias(plan)
    return _finished(request, plan, removed, "; ".join(filter(None, (plan.note, missing))))


def _no_bias(plan: NeuronPlan) -> str:
    return f"without compensation: the config of {plan.model_class} has no field for biases of the MLP alone"


def _cut(request: PruningRequest, plan: NeuronPlan, layer: LayerParts, mask: "torch.Tensor") -> tuple[int, ...]:
    """Take the neurons out of a layer and return their indices."""
    mlp = mlp_of(layer)
    cut_neurons(request.model, mlp, mask, physical=plan.physical)
    if plan.physical:
        _set_width_attributes(request.model, layer, mlp.width - plan.count(layer))
    return tuple(mask.nonzero().squeeze(1).tolist())


def _set_width_attributes(model: "PreTrainedModel", layer: LayerParts, target: int) -> None:
    """Keep the width that a layer's modules remember in step with their matrices."""
    for module in model.get_submodule(layer.path).modules():
        for name in WIDTH_FIELDS:
            if getattr(module, name, None) == mlp_of(layer).width:
                setattr(module, name, target)


def _finished(request: PruningRequest, plan: NeuronPlan, removed: list[tuple[int, ...]], note: str) -> Removal:
    """Let the config say what the model is now."""
    if plan.physical or plan.bias_field:
        change_configs(request.model, plan.stacks, config_change(plan))
    total = sum(mlp_of(layer).width for layer in request.adapter.all_layers)
    return Removal(sum(map(len, removed)), total, physical=plan.physical, neurons=tuple(removed), note=note)
