"""Neuron scores against a plain loop, and removed neurons against zeroed neurons."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruning import inspect, prune
from pruning.errors import RatioTooSmallError, UnsupportedModelError
from pruning.removal.neuron_plan import WIDTH_MULTIPLE, new_width

ZEROED = ("bloom",)


def rows(model: Any, matrix: Any) -> list[list[float]]:
    weight = model.get_parameter(f"{matrix.path}.weight").double()
    return (weight.T if matrix.transposed else weight).tolist()


def variance(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)


JOINED: dict[str, Callable[[list[float], list[float]], float]] = {
    "mlp-maxmin": lambda one, other: max(one) + abs(min(one)) + max(other) + abs(min(other)),
    "mlp-l1": lambda one, other: sum(map(abs, one)) * sum(map(abs, other)),
    "mlp-variance": lambda one, other: variance(one) + variance(other),
}


def naive_scores(model: Any, mlp: Any, method: str) -> list[float]:
    if mlp.gate:
        parts = [rows(model, mlp.gate), rows(model, mlp.up)]
    else:
        out = rows(model, mlp.down)
        parts = [rows(model, mlp.up), [[row[neuron] for row in out] for neuron in range(mlp.width)]]
    return [JOINED[method](*(part[neuron] for part in parts)) for neuron in range(mlp.width)]


@pytest.mark.parametrize("method", JOINED)
@pytest.mark.parametrize("ratio", [0.25, 0.5])
def test_scores_of_weights_equal_the_naive_loop(model: Any, ratio: float, method: str) -> None:
    dense = copy.deepcopy(model)
    pruned = prune(model, method, ratio)
    for layer, removed in zip(inspect(dense).layers, pruned.removal.neurons, strict=True):
        assert layer.mlp is not None
        scores = naive_scores(dense, layer.mlp, method)
        count = round(ratio * layer.mlp.width)
        assert removed == tuple(sorted(sorted(range(len(scores)), key=lambda each: (scores[each], each))[:count]))


@pytest.mark.parametrize("method", ["mlp-maxmin", "mlp-random"])
def test_removing_neurons_equals_zeroing_them(model: Any, family: str, method: str) -> None:
    zeroed = copy.deepcopy(model)
    pruned = prune(model, method, 0.5, seed=3)
    with torch.no_grad():
        for layer, removed in zip(inspect(zeroed).layers, pruned.removal.neurons, strict=True):
            assert layer.mlp is not None
            down = zeroed.get_parameter(f"{layer.mlp.down.path}.weight")
            index = torch.tensor(removed)
            down.index_fill_(0 if layer.mlp.down.transposed else 1, index, 0)
    token_ids = torch.arange(30).unsqueeze(0)
    with torch.inference_mode():
        assert torch.allclose(model(input_ids=token_ids).logits, zeroed(input_ids=token_ids).logits, atol=1e-5)
    assert pruned.removal.physical == (family not in ZEROED)


def test_what_is_removed_is_gone_or_said_to_be_zero(model: Any, family: str) -> None:
    before = sum(parameter.numel() for parameter in model.parameters())
    width = inspect(model).mlp_width
    pruned = prune(model, "mlp-maxmin", 0.5)
    after = sum(parameter.numel() for parameter in model.parameters())
    adapter = inspect(model)
    assert width is not None
    if family in ZEROED:
        assert (after, adapter.mlp_width) == (before, width)
        assert "no field for the MLP's width" in pruned.sentence()
        for layer, removed in zip(adapter.layers, pruned.removal.neurons, strict=True):
            assert layer.mlp is not None
            module = model.get_submodule(layer.mlp.up.path)
            assert not module.weight[list(removed)].any()
            assert not module.bias[list(removed)].any()
    else:
        assert adapter.mlp_width == width // 2
        biases = 0 if family == "llama" else 1
        a_neuron = 32 * (3 if family == "llama" else 2) + biases
        assert before - after == 4 * (width // 2) * a_neuron


@given(st.integers(1, 200).map(lambda eighths: 8 * eighths), st.integers(1, 99))
def test_new_widths_are_near_multiples(width: int, percent: int) -> None:
    try:
        found = new_width(width, percent / 100)
    except RatioTooSmallError:
        assert width == WIDTH_MULTIPLE or percent / 100 * width <= WIDTH_MULTIPLE / 2 + 1e-9
        return
    assert 0 < found < width
    assert found % WIDTH_MULTIPLE == 0
    assert abs(found - width * (100 - percent) / 100) <= WIDTH_MULTIPLE / 2 or found == WIDTH_MULTIPLE


def test_too_small_ratio_and_layers_of_different_width_are_refused(build_model: Callable[..., Any]) -> None:
    model = build_model("llama")
    with pytest.raises(RatioTooSmallError, match="64 MLP neurons"):
        prune(model, "mlp-random", 0.01)
    model.model.layers[1] = build_model("llama", intermediate_size=48).model.layers[1]
    with pytest.raises(UnsupportedModelError, match="MLP of one width"):
        prune(model, "mlp-random", 0.5)
