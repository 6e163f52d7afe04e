"""Budgets over layers: OWL against a loop in float64, sensitivity against one layer pruned by hand, exact counts."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruning import inspect, prune
from pruning.budgets.band import HALF_WIDTH, ratios_in_band, weights_by_layer
from pruning.budgets.owl import outlier_shares
from pruning.budgets.sensitivity import damages
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.methods import METHODS, PruningRequest
from pruning.models import load_model
from pruning.removal.selection import share_of
from pruning.streaming import Streaming, prune_checkpoint
from tests.pruning.architectures import build_tiny
from tests.pruning.test_calibrated_methods import inputs_of

BUDGETED = ("magnitude-owl", "wanda-owl", "sparsegpt-owl", "magnitude-sensitivity", "wanda-sensitivity")
layers_drawn = st.lists(st.tuples(st.floats(0, 1e6), st.integers(1, 10**9)), min_size=1, max_size=20)


@given(layers_drawn, st.floats(1e-6, 1 - 1e-9))
def test_the_mean_is_the_ratio_and_every_layer_is_in_the_band(layers: list[tuple[float, int]], ratio: float) -> None:
    importance = {str(index): value for index, (value, _) in enumerate(layers)}
    weights = {str(index): count for index, (_, count) in enumerate(layers)}
    ratios = ratios_in_band(importance, weights, ratio)
    mean = sum(ratios[layer] * weights[layer] for layer in weights) / sum(weights.values())
    assert mean == pytest.approx(ratio, rel=1e-9)
    for layer in weights:
        assert 0 <= ratios[layer] < 1
        assert abs(ratios[layer] - ratio) <= HALF_WIDTH * (1 + 1e-9)
        for other in weights:
            assert importance[layer] <= importance[other] or ratios[layer] <= ratios[other]
    if len(set(importance.values())) == 1:
        assert set(ratios.values()) == {ratio}


def test_the_band_on_a_worked_example() -> None:
    """Mean importance (1 + 2 + 2 * 3) / 4 = 2.25, furthest 1.25: half a width of .08 at the first layer."""
    ratios = ratios_in_band({"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 10, "b": 10, "c": 20}, 0.5)
    assert ratios == pytest.approx({"a": 0.58, "b": 0.5 + 0.08 * 0.2, "c": 0.5 - 0.08 * 0.6})
    assert max(ratios_in_band({"a": 1.0, "b": 0.0}, {"a": 1, "b": 1}, 0.98).values()) == pytest.approx(0.99)
    assert min(ratios_in_band({"a": 1.0, "b": 0.0}, {"a": 1, "b": 1}, 0.01).values()) == 0


@pytest.fixture
def uneven(model: Any) -> Any:
    """Return the family's model with layers of unlike outliers: weights to the powers 1, 2, 3 and 4."""
    with torch.no_grad():
        for power, layer in enumerate(inspect(model).layers, start=1):
            for matrix in layer.matrices:
                weight = model.get_parameter(f"{matrix.path}.weight")
                weight.copy_(weight.sign() * weight.abs() ** power * 4**power / 4)
    return model


def request_of(model: Any, ratio: float, windows: Any) -> PruningRequest:
    return PruningRequest(model, inspect(model), ratio, windows, 0)


def test_outlier_shares_equal_the_loop(uneven: Any, windows: Any) -> None:
    """Every layer's inputs come from ordinary forward passes of the dense model, window by window."""
    adapter = inspect(uneven)
    inputs = inputs_of(uneven, [matrix.path for layer in adapter.layers for matrix in layer.matrices], windows)
    expected = {}
    for layer in adapter.layers:
        scores: list[float] = []
        for matrix in layer.matrices:
            stored = uneven.get_parameter(f"{matrix.path}.weight").detach().double()
            norms = (inputs[matrix.path] ** 2).sum(0).sqrt().tolist()
            for weights in (stored.T if matrix.transposed else stored).tolist():
                scores += [abs(weight) * norm for weight, norm in zip(weights, norms, strict=True)]
        limit = 5 * sum(scores) / len(scores)
        expected[layer.path] = sum(score > limit for score in scores) / len(scores)
    found = outlier_shares(request_of(uneven, 0.5, windows))
    assert found == pytest.approx(expected, abs=1.5 / 3000)  # a score at the limit itself may fall on either side
    assert len(set(expected.values())) > 1


def damage_by_hand(model: Any, method: str, layer: int, ratio: float, windows: Any) -> float:
    """Take one layer of a copy pruned by the ordinary method into the dense model and compare the last tokens."""
    pruned = copy.deepcopy(model)
    alone = copy.deepcopy(model)
    prune(pruned, method, ratio, calibration=windows)
    for matrix in inspect(model).layers[layer].matrices:
        with torch.no_grad():
            alone.get_parameter(f"{matrix.path}.weight").copy_(pruned.get_parameter(f"{matrix.path}.weight"))
    total = 0.0
    with torch.no_grad():
        for window in windows:
            ids = torch.tensor([window])
            one, other = (each(input_ids=ids).logits[0, -1].double().softmax(-1) for each in (model, alone))
            total += float((one * (one / other).log()).sum())
    return total / len(windows)


def test_damage_is_that_of_one_layer_alone(model: Any, windows: Any) -> None:
    """Magnitude sees no inputs, so its layers can be taken one by one; of Wanda's, the first layer sees dense ones."""
    before = copy.deepcopy(model.state_dict())
    for method, layers in (("magnitude", 4), ("wanda", 1)):
        found = damages(METHODS[method].function, request_of(model, 0.5, windows))
        assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
        for index, layer in enumerate(inspect(model).layers[:layers]):
            assert found[layer.path] == pytest.approx(damage_by_hand(model, method, index, 0.5, windows), rel=1e-3)
    assert min(found.values()) > 0


def zeros_by_layer(model: Any) -> dict[str, int]:
    return {
        layer.path: sum(int((matrix.weight(model) == 0).sum()) for matrix in layer.matrices)
        for layer in inspect(model).layers
    }


@pytest.mark.parametrize("method", BUDGETED)
def test_what_is_removed_is_what_the_budget_says(uneven: Any, windows: Any, method: str) -> None:
    base, _, budget = method.partition("-")
    request = request_of(uneven, 0.5, windows)
    weights = weights_by_layer(request.adapter.layers)
    importance = outlier_shares(request) if budget == "owl" else damages(METHODS[base].function, request)
    ratios = ratios_in_band(importance, weights, 0.5)
    pruned = prune(uneven, method, 0.5, calibration=windows)
    found = zeros_by_layer(uneven)
    for layer in request.adapter.layers:
        rows = {"wanda": lambda matrix: matrix.outputs}.get(base, lambda _: 1)
        expected = sum(
            rows(matrix) * share_of(ratios[layer.path], matrix.size // rows(matrix)) for matrix in layer.matrices
        )
        assert found[layer.path] == expected
    assert pruned.removal.removed == sum(found.values())
    slack = sum(matrix.outputs for matrix in request.adapter.prunable)
    assert pruned.removal.total // 2 - slack <= pruned.removal.removed <= pruned.removal.total // 2
    assert len(set(ratios.values())) > 1


@pytest.mark.parametrize("method", ["magnitude-sensitivity", "wanda-sensitivity"])
def test_a_weight_that_is_not_finite_leaves_the_model_as_it_was(
    dense_models: dict[str, Any], windows: Any, method: str
) -> None:
    model = copy.deepcopy(dense_models["llama"])
    with torch.no_grad():
        model.model.layers[2].mlp.up_proj.weight[0, 0] = float("nan")
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(NotFiniteError):
        prune(model, method, 0.5, calibration=windows)
    assert all(torch.equal(before[name].nan_to_num(), each.nan_to_num()) for name, each in model.state_dict().items())


def test_other_stacks_keep_the_asked_ratio() -> None:
    model = build_tiny("llava")
    prune(model, "magnitude-sensitivity", 0.5, calibration=((3, 4, 5, 6), (9, 8, 7)))
    adapter = inspect(model)
    vision, decoder = ([layer.path for layer in stack.layers] for stack in adapter.stacks)
    shares = {
        layer.path: sum(int((matrix.weight(model) == 0).sum()) for matrix in layer.matrices)
        / sum(matrix.size for matrix in layer.matrices)
        for layer in adapter.all_layers
    }
    assert {shares[path] for path in vision} == {0.5}
    assert 0.5 not in {shares[path] for path in decoder}


def test_sensitivity_needs_logits_of_each_token(build_model: Callable[..., Any], windows: Any) -> None:
    model = build_model("llama").model
    with pytest.raises(UnsupportedModelError, match="looked for logits of each token"):
        prune(model, "magnitude-sensitivity", 0.5, calibration=windows)


def test_from_disk_outliers_are_found_and_sensitivity_is_refused(
    checkpoints: dict[str, Path], windows: Any, tmp_path: Path
) -> None:
    base, streaming = checkpoints["llama"], Streaming(dtype=torch.float32)
    model = load_model(base)
    expected = prune(model, "wanda-owl", 0.5, calibration=windows)
    found = prune_checkpoint(base, tmp_path / "out", "wanda-owl", 0.5, calibration=windows, streaming=streaming)
    assert found == expected
    for name, tensor in load_model(tmp_path / "out").state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name]), name
    with pytest.raises(UnsupportedModelError, match="runs the model to its end, which needs the whole model in memory"):
        prune_checkpoint(base, tmp_path / "none", "wanda-sensitivity", 0.5, calibration=windows)
