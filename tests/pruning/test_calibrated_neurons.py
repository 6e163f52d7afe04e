"""Neurons by their activations: scores against float64 loops, and what FLAP's biases keep."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pruning import inspect, prune
from pruning.adapters import LayerParts, MlpParts
from pruning.checkpoint import save_checkpoint
from pruning.errors import NotFiniteError
from pruning.models import load_model
from tests.pruning.architectures import build_tiny

WINDOWS = ((3, 4, 5, 6, 7, 8), (9, 8, 7, 6), (11, 12, 13, 14, 15))
METHODS = ("mlp-wanda", "mlp-flap")


def mlp_of(layer: LayerParts) -> MlpParts:
    assert layer.mlp is not None
    return layer.mlp


def activations(model: Any, path: str, windows: Any) -> torch.Tensor:
    """Return what enters the matrix out, one window at a time: (tokens, width), float64."""
    seen: list[torch.Tensor] = []
    handle = model.get_submodule(path).register_forward_pre_hook(
        lambda _, given: seen.append(given[0].double().flatten(0, -2))
    )
    with torch.no_grad():
        for window in windows:
            model(input_ids=torch.tensor([window]), use_cache=False)
    handle.remove()
    return torch.cat(seen)


def columns(model: Any, mlp: MlpParts) -> torch.Tensor:
    """Return the column of each neuron in the matrix out: (width, hidden), float64."""
    weight = model.get_parameter(f"{mlp.down.path}.weight").detach().double()
    return weight if mlp.down.transposed else weight.T


def naive_scores(method: str, columns: torch.Tensor, seen: torch.Tensor) -> list[float]:
    found = []
    for column, values in zip(columns.tolist(), seen.T.tolist(), strict=True):
        mean = sum(values) / len(values)
        if method == "mlp-wanda":
            found.append(sum(map(abs, column)) * sum(value**2 for value in values) ** 0.5)
        else:
            found.append(sum(each**2 for each in column) * sum((value - mean) ** 2 for value in values) / len(values))
    return found


@pytest.mark.parametrize("method", METHODS)
def test_scores_equal_the_loop_and_later_layers_see_pruned_ones(model: Any, windows: Any, method: str) -> None:
    """The dense model with its first layers replaced by the pruned ones shows what each layer was shown."""
    seen_by_layer = copy.deepcopy(model)
    adapter = inspect(model)
    pruned = prune(model, method, 0.5, calibration=windows)
    stack = seen_by_layer.get_submodule(adapter.stack)
    differ = 0
    for index, (layer, removed) in enumerate(zip(adapter.layers[:2], pruned.removal.neurons, strict=False)):
        mlp = mlp_of(layer)
        scores = naive_scores(method, columns(seen_by_layer, mlp), activations(seen_by_layer, mlp.down.path, windows))
        order = sorted(range(mlp.width), key=lambda each: (scores[each], each))
        assert set(removed) == {*order[: mlp.width // 2]}
        differ += set(removed) != {*range(mlp.width // 2)}
        stack[index] = model.get_submodule(adapter.stack)[index]
    assert differ


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dense_models: dict[str, Any], windows: Any, dtype: torch.dtype, method: str) -> None:
    model = copy.deepcopy(dense_models["opt"]).to(dtype)
    assert prune(model, method, 0.5, calibration=windows).achieved_ratio == 0.5
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}
    assert torch.isfinite(model(input_ids=torch.tensor([[1, 2, 3]])).logits).all()


def make_constant(model: Any, layer: LayerParts, neurons: list[int]) -> None:
    """Let neurons ignore their input: what they answer comes from biases alone."""
    mlp = mlp_of(layer)
    for matrix in mlp.into:
        weight = model.get_parameter(f"{matrix.path}.weight")
        (weight.T if matrix.transposed else weight)[neurons] = 0
        model.get_parameter(f"{matrix.path}.bias")[neurons] += 1


def test_flap_removes_constant_neurons_without_a_trace(
    build_model: Callable[..., Any], family: str, windows: Any
) -> None:
    model = build_model(family, **({"mlp_bias": True} if family == "llama" else {}))
    adapter = inspect(model)
    width = adapter.mlp_width or 0
    chosen = [[*range(index, width, 4)] for index in range(len(adapter.layers))]
    with torch.no_grad():
        for layer, neurons in zip(adapter.layers, chosen, strict=True):
            make_constant(model, layer, neurons)
    # On the calibration text the ReLU of OPT has more that never answer; where there is none any text will do.
    token_ids = torch.tensor([windows[5]]) if family == "opt" else torch.arange(40).unsqueeze(0)
    with torch.inference_mode():
        before = model(input_ids=token_ids).logits
        pruned = prune(model, "mlp-flap", 0.25, calibration=windows)
        after = model(input_ids=token_ids).logits
    if family != "opt":
        assert [*map(list, pruned.removal.neurons)] == chosen
    assert torch.allclose(before, after, atol=2e-5)
    assert "without compensation" not in pruned.sentence()


def test_flap_keeps_the_mean_output_in_biases_that_the_config_gives(
    build_model: Callable[..., Any], windows: Any, tmp_path: Path
) -> None:
    """A llama has no biases; `mlp_bias` gives it some. The mean of what the first MLP answers stays what it was."""
    model = build_model("llama")
    layer = inspect(model).layers[0]
    down, mlp = mlp_of(layer).down.path, model.model.layers[0].mlp
    before = (activations(model, down, windows) @ columns(model, mlp_of(layer))).mean(0)
    pruned = prune(model, "mlp-flap", 0.5, calibration=windows)
    left = inspect(model).layers[0]
    after = (activations(model, down, windows) @ columns(model, mlp_of(left))).mean(0)
    assert torch.allclose(after + mlp.down_proj.bias.double(), before, atol=1e-5)
    assert not torch.allclose(after, before, atol=1e-2)
    assert model.config.mlp_bias
    assert not mlp.gate_proj.bias.any()
    assert len(mlp.up_proj.bias) == 32
    assert pruned.removal.note == ""
    model = model.float()
    save_checkpoint(model, tmp_path, tmp_path / "saved", dtype=torch.float32, card="")
    reread = load_model(tmp_path / "saved")
    assert torch.equal(reread.get_parameter("model.layers.0.mlp.down_proj.bias"), mlp.down_proj.bias)


@pytest.mark.parametrize("name", ["mistral", "qwen2", "mpt"])
def test_flap_says_where_no_bias_can_be(name: str) -> None:
    model = build_tiny(name)
    zeroed = copy.deepcopy(model)
    pruned = prune(model, "mlp-flap", 0.25, calibration=WINDOWS)
    assert "without compensation: the config of" in pruned.sentence()
    assert not any(name.endswith("down_proj.bias") for name in model.state_dict())
    with torch.no_grad():
        for layer, removed in zip(inspect(zeroed).layers, pruned.removal.neurons, strict=True):
            zeroed.get_parameter(f"{mlp_of(layer).down.path}.weight")[:, list(removed)] = 0
    token_ids = torch.arange(20).unsqueeze(0)
    with torch.inference_mode():
        assert torch.allclose(model(input_ids=token_ids).logits, zeroed(input_ids=token_ids).logits, atol=1e-5)


def test_text_reaches_one_stack_and_the_share_says_so() -> None:
    model = build_tiny("llava")
    vision = copy.deepcopy(model.model.vision_tower.state_dict())
    pruned = prune(model, "mlp-flap", 0.25, calibration=WINDOWS)
    assert (pruned.removal.removed, pruned.removal.total) == (2 * 8, 2 * 48 + 3 * 48)
    assert all(torch.equal(tensor, vision[name]) for name, tensor in model.model.vision_tower.state_dict().items())


@pytest.mark.parametrize("method", METHODS)
def test_activations_that_are_not_finite_are_an_error(build_model: Callable[..., Any], method: str) -> None:
    model = build_model("opt")
    with torch.no_grad():
        model.model.decoder.layers[0].fc1.bias[3] = float("nan")
    with pytest.raises(NotFiniteError, match=r"layers\.0\.fc2: an input's"):
        prune(model, method, 0.5, calibration=WINDOWS)
