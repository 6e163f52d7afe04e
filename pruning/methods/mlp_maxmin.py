"""Neurons whose weights reach least far to either side: max + |min| (optipfair, github.com/peremartra/optipfair)."""

from typing import TYPE_CHECKING

from pruning.adapters.parts import LayerParts, MlpParts, Projection
from pruning.methods.neurons import remove_neurons
from pruning.methods.records import Method, PruningRequest, Removal
from pruning.methods.selection import lowest

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def remove_low_reach_neurons(request: PruningRequest) -> Removal:
    """Remove the neurons of smallest score from every layer; ties by index."""

    def choose(layer: LayerParts, mlp: MlpParts, count: int) -> "torch.Tensor":
        return lowest(neuron_scores(request.model, mlp), count, f"{layer.path} MLP")

    return remove_neurons(request, choose)


def neuron_scores(model: "PreTrainedModel", mlp: MlpParts) -> "torch.Tensor":
    """Return (max + |min|) of a neuron's weights in both matrices that know it: (width,).

    Gated: its rows of gate and up. Not gated: its row of the matrix in and its column of the matrix out. Biases do not
    count.
    """
    if mlp.fused:
        return _reach(_rows(model, mlp.up)).view(2, mlp.width).sum(dim=0)
    if mlp.gate is not None:
        return _reach(_rows(model, mlp.gate)) + _reach(_rows(model, mlp.up))
    return _reach(_rows(model, mlp.up)) + _reach(_rows(model, mlp.down).T)


def _rows(model: "PreTrainedModel", matrix: Projection) -> "torch.Tensor":
    """Return the weight as (outputs, inputs)."""
    weight = matrix.weight(model)
    return weight.T if matrix.transposed else weight


def _reach(rows: "torch.Tensor") -> "torch.Tensor":
    return rows.amax(dim=1) + rows.amin(dim=1).abs()


MLP_MAXMIN = Method(
    "mlp-maxmin",
    1,
    "optipfair, github.com/peremartra/optipfair",
    "neuron",
    calibrated=False,
    random=False,
    function=remove_low_reach_neurons,
)
