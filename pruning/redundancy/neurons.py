"""The neurons of an MLP as vectors of their weights, wherever in the model these stand."""

from typing import TYPE_CHECKING, Any

from pruning.adapters.parts import Adapter, MlpParts
from pruning.errors import UnsupportedModelError
from pruning.removal.weights import rows_of

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def matchable_mlp(adapter: Adapter, layer: int) -> MlpParts:
    """Return the MLP of a layer of the main stack. Raises `UnsupportedModelError` where it has experts or none."""
    parts = adapter.layers[layer]
    if parts.experts is not None:
        raise UnsupportedModelError(
            f"looked for one MLP in layer {layer}; {parts.experts.path} is a mixture of {parts.experts.count} experts"
        )
    if parts.mlp is None:
        raise UnsupportedModelError(f"looked for one MLP in layer {layer}; there is none: {'; '.join(parts.gaps)}")
    return parts.mlp


def neuron_views(model: "PreTrainedModel", mlp: MlpParts) -> list["torch.Tensor"]:
    """Return what belongs to each neuron, as views of the parameters: (width, .) each, in the dtype of the model.

    Its rows of the gate and of the other matrix in (of a fused one both halves), its biases there, and its column of
    the matrix out. The bias of the matrix out belongs to no neuron.
    """
    views = []
    for matrix in mlp.into:
        module: Any = model.get_submodule(matrix.path)
        views += rows_of(module.weight, matrix).split(mlp.width)
        if module.bias is not None:
            views += module.bias.unsqueeze(1).split(mlp.width)
    return [*views, rows_of(mlp.down.weight(model), mlp.down).T]


def neuron_matrix(model: "PreTrainedModel", mlp: MlpParts) -> "torch.Tensor":
    """Return every neuron as one vector, a copy: (width, weights of a neuron), fp64."""
    import torch

    return torch.cat([view.detach().double() for view in neuron_views(model, mlp)], dim=1)


def write_neurons(model: "PreTrainedModel", mlp: MlpParts, neurons: "torch.Tensor") -> None:
    """Write vectors in the order of `neuron_matrix` back, rounded once to the model's dtype."""
    import torch

    views = neuron_views(model, mlp)
    with torch.no_grad():
        for view, columns in zip(views, neurons.split([view.shape[1] for view in views], dim=1), strict=True):
            view.copy_(columns)


def permute_neurons(model: "PreTrainedModel", mlp: MlpParts, order: "torch.Tensor") -> None:
    """Put neuron order[n] in the place of neuron n. What the MLP computes stays but for the order of its sums."""
    write_neurons(model, mlp, neuron_matrix(model, mlp)[order])


def mlp_tensors(model: "PreTrainedModel", mlp: MlpParts) -> list["torch.Tensor"]:
    """Return the parameters of an MLP: its matrices and their biases."""
    modules = [model.get_submodule(matrix.path) for matrix in (*mlp.into, mlp.down)]
    return [parameter for module in modules for parameter in module.parameters(recurse=False)]


def check_alike(model: "PreTrainedModel", first: MlpParts, second: MlpParts) -> None:
    """Raise `UnsupportedModelError` when the neurons of two MLPs do not have the same weights to compare."""
    one, other = ([tuple(view.shape) for view in neuron_views(model, mlp)] for mlp in (first, second))
    if one != other:
        raise UnsupportedModelError(
            f"looked for MLPs of one shape; (neurons, weights of each) are {one} in {first.down.path} and {other} in "
            f"{second.down.path}"
        )
