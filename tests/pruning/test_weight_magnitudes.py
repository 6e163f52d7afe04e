"""Magnitudes are those of a loop over the weights, whatever way they are stored."""

from typing import Any

import numpy as np
import pytest
import torch

from pipeline.errors import UsageError
from pruning import inspect
from pruning.analyses import ANALYSES, Piece, Subject
from pruning.analyses.weights import WeightOptions
from pruning.errors import NotFiniteError
from tests.pruning.architectures import build_tiny


def measure(model: Any, finished: tuple[str, ...] = (), **options: Any) -> list[Piece]:
    subject = Subject(model, inspect(model), (), (), finished=finished)
    return [*ANALYSES["weights"].measure(subject, WeightOptions(**options))]


def values(pieces: list[Piece]) -> dict[str, tuple[float, ...]]:
    return {piece.component: tuple(row.value for row in piece.findings) for piece in pieces}


def expected(*weights: torch.Tensor) -> Any:
    flat = np.concatenate([weight.detach().double().numpy().ravel() for weight in weights])
    return pytest.approx((np.abs(flat).mean(), np.sqrt((flat**2).sum())), rel=1e-9)


def test_grouped_queries_and_a_gated_mlp() -> None:
    model = build_tiny("llama")
    found = values(measure(model))
    for index, layer in enumerate(model.model.layers):
        attention, mlp = layer.self_attn, layer.mlp
        parts = [getattr(attention, f"{letter}_proj").weight for letter in "qkvo"]
        inner = [mlp.gate_proj.weight, mlp.up_proj.weight, mlp.down_proj.weight]
        assert found[f"layer {index}"] == expected(*parts, *inner)
        assert found[f"layer {index} attention"] == expected(*parts)
        assert found[f"layer {index} mlp"] == expected(*inner)
        query, key, value, output = parts
        for head in range(4):
            own, read = slice(8 * head, 8 * head + 8), slice(8 * (head // 2), 8 * (head // 2) + 8)
            slices = (query[own], key[read], value[read], output[:, own])
            assert found[f"layer {index} head {head}"] == expected(*slices)
    assert len(found) == 2 * 7


def test_heads_in_a_fused_matrix() -> None:
    model = build_tiny("bloom")
    found = values(measure(model, targets=("head",)))
    attention = model.transformer.h[1].self_attention
    fused = attention.query_key_value.weight.view(4, 24, 32)
    for head in range(4):
        output = attention.dense.weight[:, 8 * head : 8 * head + 8]
        assert found[f"layer 1 head {head}"] == expected(fused[head], output)


def test_heads_in_a_transposed_matrix() -> None:
    model = build_tiny("gpt2")
    found = values(measure(model, targets=("head",)))
    attention = model.transformer.h[0].attn
    for head in range(4):
        own = slice(8 * head, 8 * head + 8)
        inputs = [each[:, own] for each in attention.c_attn.weight.split(32, dim=1)]
        assert found[f"layer 0 head {head}"] == expected(*inputs, attention.c_proj.weight[own])


def test_all_experts_are_the_mlp_and_the_router_is_not() -> None:
    model = build_tiny("qwen2_moe")
    mlp = model.model.layers[0].mlp
    shared = [getattr(mlp.shared_expert, f"{name}_proj").weight for name in ("gate", "up", "down")]
    wanted = expected(mlp.experts.gate_up_proj, mlp.experts.down_proj, *shared)
    assert values(measure(model, targets=("mlp",)))["layer 0 mlp"] == wanted


def test_what_is_not_there_is_refused() -> None:
    refused = {piece.component: piece.refusal for piece in measure(build_tiny("codegen")) if piece.refusal}
    assert [*refused] == ["layer 0 heads", "layer 1 heads"]
    assert "not declared" in str(refused["layer 0 heads"])


def test_an_attention_to_another_stack_has_no_heads_here() -> None:
    model = build_tiny("bart")
    attention = model.model.decoder.layers[0].self_attn
    own = slice(0, 16)
    inputs = [getattr(attention, f"{letter}_proj").weight[own] for letter in "qkv"]
    assert values(measure(model))["layer 0 head 0"] == expected(*inputs, attention.out_proj.weight[:, own])


def test_rows_and_what_was_measured_before() -> None:
    model = build_tiny("llama")
    pieces = measure(model, targets=("mlp", "head"), finished=("layer 0 mlp", "layer 1 head 3"))
    names = [f"layer 0 head {head}" for head in range(4)] + ["layer 1 mlp"] + [f"layer 1 head {n}" for n in range(3)]
    assert [piece.component for piece in pieces] == names
    last = pieces[-1].findings
    assert [(row.measure, row.target, row.layer, row.head) for row in last] == [
        ("mean_absolute", "head", 1, 2),
        ("norm", "head", 1, 2),
    ]


def test_bad_weights_and_bad_names_are_errors() -> None:
    model = build_tiny("llama")
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[0, 0] = torch.inf
    with pytest.raises(NotFiniteError, match=r"layers\.1\.mlp\.up_proj"):
        measure(model)
    with pytest.raises(UsageError, match=r"unknown target 'heads'\. Did you mean head"):
        WeightOptions(targets=("heads",))
