"""Neurons in the matrices of an MLP: what they weigh, and taking them out."""

from typing import TYPE_CHECKING, Any

from pruning.adapters.parts import MlpParts, Projection

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def neuron_vectors(model: "PreTrainedModel", mlp: MlpParts) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Return the two vectors of weights of every neuron: (width, hidden) each, fp32.

    Gated: its rows of gate and up. Not gated: its row of the matrix in and its column of the matrix out. Biases do not
    count.
    """
    if mlp.fused:
        first, second = _rows(model, mlp.up).split(mlp.width)
        return first, second
    if mlp.gate is not None:
        return _rows(model, mlp.gate), _rows(model, mlp.up)
    return _rows(model, mlp.up), neuron_columns(model, mlp)


def neuron_columns(model: "PreTrainedModel", mlp: MlpParts) -> "torch.Tensor":
    """Return what each neuron writes, its column of the matrix out: (width, hidden), fp32."""
    return _rows(model, mlp.down).T


def cut_neurons(model: "PreTrainedModel", mlp: MlpParts, removed: "torch.Tensor", *, physical: bool) -> None:
    """Take the neurons under a mask (width,) out of the matrices, or set them to zero there."""
    import torch

    change = _keep if physical else _zero
    neurons = (~removed if physical else removed).nonzero().squeeze(1)
    for matrix in mlp.into:
        outputs = torch.cat([neurons, neurons + mlp.width]) if mlp.fused else neurons
        change(model, matrix, outputs, outputs=True)
    change(model, mlp.down, neurons, outputs=False)


def add_biases(model: "PreTrainedModel", mlp: MlpParts) -> None:
    """Give the matrices that have no bias one of zeros."""
    import torch
    from torch import nn

    for matrix in (*mlp.into, mlp.down):
        module: Any = model.get_submodule(matrix.path)
        if module.bias is None:
            weight = module.weight
            zeros = torch.zeros(matrix.outputs, dtype=weight.dtype, device=weight.device)
            module.bias = nn.Parameter(zeros, weight.requires_grad)


def has_down_bias(model: "PreTrainedModel", mlp: MlpParts) -> bool:
    """Return whether the matrix out has a bias."""
    module: Any = model.get_submodule(mlp.down.path)
    return module.bias is not None


def write_constant(
    model: "PreTrainedModel", mlp: MlpParts, neurons: "torch.Tensor", activations: "torch.Tensor"
) -> None:
    """Add to the bias of the matrix out what the neurons under a mask write at these activations (width,), fp32."""
    module: Any = model.get_submodule(mlp.down.path)
    written = neuron_columns(model, mlp)[neurons].T @ activations[neurons]
    module.bias.copy_(module.bias.float() + written)


def _rows(model: "PreTrainedModel", matrix: Projection) -> "torch.Tensor":
    """Return the weight as (outputs, inputs), fp32."""
    weight = matrix.weight(model).float()
    return weight.T if matrix.transposed else weight


def _keep(model: "PreTrainedModel", matrix: Projection, kept: "torch.Tensor", *, outputs: bool) -> None:
    """Replace a matrix by some of its outputs (with their biases) or of its inputs."""
    from torch import nn

    module: Any = model.get_submodule(matrix.path)
    dimension = matrix.output_dimension if outputs else 1 - matrix.output_dimension
    kept = kept.to(module.weight.device)
    module.weight = nn.Parameter(module.weight.index_select(dimension, kept), module.weight.requires_grad)
    if outputs and module.bias is not None:
        module.bias = nn.Parameter(module.bias[kept], module.bias.requires_grad)
    names = ("nf", "nx") if matrix.transposed else ("out_features", "in_features")
    setattr(module, names[0] if outputs else names[1], len(kept))


def _zero(model: "PreTrainedModel", matrix: Projection, removed: "torch.Tensor", *, outputs: bool) -> None:
    """Set some outputs of a matrix (with their biases) or some of its inputs to zero."""
    module: Any = model.get_submodule(matrix.path)
    dimension = matrix.output_dimension if outputs else 1 - matrix.output_dimension
    removed = removed.to(module.weight.device)
    module.weight.index_fill_(dimension, removed, 0)
    if outputs and module.bias is not None:
        module.bias[removed] = 0
