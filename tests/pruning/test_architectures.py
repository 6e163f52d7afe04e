"""Every type of the table: what the adapter finds is what is written there. Methods: test_method_table.py."""

import copy
from typing import Any

import pytest
import torch

from pruning import inspect, prune
from pruning.adapters import Stack, find_adapter
from pruning.errors import UnsupportedModelError
from pruning.inputs import example_inputs, main_output
from pruning.models import empty_model
from pruning.removal.layers import remove_layers
from tests.pruning.architectures import ARCHITECTURES, Found, build_tiny


@pytest.fixture(params=ARCHITECTURES)
def name(request: pytest.FixtureRequest) -> str:
    """Each row of the table in turn."""
    return request.param


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    """All models; tests take copies."""
    torch.set_num_threads(1)
    return {name: build_tiny(name) for name in ARCHITECTURES}


def described(stack: Stack) -> Found:
    """Return what was found, asserting that all layers agree."""
    (row,) = {_layer(stack, index) for index in range(len(stack.layers))}
    return row


def _layer(stack: Stack, index: int) -> Found:
    layer = stack.layers[index]
    own, *others = layer.attentions
    experts = layer.experts
    assert [attention.cross for attention in layer.attentions] == [False] + [True] * len(others)
    assert all((other.heads, other.head_width) == (own.heads, own.head_width) for other in others)
    assert not layer.gaps
    return Found(
        (own.heads, own.key_value_heads, own.head_width),
        own.layout,
        layer.mlp.gated if layer.mlp else False,
        layer.mlp.fused if layer.mlp else False,
        layer.mlp.width if layer.mlp else None,
        stack.positions,
        len(stack.layers),
        bool(others),
        stack.parallel,
        own.bias,
        (experts.count, experts.width, experts.per_token or 0) if experts else None,
        experts.shared.width if experts and experts.shared else None,
    )


def test_what_is_found_is_what_is_there(models: dict[str, Any], name: str) -> None:
    adapter = inspect(models[name])
    row = ARCHITECTURES[name]
    assert {stack.name: described(stack) for stack in adapter.stacks} == row.stacks
    assert any("embed" in group[0] or "wte" in group[0] or "shared" in group[0] for group in adapter.tied) == row.tied
    assert not any(stack.foreign for stack in adapter.stacks)


def test_every_matrix_of_the_layers_is_prunable_but_routers_and_tables(models: dict[str, Any], name: str) -> None:
    model, adapter = models[name], inspect(models[name])
    inside = tuple(f"{stack.path}." for stack in adapter.stacks)
    left_out = ("router", "mlp.gate.weight", "relative_attention_bias", "bias", "_norm", "layernorm")
    expected = sum(
        parameter.numel()
        for path, parameter in model.named_parameters()
        if path.startswith(inside) and parameter.dim() > 1 and not any(word in path for word in left_out)
    )
    assert adapter.prunable_weights == expected
    assert len({matrix.name for matrix in adapter.prunable}) == len(adapter.prunable)


def test_the_same_is_found_without_weights(models: dict[str, Any], name: str) -> None:
    model = models[name]
    empty = empty_model(model.config, type(model))
    assert find_adapter(empty) == inspect(model)
    inputs, on_meta = example_inputs(model), example_inputs(empty)
    assert {key: value.shape for key, value in on_meta.items()} == {key: value.shape for key, value in inputs.items()}
    assert {value.device.type for value in on_meta.values()} == {"meta"}


def answer(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return main_output(model(**example_inputs(model)))


def test_magnitude_takes_the_smallest_of_each_expert(models: dict[str, Any]) -> None:
    model = copy.deepcopy(models["mixtral"])
    before = model.model.layers[1].mlp.experts.gate_up_proj.detach().clone()
    prune(model, "magnitude", 0.5)
    after = model.model.layers[1].mlp.experts.gate_up_proj
    for expert in range(4):
        order = sorted(before[expert].abs().flatten().tolist())
        kept = before[expert].abs() >= order[len(order) // 2]
        assert torch.equal(after[expert] != 0, kept)


def test_fused_gate_and_up_lose_the_same_neurons(models: dict[str, Any]) -> None:
    """A neuron of Phi-3 is one row in each half of its matrix: zeroing both and its column gives the same logits."""
    dense, model = copy.deepcopy(models["phi3"]), copy.deepcopy(models["phi3"])
    pruned = prune(model, "mlp-maxmin", 0.5)
    with torch.no_grad():
        for index, removed in enumerate(pruned.removal.neurons):
            rows = dense.model.layers[index].mlp.gate_up_proj.weight
            scores = [sum(float(half.max() + half.min().abs()) for half in (rows[i], rows[48 + i])) for i in range(48)]
            assert set(removed) == {*sorted(range(48), key=lambda each: scores[each])[:24]}
            dense.model.layers[index].mlp.down_proj.weight[:, list(removed)] = 0
    assert torch.allclose(answer(dense), answer(model), atol=1e-5)


@pytest.mark.parametrize(("name", "missing"), [("t5", "relative_attention_bias"), ("modernbert", "attn_norm")])
def test_layers_that_the_config_cannot_say_are_not_removed(models: dict[str, Any], name: str, missing: str) -> None:
    """T5's first layer holds the positions of all, ModernBERT's lacks a norm: the rest could not be read back."""
    model = copy.deepcopy(models[name])
    before = answer(model)
    with pytest.raises(UnsupportedModelError, match=missing):
        remove_layers(model, inspect(model), [0])
    assert torch.equal(answer(model), before)


def test_heads_that_contradict_the_config_are_no_attention(models: dict[str, Any]) -> None:
    model = copy.deepcopy(models["bert"])
    model.config.num_attention_heads = 8
    (stack,) = inspect(model).stacks
    assert not any(layer.attentions for layer in stack.layers)
    assert "looked for query, key, value and output matrices whose heads fit the config" in stack.gaps[0]


def test_latent_attention_is_named_as_not_found() -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        "deepseek_v3", vocab_size=99, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, n_routed_experts=4, n_group=2, topk_group=1, num_experts_per_tok=2, q_lora_rank=16,
        moe_intermediate_size=24, first_k_dense_replace=1, kv_lora_rank=16, qk_rope_head_dim=8, qk_nope_head_dim=8,
        v_head_dim=8, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config).eval()
    (stack,) = inspect(model).stacks
    assert "found q_a_proj (32 to 16)" in stack.gaps[0]
    assert [layer.experts.count if layer.experts else 0 for layer in stack.layers] == [0, 4]
    assert prune(model, "magnitude", 0.25).removal.removed > 0


def test_convolutions_are_named_and_refused_by_methods_on_weights() -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model("mamba", vocab_size=99, hidden_size=32, num_hidden_layers=4, state_size=4)
    model = AutoModelForCausalLM.from_config(config).eval()
    (stack,) = inspect(model).stacks
    assert any(name.endswith("conv1d.weight") for name in stack.foreign)
    assert any("looked for an attention; there is none" in gap for gap in stack.gaps)
    with pytest.raises(UnsupportedModelError, match=r"conv1d\.weight.* besides"):
        prune(model, "magnitude", 0.25)


@pytest.mark.parametrize("name", ["t5", "bart", "whisper", "mixtral", "phi3", "falcon-40b", "gpt_bigcode"])
def test_cached_and_uncached_generation_agree_after_a_cut(models: dict[str, Any], name: str) -> None:
    model = copy.deepcopy(models[name])
    prune(model, "depth-last", 0.25)
    inputs = {key: value for key, value in example_inputs(model, 4).items() if key != "decoder_input_ids"}
    texts = [
        model.generate(**inputs, do_sample=False, min_new_tokens=6, max_new_tokens=6, use_cache=cached).tolist()
        for cached in (True, False)
    ]
    assert texts[0] == texts[1]
