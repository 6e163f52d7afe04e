"""Which neuron of one MLP is which of another: an assignment by weights (arXiv 2209.04836, section 3.2).

The weights of a neuron are its rows of the matrices in, with their biases, and its column of the matrix out; so one
assignment aligns all matrices of the MLP at once and nothing outside of it changes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import unknown_name

if TYPE_CHECKING:
    import torch

# (costs (width, width)) -> for each row the column that it is matched with, a permutation (width,)
Assign = Callable[["torch.Tensor"], "torch.Tensor"]


@dataclass(frozen=True)
class Alignment:
    """How alike two MLPs are, neuron by neuron. `order[n]` is the neuron of the second that is matched with n.

    Shares are of weights whose absolute difference is under the threshold, in [0, 1]; distances are means over neurons
    of the Euclidean distance between their weights. `before`: neuron n against neuron n.
    """

    order: "torch.Tensor"
    share_before: float
    share_after: float
    distance_before: float
    distance_after: float


def align(first: "torch.Tensor", second: "torch.Tensor", threshold: float, assign: Assign) -> Alignment:
    """Match the neurons of two MLPs, (width, weights of a neuron) each, fp64."""
    order = assign(squared_distances(first, second))
    before, after = ((first - other).abs() for other in (second, second[order]))
    return Alignment(
        order,
        *(float((each < threshold).double().mean()) for each in (before, after)),
        *(float(each.norm(dim=1).mean()) for each in (before, after)),
    )


def squared_distances(first: "torch.Tensor", second: "torch.Tensor") -> "torch.Tensor":
    """Return |a - b|^2 for all rows a and b: (rows, rows), at least 0.

    By products, wrong by some 1e-16 of |a|^2 + |b|^2 in fp64: good to choose by; what is reported is computed again.
    """
    norms, others = (each.square().sum(1) for each in (first, second))
    return (norms.unsqueeze(1) + others - 2 * first @ second.T).clamp(min=0)


def hungarian(costs: "torch.Tensor") -> "torch.Tensor":
    """Return the assignment of smallest total cost (Crouse 2016, as scipy has it); deterministic."""
    import torch
    from scipy.optimize import linear_sum_assignment

    return torch.from_numpy(linear_sum_assignment(costs.cpu().numpy())[1]).to(costs.device)


def greedy(costs: "torch.Tensor") -> "torch.Tensor":
    """Let each row in turn take the cheapest column that is left, as the earlier tool does; ties by index."""
    import numpy
    import torch

    left = costs.cpu().numpy().copy()
    order = numpy.empty(len(left), dtype=numpy.int64)
    for row in range(len(left)):
        order[row] = left[row].argmin()
        left[:, order[row]] = numpy.inf
    return torch.from_numpy(order).to(costs.device)


ASSIGNMENTS: dict[str, Assign] = {"hungarian": hungarian, "greedy": greedy}


def assignment(name: str) -> Assign:
    """Return an assignment by its name; an unknown one raises `UsageError`."""
    if name not in ASSIGNMENTS:
        raise unknown_name("assignment", name, ASSIGNMENTS)
    return ASSIGNMENTS[name]
