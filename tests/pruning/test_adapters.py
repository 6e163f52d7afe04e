"""Adapters find the parts of five families by shape, and name what is missing."""

from collections.abc import Callable
from typing import Any

import pytest

from pruning import inspect
from pruning.errors import UnsupportedModelError
from pruning.inputs import example_inputs

STACKS = {
    "llama": "model.layers",
    "gpt2": "transformer.h",
    "opt": "model.decoder.layers",
    "bloom": "transformer.h",
    "gpt_neox": "gpt_neox.layers",
}
# attention inputs, attention output, matrices into the MLP, matrix out of it
PARTS = {
    "llama": (("q_proj", "k_proj", "v_proj"), "o_proj", ("gate_proj", "up_proj"), "down_proj"),
    "gpt2": (("c_attn",), "c_proj", ("c_fc",), "c_proj"),
    "opt": (("k_proj", "v_proj", "q_proj"), "out_proj", ("fc1",), "fc2"),
    "bloom": (("query_key_value",), "dense", ("dense_h_to_4h",), "dense_4h_to_h"),
    "gpt_neox": (("query_key_value",), "dense", ("dense_h_to_4h",), "dense_4h_to_h"),
}


def last(path: str) -> str:
    return path.rpartition(".")[2]


def test_parts_of_each_family(model: Any, family: str) -> None:
    adapter = inspect(model)
    assert adapter.stack == STACKS[family]
    assert len(adapter.layers) == 4
    for index, layer in enumerate(adapter.layers):
        (attention,) = layer.attentions
        assert layer.mlp is not None
        assert layer.path == f"{STACKS[family]}.{index}"
        found = (
            tuple(last(matrix.path) for matrix in attention.inputs),
            last(attention.output.path),
            tuple(last(matrix.path) for matrix in layer.mlp.into),
            last(layer.mlp.down.path),
        )
        assert found == PARTS[family]
    assert adapter.mlp_width == (128 if family in ("gpt2", "bloom") else 64)


def test_prunable_is_every_matrix_of_the_layers_and_nothing_else(model: Any, family: str) -> None:
    adapter = inspect(model)
    expected = {
        name.removesuffix(".weight")
        for name, parameter in model.named_parameters()
        if parameter.dim() == 2 and name.startswith(STACKS[family])
    }
    assert {matrix.path for matrix in adapter.prunable} == expected
    for matrix in adapter.prunable:
        shape = tuple(model.get_parameter(f"{matrix.path}.weight").shape)
        assert shape == ((matrix.inputs, matrix.outputs) if matrix.transposed else (matrix.outputs, matrix.inputs))
        assert matrix.transposed == (family == "gpt2")


@pytest.mark.parametrize(("heads", "key_value_heads"), [(4, 4), (4, 1), (8, 2)])
def test_grouped_and_multi_query_attention(build_model: Callable[..., Any], heads: int, key_value_heads: int) -> None:
    model = build_model("llama", num_attention_heads=heads, num_key_value_heads=key_value_heads)
    (attention,) = inspect(model).layers[0].attentions
    assert (attention.layout, attention.heads, attention.key_value_heads) == ("split", heads, key_value_heads)
    assert attention.head_width == 32 // heads


def test_other_models_fall_out_or_say_what_was_looked_for() -> None:
    from transformers import AutoConfig, AutoModel

    bert = AutoConfig.for_model(
        "bert", hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4
    )
    assert inspect(AutoModel.from_config(bert)).mlp_width == 48
    resnet = AutoConfig.for_model("resnet", embedding_size=8, hidden_sizes=[8], depths=[1])
    with pytest.raises(UnsupportedModelError, match="looked for a layer stack"):
        inspect(AutoModel.from_config(resnet))


def test_attributes_that_are_no_number_say_nothing_of_heads() -> None:
    import torch

    from pruning.adapters.matrices import attribute

    module: Any = torch.nn.Module()
    for value, expected in (([2, 4], set()), (True, set()), (0, set()), (None, set()), (4, {4})):
        module.num_heads = value
        assert attribute([module], ("num_heads",)) == expected


def test_a_model_with_two_main_inputs_names_both(build_model: Callable[..., Any]) -> None:
    model = build_model("llama")
    model.main_input_name = ["pixel_values", "task_inputs"]
    assert inspect(model).inputs == ("pixel_values", "task_inputs")
    with pytest.raises(UnsupportedModelError, match="it reads pixel_values, task_inputs"):
        example_inputs(model)
