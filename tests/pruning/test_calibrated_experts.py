"""Calibration of stacked experts: each sees its own tokens, as a plain loop over tokens in float64 finds them."""

import copy
from typing import Any

import pytest
import torch
from torch.nn.functional import silu

from pruning import inspect, prune
from pruning.batches import batches
from tests.pruning.architectures import build_tiny

WINDOWS = ((3, 4, 5, 6, 7, 8), (9, 8, 7, 6), (11, 12, 13, 14, 15), (21, 22))


@pytest.fixture(scope="module")
def mixtral() -> Any:
    return build_tiny("mixtral")


def routed(model: Any) -> list[tuple[torch.Tensor, set[int]]]:
    """Return (state, experts) of every token that is no padding, at the experts of the first layer."""
    found: list[tuple[torch.Tensor, set[int]]] = []
    masks: list[torch.Tensor] = []

    def look(_: Any, arguments: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
        states, chosen, _ = arguments
        kept = masks[-1].flatten().bool()
        found.extend((state.double(), {*row.tolist()}) for state, row in zip(states[kept], chosen[kept], strict=True))

    handle = model.model.layers[0].mlp.experts.register_forward_pre_hook(look)
    with torch.no_grad():
        for batch in batches(WINDOWS):
            masks.append(batch.attention_mask)
            model(input_ids=batch.token_ids, attention_mask=batch.attention_mask)
    handle.remove()
    return found


def smallest(weight: torch.Tensor, norms: torch.Tensor) -> torch.Tensor:
    """Return the mask of the smaller half of |W| * norm in each row."""
    scores = weight.double().abs() * norms
    return scores <= scores.kthvalue(weight.shape[1] // 2, dim=1, keepdim=True).values


def test_each_expert_is_pruned_by_the_tokens_that_it_gets(mixtral: Any) -> None:
    model = copy.deepcopy(mixtral)
    tokens = routed(mixtral)
    assert len(tokens) == sum(map(len, WINDOWS))
    prune(model, "wanda", 0.5, calibration=WINDOWS)
    before, after = (each.model.layers[0].mlp.experts for each in (mixtral, model))
    for expert in range(4):
        states = torch.stack([state for state, chosen in tokens if expert in chosen])
        gate, up = (states @ before.gate_up_proj[expert].double().T).chunk(2, dim=-1)
        for name, inputs in (("gate_up_proj", states), ("down_proj", silu(gate) * up)):
            expected = smallest(getattr(before, name)[expert], inputs.square().sum(0).sqrt())
            assert torch.equal(getattr(after, name)[expert] == 0, expected)


def test_an_expert_without_tokens_is_pruned_by_magnitude(mixtral: Any) -> None:
    model = copy.deepcopy(mixtral)
    with torch.no_grad():
        for layer in model.model.layers:
            # Another expert's row, so that the third never has the greater logit, and ties go to the one before it.
            layer.mlp.gate.weight[2] = layer.mlp.gate.weight[1]
            layer.mlp.gate.weight[3] = layer.mlp.gate.weight[1]
    chosen = set.union(*(experts for _, experts in routed(model)))
    idle = {*range(4)} - chosen
    assert idle
    dense = copy.deepcopy(model)
    for method in ("wanda", "sparsegpt"):
        pruned = copy.deepcopy(model)
        prune(pruned, method, 0.5, calibration=WINDOWS)
        for expert in idle:
            weight = dense.model.layers[0].mlp.experts.down_proj[expert]
            zeros = pruned.model.layers[0].mlp.experts.down_proj[expert] == 0
            assert zeros.float().mean() == 0.5
            if method == "wanda":
                assert torch.equal(zeros, smallest(weight, torch.ones(weight.shape[1])))


@pytest.mark.parametrize("name", ["mixtral", "gpt_oss", "qwen3_moe"])
def test_sparsegpt_costs_experts_less_than_magnitude(name: str) -> None:
    """On the layer's own output over the calibration text, whatever the layout of the experts."""
    dense = build_tiny(name)
    assert inspect(dense).layers[0].experts
    before = _experts_answer(dense, dense)
    errors = {}
    for method in ("magnitude", "sparsegpt"):
        model = copy.deepcopy(dense)
        prune(model, method, 0.5, calibration=WINDOWS)
        errors[method] = float((_experts_answer(model, dense) - before).square().sum())
    assert errors["sparsegpt"] < errors["magnitude"]


def _experts_answer(model: Any, dense: Any) -> torch.Tensor:
    """Return what the first layer's experts answer to what the dense model gives them."""
    given: list[Any] = []
    handle = dense.model.layers[0].mlp.experts.register_forward_pre_hook(lambda _, arguments: given.append(arguments))
    with torch.no_grad():
        for window in WINDOWS:
            dense(input_ids=torch.tensor([window]))
        handle.remove()
        return torch.cat([model.model.layers[0].mlp.experts(*arguments) for arguments in given])


def test_the_way_of_running_experts_is_as_before(mixtral: Any) -> None:
    model = copy.deepcopy(mixtral)
    before = model.get_experts_implementation()
    prune(model, "wanda", 0.5, calibration=WINDOWS)
    assert model.get_experts_implementation() == before


@pytest.mark.parametrize("method", ["random", "random-2:4"])
def test_every_expert_has_a_random_mask_of_its_own(mixtral: Any, method: str) -> None:
    model = copy.deepcopy(mixtral)
    prune(model, method, 0.5)
    experts = model.model.layers[0].mlp.experts
    assert not torch.equal(experts.down_proj[0] == 0, experts.down_proj[1] == 0)
