"""Structures against models that transformers builds on its own."""

from collections import Counter

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.models.auto import modeling_auto

from model_extract.auto_classes import AUTO_CLASSES
from model_extract.readers.meta_device import read
from model_extract.reading import ReadRequest, Refusal, Structure
from tests.model_extract.structure_oracles import added_up, build, expanded_names, refuse

# Model type and the AutoModel class that someone would build it with, one of each way to share, nest or tie parameters.
SAMPLE = {
    "AutoModelForCausalLM": (
        "llama mistral mixtral gpt2 gpt_neox bloom opt falcon mamba mamba2 phi gemma2 qwen2_moe jamba rwkv gptj "
        "codegen mpt granite helium smollm3 olmo cohere deepseek_v3"
    ),
    "AutoModelForMaskedLM": "bert albert roberta distilbert deberta-v2 electra xlm-roberta funnel mobilebert",
    "AutoModelForSeq2SeqLM": "t5 bart mbart led longt5 switch_transformers",
    "AutoModelForSpeechSeq2Seq": "whisper speech_to_text",
    "AutoModelForImageClassification": "resnet vit swin convnext mobilenet_v2 regnet",
    "AutoModelForZeroShotImageClassification": "clip siglip",
    "AutoModelForImageTextToText": "llava blip-2",
}
WIDE = {"model_type": "llama", "hidden_size": 10**9, "intermediate_size": 10**9, "num_hidden_layers": 8}
NARROW = {**WIDE, "num_hidden_layers": 1, "num_attention_heads": 1, "head_dim": 2, "intermediate_size": 8}
CASES = [(auto, model_type) for auto, types in SAMPLE.items() for model_type in types.split()]


def oracle(auto: str, model_type: str) -> PreTrainedModel:
    import transformers

    with torch.device("meta"):
        return getattr(transformers, auto).from_config(AutoConfig.for_model(model_type), trust_remote_code=False)


@pytest.mark.parametrize(("auto", "model_type"), CASES, ids=[model_type for _, model_type in CASES])
def test_modules_and_parameters_equal_those_of_transformers(auto: str, model_type: str) -> None:
    model = oracle(auto, model_type)
    found = build({"model_type": model_type})
    assert found.architecture == type(model).__name__
    assert found.summary.n_parameters == sum(parameter.numel() for parameter in model.parameters())
    assert expanded_names([*found.modules]) == Counter(name for name, _ in model.named_modules() if name)
    assert added_up([*found.modules]) == found.summary.n_parameters
    assert found.note is None


def test_the_same_config_gives_the_same_structure_and_another_width_another() -> None:
    small = {"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4}
    assert build(small) == build(dict(reversed(small.items())))
    assert build(small).summary.structure_id != build({**small, "hidden_size": 128}).summary.structure_id
    assert build({**small, "hidden_act": "relu"}).summary.structure_id != build(small).summary.structure_id


def test_an_architecture_that_the_config_names_is_built() -> None:
    found = build({"model_type": "bert", "architectures": ["BertForTokenClassification"]})
    assert found.architecture == "BertForTokenClassification"


@pytest.mark.parametrize("name", ["Trainer", "GPT2LMHeadModel", "os.system", "NoSuchModel", "__class__", "TFBertModel"])
def test_an_architecture_that_is_none_of_the_type_is_not_touched(name: str) -> None:
    assert build({"model_type": "bert", "architectures": [name, 7]}).architecture == "BertForMaskedLM"


def test_huge_widths_cost_nothing() -> None:
    found = build({"model_type": "gpt2", "n_embd": 12_000_000, "n_head": 4, "n_layer": 1})
    assert found.summary.n_parameters > 10**15


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({}, "unknown_type"),
        ({"model_type": 7}, "unknown_type"),
        ({"model_type": "no-such-type"}, "unknown_type"),
        ({"model_type": "clip_text_model", "architectures": []}, None),
        ({"model_type": "siglip_text_model"}, "component"),
        ({"model_type": "voxtral_realtime_text"}, "component"),
        ({"model_type": "timm_backbone"}, "missing_dependency"),
        ({"model_type": "higgs_audio_v2_tokenizer"}, "missing_dependency"),
        ({"model_type": "esm"}, "incomplete_config"),
        ({"model_type": "llama", "hidden_size": "wide"}, "bad_config"),
        ({"model_type": "llama", "num_attention_heads": 7}, "bad_config"),
        ({"model_type": "ll\ud800ama"}, "bad_config"),
        ({"model_type": "bert", "id2label": -3}, "bad_config"),
        ({"model_type": "bert", "id2label": "abc"}, "bad_config"),
        ({"model_type": "bert", "id2label": [1]}, "bad_config"),
        ({"model_type": "llama", "num_hidden_layers": -3}, "bad_config"),
        ({"model_type": "granite4_vision"}, "incomplete_config"),
        (WIDE, "config_too_big"),
        ({**NARROW, "hidden_size": 2**31 - 2}, None),
        ({**NARROW, "hidden_size": 2**31}, "config_too_big"),
        ({"model_type": "gpt2", "n_embd": 2**40, "n_head": 4, "n_layer": 1, "n_inner": 2**40}, "bad_config"),
        ({"model_type": "gpt2", "n_layer": 10**9}, "config_too_big"),
        ({"model_type": "llava", "text_config": {"model_type": "llama", "num_hidden_layers": 10**9}}, "config_too_big"),
        ({"model_type": "swin", "depths": [2, 10**9]}, "config_too_big"),
        ({"model_type": "bert", "num_labels": 10**9}, "config_too_big"),
    ],
)
def test_what_builds_nothing_says_why(config: dict, reason: str | None) -> None:
    found = read(ReadRequest(config, 100_000))
    assert (found.reason if isinstance(found, Refusal) else None) == reason


def test_missing_packages_are_named() -> None:
    assert refuse({"model_type": "timm_backbone"}).detail.startswith("[timm] ImportError")
    assert refuse({"model_type": "dinat"}).detail.startswith("[natten] ImportError")


def test_building_stops_at_the_limit_even_when_the_config_hides_its_size() -> None:
    found = refuse({"model_type": "llama"}, max_modules=50)
    assert (found.reason, "50" in found.detail) == ("config_too_big", True)


def test_keys_that_would_replace_methods_are_not_set() -> None:
    plain = {"model_type": "gpt2", "n_layer": 1}
    assert build({**plain, "to_dict": 1, "from_dict": 2, "get_text_config": "x"}) == build(plain)


def test_a_named_backbone_is_never_fetched() -> None:
    found = read(ReadRequest({"model_type": "upernet", "backbone": "microsoft/resnet-50"}, 100_000))
    assert isinstance(found, Structure | Refusal)


def test_every_table_of_transformers_is_used() -> None:
    tables = {name for name in vars(modeling_auto) if name.startswith("MODEL") and name.endswith("_NAMES")}
    assert {auto.table for auto in AUTO_CLASSES} == tables


def test_a_tied_model_counts_the_shared_embedding_once() -> None:
    config = AutoConfig.for_model("gpt2", n_layer=1)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    rows = {row.path: row for row in build({"model_type": "gpt2", "n_layer": 1}).modules}
    assert rows["lm_head"].n_parameters == 0
    assert rows["transformer.wte"].n_parameters == model.lm_head.weight.numel()


def test_an_abstract_class_is_passed_over() -> None:
    found = build({"model_type": "llama", "architectures": ["LlamaPreTrainedModel"], "num_hidden_layers": 1})
    assert (found.architecture, found.summary.n_parameters > 0) == ("LlamaForCausalLM", True)
    assert found.note is not None
    assert found.note.startswith("LlamaPreTrainedModel does not build")


def test_a_real_failure_is_named_before_that_of_an_abstract_class() -> None:
    config = {"model_type": "llama", "architectures": ["LlamaPreTrainedModel"], "num_attention_heads": 7}
    assert refuse(config).reason == "bad_config"


def test_a_part_with_only_an_abstract_class_is_a_component() -> None:
    config = {"model_type": "siglip_text_model", "architectures": ["SiglipPreTrainedModel"]}
    assert refuse(config).reason == "component"


def test_texts_that_utf8_cannot_hold_leave_the_reader_escaped() -> None:
    # A declared text that nothing is built from.
    hostile = {"model_type": "gpt_oss", "num_hidden_layers": 1, "hidden_act": "\ud800"}
    assert build(hostile).traits["activation"] == "\\ud800"


def test_a_class_that_transformers_has_not_is_told_in_the_note() -> None:
    found = build({"model_type": "gpt2", "n_layer": 1, "architectures": ["Evil\ud800\x1b[31mModel"]})
    assert found.note is not None
    assert found.note.startswith("built as GPT2LMHeadModel: transformers has no class 'Evil")
    assert found.note.isprintable()
    assert build({"model_type": "gpt2", "n_layer": 1, "architectures": ["GPT2LMHeadModel"]}).note is None


def test_memory_that_a_validator_ran_out_of_is_no_wrong_value(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import LlamaConfig

    def validate(*_: object, **__: object) -> None:
        try:
            raise MemoryError
        except MemoryError as error:
            raise ValueError("field 'hidden_size': wrong value") from error

    monkeypatch.setattr(LlamaConfig, "from_dict", validate)
    assert refuse({"model_type": "llama"}).reason == "out_of_memory"
