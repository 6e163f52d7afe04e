"""Two MLPs that store some of their aligned weights once: made in the model for a while, then undone bit by bit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pruning.adapters.parts import MlpParts
from pruning.redundancy.neurons import mlp_tensors, neuron_matrix, write_neurons

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


@contextmanager
def shared_weights(
    model: "PreTrainedModel", first: MlpParts, second: MlpParts, order: "torch.Tensor", threshold: float
) -> Iterator[int]:
    """Give each weight of the first MLP its counterpart's value where they differ by less than the threshold.

    The second stays. Gives how many weights need not be stored; the order and which weights these are is not counted
    against it.
    """
    with _restored(mlp_tensors(model, first)):
        mine, other = neuron_matrix(model, first), neuron_matrix(model, second)[order]
        alike = (mine - other).abs() < threshold
        write_neurons(model, first, other.where(alike, mine))
        yield int(alike.sum())


@contextmanager
def merged_mlps(model: "PreTrainedModel", first: MlpParts, second: MlpParts, order: "torch.Tensor") -> Iterator[int]:
    """Give both MLPs the mean of their aligned neurons and of the biases of their matrices out.

    Gives how many parameters need not be stored: those of one MLP.
    """
    import torch

    tensors = [mlp_tensors(model, mlp) for mlp in (first, second)]
    with _restored([*tensors[0], *tensors[1]]):
        mean = (neuron_matrix(model, first) + neuron_matrix(model, second)[order]) / 2
        with torch.no_grad():
            for mine, other in zip(*tensors, strict=True):
                middle = ((mine.double() + other.double()) / 2).to(mine.dtype)
                mine.copy_(middle)
                other.copy_(middle)
        for mlp in (first, second):
            write_neurons(model, mlp, mean)
        yield sum(tensor.numel() for tensor in tensors[0])


@contextmanager
def _restored(tensors: Sequence["torch.Tensor"]) -> Iterator[None]:
    """Give tensors their values back, bit by bit."""
    import torch

    before = [tensor.detach().clone() for tensor in tensors]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, values in zip(tensors, before, strict=True):
                tensor.copy_(values)
