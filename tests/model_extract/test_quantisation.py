"""Weights in another form, known by their tensors' names and types."""

import pytest

from model_extract.formats.tensors import Tensor
from model_extract.quantisation import main_dtype, scheme_of, unpacked

PLAIN = [Tensor("embed.weight", "BF16", (10, 4)), Tensor("norm.weight", "BF16", (4,))]
# One linear layer of 4 inputs and 8 outputs as each library stores it.
STORED = {
    "gptq": [("qweight", "I32", (1, 8)), ("qzeros", "I32", (1, 1)), ("scales", "F16", (1, 8)), ("g_idx", "I32", (4,))],
    "awq": [("qweight", "I32", (4, 1)), ("qzeros", "I32", (1, 1)), ("scales", "F16", (1, 8))],
    "bitsandbytes": [
        ("weight", "U8", (16, 1)),
        ("weight.absmax", "F32", (1,)),
        ("weight.quant_map", "F32", (16,)),
        ("weight.nested_absmax", "F32", (1,)),
        ("weight.nested_quant_map", "F32", (256,)),
        ("weight.quant_state.bitsandbytes__nf4", "U8", (80,)),
    ],
    "bitsandbytes 8 bit": [("weight", "I8", (8, 4)), ("SCB", "F32", (8,)), ("weight_format", "U8", ())],
    "compressed-tensors": [
        ("weight_packed", "I32", (8, 1)),
        ("weight_scale", "BF16", (8, 1)),
        ("weight_zero_point", "I32", (1, 1)),
        ("weight_shape", "I64", (2,)),
    ],
    "fp8": [("weight", "F8_E4M3", (8, 4)), ("weight_scale_inv", "F32", (1, 1)), ("input_scale", "F32", ())],
    "hqq": [("W_q", "U8", (4, 4))],
    "mlx": [("weight", "U32", (8, 1)), ("scales", "BF16", (8, 1)), ("biases", "BF16", (8, 1))],
}


def layer(scheme: str, path: str = "layers.0.up_proj") -> list[Tensor]:
    return [Tensor(f"{path}.{name}", dtype, shape) for name, dtype, shape in STORED[scheme]]


@pytest.mark.parametrize("scheme", STORED)
def test_a_packed_layer_stands_for_its_weight_alone(scheme: str) -> None:
    found = unpacked([*PLAIN, *layer(scheme)])
    expected = {"embed.weight": (10, 4), "norm.weight": (4,), "layers.0.up_proj.weight": None}
    assert (found.shapes, found.packed_modules) == (expected, {"layers.0.up_proj"})
    assert scheme_of([*PLAIN, *layer(scheme)]) == scheme.split()[0]


def test_packed_experts_stand_for_their_parameters() -> None:
    names = ["gate_up_proj_blocks", "gate_up_proj_scales", "gate_up_proj_bias"]
    tensors = [
        Tensor(f"mlp.experts.{name}", dtype, (4,)) for name, dtype in zip(names, ["U8", "U8", "BF16"], strict=True)
    ]
    found = unpacked(tensors)
    assert found.shapes == {"mlp.experts.gate_up_proj": None, "mlp.experts.gate_up_proj_bias": (4,)}
    assert scheme_of(tensors) == "mxfp4"


def test_helpers_without_a_packed_weight_are_parameters() -> None:
    tensors = [*PLAIN, Tensor("norm.scales", "F32", (4,)), Tensor("norm.weight_scale", "F32", ())]
    assert unpacked(tensors).shapes == {tensor.name: tensor.shape for tensor in tensors}
    assert scheme_of(tensors) is None


def test_the_type_of_most_elements_is_the_main_one() -> None:
    assert main_dtype([]) is None
    assert main_dtype([*PLAIN, Tensor("a", "F32", (43,))]) == "BF16"
    assert main_dtype([*PLAIN, Tensor("a", "F32", (45,))]) == "F32"
    assert main_dtype([*PLAIN, Tensor("a", "F32", (44,))]) == "BF16"


def test_a_gguf_file_is_named_by_the_type_of_most_blocks() -> None:
    tensors = [Tensor("a", "Q4_K", (4, 256)), Tensor("b", "Q6_K", (1, 256)), Tensor("c", "F32", (9999,))]
    assert scheme_of(tensors) == "Q4_K"
    assert scheme_of(tensors[2:]) is None
