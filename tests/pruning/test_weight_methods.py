"""Magnitude and random weights against a plain loop in float64."""

import copy
from typing import Any

import pytest
import torch

from pruning import inspect, prune
from pruning.errors import NotFiniteError


def plain_loop(weight: torch.Tensor, ratio: float) -> torch.Tensor:
    """Zero the floor(ratio * n) smallest entries one by one; equal ones in index order."""
    values = [abs(value) for value in weight.double().flatten().tolist()]
    order = sorted(range(len(values)), key=lambda index: (values[index], index))
    result = weight.clone().flatten()
    for index in order[: int(ratio * len(values) + 1e-9)]:
        result[index] = 0
    return result.view_as(weight)


@pytest.mark.parametrize("ratio", [0.1, 0.25, 0.5])
def test_magnitude_equals_the_loop(model: Any, ratio: float) -> None:
    dense = copy.deepcopy(model)
    pruned = prune(model, "magnitude", ratio)
    paths = {matrix.path for matrix in inspect(dense).prunable}
    for name, before in dense.named_parameters():
        expected = plain_loop(before.detach(), ratio) if name.removesuffix(".weight") in paths else before
        assert torch.equal(model.get_parameter(name), expected), name
    assert pruned.achieved_ratio == pytest.approx(ratio, abs=1e-3)
    assert not pruned.removal.physical


def test_ties_go_by_index_and_the_count_is_exact(model: Any) -> None:
    """On a coarse grid of values, removing everything under a threshold would remove far too much."""
    matrix = inspect(model).prunable[1]
    weight = model.get_parameter(f"{matrix.path}.weight")
    with torch.no_grad():
        weight.copy_((weight * 4).round() / 4)
    expected = plain_loop(weight.detach(), 0.75)
    zeros_before = int((weight == 0).sum())
    prune(model, "magnitude", 0.75)
    assert torch.equal(weight, expected)
    assert zeros_before < int((weight == 0).sum()) == 3 * matrix.size // 4


def test_random_removes_the_count_from_every_matrix_and_the_seed_decides(model: Any) -> None:
    other, same = copy.deepcopy(model), copy.deepcopy(model)
    prune(model, "random", 0.3, seed=1)
    prune(same, "random", 0.3, seed=1)
    prune(other, "random", 0.3, seed=2)
    for matrix in inspect(model).prunable:
        name = f"{matrix.path}.weight"
        assert int((model.get_parameter(name) == 0).sum()) == int(0.3 * matrix.size + 1e-9)
        assert torch.equal(model.get_parameter(name), same.get_parameter(name))
        assert not torch.equal(model.get_parameter(name), other.get_parameter(name))


def test_a_weight_that_is_not_finite_is_an_error(model: Any) -> None:
    matrix = inspect(model).prunable[0]
    with torch.no_grad():
        model.get_parameter(f"{matrix.path}.weight")[0, 0] = float("nan")
    with pytest.raises(NotFiniteError, match=matrix.path):
        prune(model, "magnitude", 0.5)
