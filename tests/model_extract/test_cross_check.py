"""The two views of one model: real pairs that transformers writes, and made-up disagreements."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from model_extract.config import canonical_config, parse_config
from model_extract.cross_check import CrossCheck, compare
from model_extract.formats.safetensors_header import header_length, parse_header
from model_extract.formats.tensors import Tensor
from model_extract.reading import Structure
from tests.model_extract.structure_oracles import build

DECODER = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "vocab_size": 50,
}
ENCODER = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
WHISPER = {
    "d_model": 16,
    **{f"{half}_layers": 2 for half in ("encoder", "decoder")},
    **{f"{half}_attention_heads": 2 for half in ("encoder", "decoder")},
    **{f"{half}_ffn_dim": 24 for half in ("encoder", "decoder")},
    "vocab_size": 50,
    "num_mel_bins": 8,
    "max_source_positions": 16,
    "max_target_positions": 16,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}
SMALL_TOKENS = {"bos_token_id": 1, "eos_token_id": 2}
# Model type -> class, sizes, and how the file differs from what the config builds in this version of transformers.
REAL = {
    "llama": ("LlamaForCausalLM", DECODER, "agree"),
    "gpt2": (
        "GPT2LMHeadModel",
        {"n_embd": 16, "n_layer": 2, "n_head": 2, "vocab_size": 50, **SMALL_TOKENS},
        "tied_weights",
    ),
    "bert": ("BertForMaskedLM", {**ENCODER, "vocab_size": 50}, "tied_weights"),
    "t5": (
        "T5ForConditionalGeneration",
        {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2, "vocab_size": 50},
        "tied_weights",
    ),
    "mixtral": ("MixtralForCausalLM", {**DECODER, "num_local_experts": 4}, "experts_stacked"),
    "qwen3_moe": ("Qwen3MoeForCausalLM", {**DECODER, "head_dim": 8, "moe_intermediate_size": 12}, "experts_stacked"),
    "bloom": ("BloomForCausalLM", {"hidden_size": 16, "n_layer": 2, "n_head": 2, "vocab_size": 50}, "tied_weights"),
    "opt": (
        "OPTForCausalLM",
        {**ENCODER, "ffn_dim": 24, "vocab_size": 50, "word_embed_proj_dim": 16},
        "tied_weights",
    ),
    "vit": ("ViTForImageClassification", {**ENCODER, "image_size": 8, "patch_size": 4}, "prefix"),
    "whisper": ("WhisperForConditionalGeneration", WHISPER, "tied_weights"),
    "gpt_neox": ("GPTNeoXForCausalLM", {**ENCODER, "vocab_size": 50, **SMALL_TOKENS}, "prefix"),
    "mamba": ("MambaForCausalLM", {"hidden_size": 16, "num_hidden_layers": 2, "vocab_size": 50}, "tied_weights"),
    "resnet": ("ResNetForImageClassification", {"embedding_size": 8, "hidden_sizes": [8], "depths": [2]}, "agree"),
}


def saved(model: PreTrainedModel) -> tuple[dict, tuple[Tensor, ...]]:
    """Return config and tensors as `save_pretrained` writes them."""
    with TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        config = canonical_config(parse_config((Path(folder) / "config.json").read_bytes()))
        content = (Path(folder) / "model.safetensors").read_bytes()
    end = 8 + header_length(content)
    return config, parse_header(content[8:end], len(content)).tensors


@cache
def pair(model_type: str) -> tuple[Structure, tuple[Tensor, ...]]:
    class_name, sizes, _ = REAL[model_type]
    model_class = getattr(transformers, class_name)
    config, tensors = saved(model_class(AutoConfig.for_model(model_type, **sizes)))
    return build(config), tensors


def checked(config: Structure, header: tuple[Tensor, ...] | list[Tensor], **flags: bool) -> CrossCheck:
    return compare(config, header, **{"own_code": False, "quantised": False, **flags})


@pytest.mark.parametrize("model_type", REAL)
def test_a_file_that_the_library_wrote_is_explained(model_type: str) -> None:
    config, header = pair(model_type)
    found = checked(config, header)
    assert found.verdict == REAL[model_type][2], found.detail
    assert found.shared + found.only_header == len(header) - sum("running_" in tensor.name for tensor in header) - sum(
        "num_batches" in tensor.name for tensor in header
    )
    assert (found.detail == "") == (found.only_config == found.only_header == 0)
    assert checked(config, header[::-1]).verdict == found.verdict


def test_a_worked_example_counts_and_names_what_differs() -> None:
    config, header = pair("gpt2")
    assert checked(config, header) == CrossCheck(
        "tied_weights", len(header), 1, 0, "1 in the config alone: lm_head.weight [50, 16]"
    )


def renamed(tensors: tuple[Tensor, ...], change: Callable[[str], str]) -> list[Tensor]:
    return [tensor._replace(name=change(tensor.name)) for tensor in tensors]


def without(tensors: tuple[Tensor, ...] | list[Tensor], word: str) -> list[Tensor]:
    return [tensor for tensor in tensors if word not in tensor.name]


@pytest.mark.parametrize(
    "change",
    [
        lambda name: f"module.{name}",
        lambda name: f"base_model.model.{name}",
        lambda name: name.removeprefix("model."),
        lambda name: name.replace("model.", "transformer.", 1),
        lambda name: name.replace("model.", "language_model.model.", 1),
    ],
    ids=["wrapped", "wrapped twice", "bare", "other root", "inside"],
)
def test_another_root_is_a_prefix(change: Callable[[str], str]) -> None:
    config, header = pair("llama")
    assert checked(config, renamed(header, change)).verdict == "prefix"


def test_a_base_model_without_its_head_is_a_prefix() -> None:
    config, header = pair("llama")
    base = renamed(tuple(without(header, "lm_head")), lambda name: name.removeprefix("model."))
    assert checked(config, base).verdict == "prefix"
    # With a layer missing it is no longer the same model.
    assert checked(config, without(base, "layers.1.")).verdict == "other"


def test_a_head_that_the_base_model_lacks_is_a_prefix() -> None:
    base = build({"model_type": "llama", "architectures": ["LlamaModel"], **DECODER})
    _, header = pair("llama")
    assert checked(base, header).verdict == "prefix"


def test_untied_weights_that_are_missing_are_not_explained() -> None:
    config, header = pair("llama")
    found = checked(config, without(header, "lm_head"))
    assert (found.verdict, found.only_config, found.detail) == (
        "other",
        1,
        "1 in the config alone: lm_head.weight [50, 16]",
    )


def test_any_one_of_several_tied_weights_is_enough() -> None:
    config, header = pair("t5")
    moved = renamed(header, lambda name: "decoder.embed_tokens.weight" if name == "shared.weight" else name)
    assert checked(config, moved).verdict == "tied_weights"
    # What is tied to nothing in the file is missing.
    assert checked(config, without(header, "shared")).verdict == "other"


def test_buffers_of_other_versions_do_not_count() -> None:
    config, header = pair("llama")
    buffers = [
        Tensor("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", (4,)),
        Tensor("model.embeddings.position_ids", "I64", (1, 32)),
        Tensor("model.layers.0.self_attn.bias", "U8", (1, 1, 32, 32)),
    ]
    assert checked(config, [*header, *buffers]) == checked(config, header)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: [*header, Tensor("model.layers.2.self_attn.q_proj.weight", "F32", (16, 16))],
        lambda header: [header[0]._replace(shape=(*header[0].shape, 2)), *header[1:]],
        lambda header: header[1:],
        lambda header: [Tensor("a.weight", "F32", (3,))],
        lambda header: [],
    ],
    ids=["more", "another shape", "less", "alien", "nothing"],
)
def test_what_nothing_explains_is_put_down_to_what_the_config_says(change: Callable) -> None:
    config, header = pair("llama")
    changed = change(list(header))
    found = checked(config, changed)
    assert (found.verdict, found.shared + found.only_header) == ("other", len(changed))
    assert found.detail
    assert checked(config, changed, own_code=True).verdict == "custom_code"
    assert checked(config, changed, quantised=True).verdict == "quantised"
    assert checked(config, changed, quantised=True, own_code=True).verdict == "custom_code"


def test_what_the_config_says_does_not_touch_agreement() -> None:
    config, header = pair("llama")
    assert checked(config, header, own_code=True, quantised=True).verdict == "agree"


def gptq(tensor: Tensor) -> list[Tensor]:
    if "_proj" not in tensor.name:
        return [tensor]
    module, (rows, columns) = tensor.name.removesuffix(".weight"), tensor.shape
    return [
        Tensor(f"{module}.qweight", "I32", (columns // 8, rows)),
        Tensor(f"{module}.qzeros", "I32", (1, rows // 8)),
        Tensor(f"{module}.scales", "F16", (1, rows)),
        Tensor(f"{module}.g_idx", "I32", (columns,)),
        Tensor(f"{module}.bias", "F16", (rows,)),
    ]


def nf4(tensor: Tensor) -> list[Tensor]:
    if "_proj" not in tensor.name:
        return [tensor]
    helpers = [Tensor(f"{tensor.name}.{name}", "F32", (16,)) for name in ("absmax", "quant_map")]
    state = Tensor(f"{tensor.name}.quant_state.bitsandbytes__nf4", "U8", (80,))
    return [tensor._replace(dtype="U8", shape=(tensor.shape[0] * tensor.shape[1] // 2, 1)), *helpers, state]


def fp8(tensor: Tensor) -> list[Tensor]:
    if "_proj" not in tensor.name:
        return [tensor]
    return [tensor._replace(dtype="F8_E4M3"), Tensor(f"{tensor.name}_scale_inv", "F32", (1, 1))]


@pytest.mark.parametrize("quantise", [gptq, nf4, fp8])
def test_quantised_weights_are_known_without_the_configs_word(quantise: Callable[[Tensor], list[Tensor]]) -> None:
    config, header = pair("llama")
    stored = [part for tensor in header for part in quantise(tensor)]
    assert checked(config, stored).verdict == "quantised"
    # Packing explains the form of weights, not that some are missing.
    assert checked(config, without(stored, "layers.1.")).verdict == "other"


def test_quantised_experts_are_both() -> None:
    config, header = pair("mixtral")
    stored = []
    for tensor in header:
        is_expert = ".experts." in tensor.name
        stored += [tensor._replace(dtype="F8_E4M3")] if is_expert else [tensor]
        stored += [Tensor(f"{tensor.name}_scale_inv", "F32", (1, 1))] if is_expert else []
    assert checked(config, stored).verdict == "quantised"


def test_experts_are_compared_in_number_and_size() -> None:
    config, header = pair("mixtral")
    assert checked(config, without(header, "experts.3.")).verdict == "other"
    wider = [tensor._replace(shape=(16, 25)) if "w2" in tensor.name else tensor for tensor in header]
    assert checked(config, wider).verdict == "other"
    assert checked(config, without(header, "layers.1.block_sparse_moe.gate")).verdict == "other"


def test_names_of_an_earlier_version_are_other_names() -> None:
    config, header = pair("bert")
    old = renamed(header, lambda name: name.replace("LayerNorm.weight", "LayerNorm.gamma"))
    assert checked(config, old).verdict == "prefix"
    # As many of the same shapes, but in another layer: no.
    swapped = renamed(header, lambda name: name.replace("layer.1.intermediate.dense.weight", "layer.0.more.weight"))
    assert checked(config, swapped).verdict == "other"


def test_the_detail_stays_short() -> None:
    config, _ = pair("llama")
    aliens = [Tensor("x" * 900 + f".{n}.weight", "F32", (n,)) for n in range(50)]
    detail = checked(config, aliens).detail
    assert detail.count(", ...") == 2
    assert len(detail) < 1000


def test_parameters_of_nested_runs_are_written_out() -> None:
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **{**DECODER, "num_hidden_layers": 12}))
    config, tensors = saved(model)
    structure = build(config)
    assert any(row.path == "model.layers.0-11" for row in structure.modules)
    found = checked(structure, tensors)
    assert (found.verdict, found.shared) == ("agree", len(list(model.state_dict())))
    assert json.loads(json.dumps(vars(found))) == vars(found)
