"""Shapes without weights against the shapes of real forwards on the CPU."""

import json
from typing import Any

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.modules import module as torch_modules
from torch.utils._pytree import tree_flatten
from transformers import AutoConfig
from transformers.initialization import no_init_weights

from model_extract.auto_classes import class_names
from model_extract.shapes import ShapeTrace, trace_shapes
from model_extract.shapes.inputs import Input, fed_inputs
from model_extract.shapes.known_values import known_values
from model_extract.sources.builtin import repairs

SECONDS = 60.0
TEXT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48, "vocab_size": 99}
LLAMA = {**TEXT, "num_key_value_heads": 2}
VISION = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "image_size": 28,
    "patch_size": 14,
    "projection_dim": 32,
}
WIDTHS = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
HEADS = {"encoder_attention_heads": 4, "decoder_attention_heads": 4}
TINY: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaForCausalLM", LLAMA),
    "gpt2": ("GPT2LMHeadModel", {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 99}),
    "bert": ("BertForMaskedLM", TEXT),
    "mamba": ("MambaForCausalLM", {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 99}),
    "mixtral": ("MixtralForCausalLM", {**LLAMA, "num_local_experts": 4}),
    "layoutlm": ("LayoutLMForMaskedLM", TEXT),
    "t5": (
        "T5ForConditionalGeneration",
        {"d_model": 32, "d_ff": 48, "d_kv": 8, "num_heads": 4, "num_layers": 2, "vocab_size": 99},
    ),
    "vit": ("ViTForImageClassification", VISION),
    "resnet": (
        "ResNetForImageClassification",
        {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 2]},
    ),
    "clip": ("CLIPModel", {"text_config": {**TEXT, "projection_dim": 32}, "vision_config": VISION}),
    "whisper": (
        "WhisperForConditionalGeneration",
        {
            **WIDTHS,
            **HEADS,
            "vocab_size": 99,
            "pad_token_id": 0,
            "decoder_start_token_id": 1,
            "max_source_positions": 50,
        },
    ),
    "wav2vec2": ("Wav2Vec2ForCTC", {**TEXT, "conv_dim": [8] * 7, "num_conv_pos_embeddings": 16}),
    "encodec": ("EncodecModel", {"num_filters": 4, "hidden_size": 16, "codebook_size": 8, "codebook_dim": 16}),
    "time_series_transformer": ("TimeSeriesTransformerModel", {**WIDTHS, **HEADS, "prediction_length": 6}),
    "llava": (
        "LlavaForConditionalGeneration",
        {
            "text_config": {"model_type": "llama", **LLAMA},
            "vision_config": {"model_type": "clip_vision_model", **VISION},
            "image_token_id": 98,
        },
    ),
}
# Every sixteenth of the types that extract, in alphabetical order.
SAMPLE = """
    autoformer bitnet chmv2 colmodernvbert dac deit dpr ernie4_5_vl_moe flex_olmo gemma4 glm4v_text glpn
    granite_speech5_ctc hubert imagegpt jetmoe levit llava_onevision mbart minimax_m2 mobilenet_v1 mra nemotron olmo
    parakeet_rnnt pixio pp_lcnet_v4 qwen2_5_omni qwen3_5_vision reformer sam2_hiera_det_model seamless_m4t_v2
    solar_open t5 udop vibevoice_asr vitdet xclip zoedepth
"""


def configured(model_type: str, values: dict[str, Any]) -> Any:
    return AutoConfig.for_model(model_type, **values)


def on_meta(class_name: str, config: Any) -> nn.Module:
    with torch.device("meta"), no_init_weights():
        return getattr(transformers, class_name)(config)


def tiny(model_type: str) -> tuple[nn.Module, Any]:
    class_name, values = TINY[model_type]
    config = configured(model_type, values)
    return on_meta(class_name, config), config


def real_input(fed: Input) -> Any:
    """Return a real tensor; floats are random."""
    if fed.kind == "plain":
        return fed.values
    if fed.values is not None:
        return torch.tensor(fed.values)
    if fed.kind == "float":
        return torch.rand(fed.shape)
    return torch.full(fed.shape, int(fed.kind != "long"))


def oracle_form(value: Any) -> str | None:
    """Return the shapes of a real value in the documented form, by another way than the product's."""
    leaves, _ = tree_flatten(value.to_tuple() if hasattr(value, "to_tuple") else value)
    shapes = [list(leaf.shape) for leaf in leaves if isinstance(leaf, torch.Tensor)][:32]
    return None if not shapes else json.dumps(shapes if len(shapes) > 1 else shapes[0])


def oracle(model: nn.Module, inputs: dict[str, Any]) -> dict[str, tuple[str | None, str | None]]:
    """Run a model with real weights and return the shapes that a hook on each of its modules sees."""
    seen: dict[str, tuple[str | None, str | None]] = {name: (None, None) for name, _ in model.named_modules()}

    def watch(name: str) -> Any:
        def hook(_: Any, args: Any, kwargs: Any, output: Any) -> None:
            if seen[name] == (None, None):
                forms = [oracle_form(value) for value in (*args, *kwargs.values())]
                seen[name] = (next((form for form in forms if form), None), oracle_form(output))

        return hook

    for name, module in model.named_modules():
        module.register_forward_hook(watch(name), with_kwargs=True)
    with torch.no_grad():
        model.eval()(**inputs)
    return seen


def placeholders(trace: ShapeTrace, model: nn.Module, config: Any) -> dict[str, int]:
    """Return how many image tokens the trace ended with: what its text is longer than one without any."""
    plain = {fed.name: fed.shape for fed in fed_inputs(model, config, 0, {})}
    fed = json.loads(trace.inputs)
    longer = fed["input_ids"][1] - plain["input_ids"][1] if "input_ids" in fed else 0
    return {"image": longer} if longer else {}


@pytest.mark.parametrize("model_type", TINY)
def test_shapes_equal_those_of_a_real_forward(model_type: str) -> None:
    torch.manual_seed(0)
    model, config = tiny(model_type)
    trace = trace_shapes(model, config, SECONDS)
    assert trace.failure is None
    shapes_fed = json.loads(trace.inputs)
    counts = placeholders(trace, model, config)
    layouts = [fed_inputs(model, config, layout, counts) for layout in range(4)]
    inputs = next(
        inputs for inputs in layouts if {fed.name: [*fed.shape] for fed in inputs if fed.kind != "plain"} == shapes_fed
    )
    real = getattr(transformers, TINY[model_type][0])(config)
    assert trace.shapes == oracle(real, {fed.name: real_input(fed) for fed in inputs})


def test_a_small_model_by_hand() -> None:
    model, config = tiny("llama")
    shapes = trace_shapes(model, config, SECONDS).shapes
    assert shapes["model.embed_tokens"] == ("[1, 7]", "[1, 7, 32]")
    assert shapes["model.layers.1.mlp.gate_proj"] == ("[1, 7, 32]", "[1, 7, 48]")
    assert shapes["model.layers.0.self_attn.k_proj"] == ("[1, 7, 32]", "[1, 7, 16]")
    assert shapes["model.layers"] == (None, None)
    assert shapes["lm_head"] == ("[1, 7, 32]", "[1, 7, 99]")
    assert shapes["model.rotary_emb"][1] == "[[1, 7, 8], [1, 7, 8]]"
    assert set(shapes) == {name for name, _ in model.named_modules()}


def test_an_image_stands_in_the_text_with_as_many_tokens_as_it_has_features() -> None:
    model, config = tiny("llava")
    trace = trace_shapes(model, config, SECONDS)
    assert trace.failure is None
    # 28 / 14 = 2 patches a side: 4 features amid 7 tokens.
    assert json.loads(trace.inputs) == {"input_ids": [1, 11], "pixel_values": [1, 3, 28, 28]}
    assert trace.shapes["model.multi_modal_projector"] == ("[1, 4, 32]", "[1, 4, 32]")


class Failing(nn.Module):
    """Stands for an attention that fails half way."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise ValueError("no\nway " + "x" * 900)


def test_what_ran_before_a_failure_is_kept() -> None:
    model, config = tiny("llama")
    model.get_submodule("model.layers.1").mlp = Failing()
    trace = trace_shapes(model, config, SECONDS)
    assert trace.failure is not None
    assert trace.failure.startswith("ValueError: no way xxx")
    assert len(trace.failure) == 500
    assert trace.shapes["model.layers.0"] == ("[1, 7, 32]", "[1, 7, 32]")
    assert trace.shapes["model.layers.1.self_attn.o_proj"] == ("[1, 7, 32]", "[1, 7, 32]")
    assert trace.shapes["model.layers.1.mlp"] == ("[1, 7, 32]", None)
    assert trace.shapes["lm_head"] == (None, None)


@pytest.mark.parametrize("broken", [False, True])
def test_nothing_is_left_behind(broken: bool) -> None:
    model, config = tiny("bert")
    if broken:
        model.get_submodule("bert").encoder = Failing()
    model.train()
    model.get_submodule("bert.embeddings").eval()
    trace_shapes(model, config, SECONDS)
    assert not torch_modules._global_forward_hooks
    assert not torch_modules._global_forward_hooks_always_called
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())
    inside = {id(module) for module in model.get_submodule("bert.embeddings").modules()}
    assert all(module.training == (id(module) not in inside) for module in model.modules())
    assert torch.is_grad_enabled()
    assert (torch.ones(2) + 1).tolist() == [2.0, 2.0]


def test_time_is_bounded() -> None:
    model, config = tiny("llama")
    trace = trace_shapes(model, config, 0.0)
    assert trace.failure is not None
    assert trace.failure.startswith("OvertimeError")


def test_no_width_takes_memory() -> None:
    config = configured("gpt2", {"n_embd": 12_000_000, "n_layer": 1, "n_head": 4})
    trace = trace_shapes(on_meta("GPT2LMHeadModel", config), config, SECONDS)
    assert trace.failure is None
    assert trace.shapes["transformer.h.0.mlp.c_fc"] == ("[1, 7, 12000000]", "[1, 7, 48000000]")


SIZES = st.one_of(
    st.integers(-3, 2**40), st.booleans(), st.none(), st.text(max_size=3), st.lists(st.integers(), max_size=3)
)


@settings(max_examples=40, deadline=None)
@given(size=SIZES, patch=SIZES, channels=SIZES, token=SIZES)
def test_no_value_of_a_config_raises(size: Any, patch: Any, channels: Any, token: Any) -> None:
    model, config = tiny("vit")
    for name, value in (
        ("image_size", size),
        ("patch_size", patch),
        ("num_channels", channels),
        ("pad_token_id", token),
    ):
        object.__setattr__(config, name, value)
    trace = trace_shapes(model, config, 5.0)
    assert set(trace.shapes) == {name for name, _ in model.named_modules()}


def test_values_follow_from_known_values_alone() -> None:
    weights = torch.empty(2, 3, device="meta")
    with known_values(float("inf")) as twins:
        mask = torch.tensor([[1, 0, 1], [1, 1, 0]]).bool()
        view = torch.zeros(2, 3)
        view[1, 1:] = 5
        assert mask.sum().item() == 4
        assert weights[mask].shape == (4,)
        assert torch.where(mask)[1].tolist() == [0, 2, 0, 1]
        assert view.tolist() == [[0, 0, 0], [0, 5, 5]]
        assert f"{mask.sum()}" == "4"
        assert torch.repeat_interleave(torch.tensor([2, 3])).tolist() == [0, 0, 1, 1, 1]
        assert torch.tensor([[1, 2, 2]]).unique().tolist() == [1, 2]
        view += weights
        assert twins.value(view) is None
        assert twins.value(weights) is None
        assert (weights.max().item(), bool(weights.isnan().any())) == (1.0, False)
        assert weights[weights > 0].shape == (6,)
        assert torch.zeros(10**6, 10**6).is_meta


def test_most_of_the_catalogue_runs() -> None:
    failures = {}
    for model_type in SAMPLE.split():
        config = configured(model_type, repairs().get(model_type, {}).get("values", {}))
        trace = trace_shapes(on_meta(class_names(model_type)[0], config), config, SECONDS)
        if trace.failure:
            failures[model_type] = trace.failure
    assert len(failures) <= 0.15 * len(SAMPLE.split()), failures
