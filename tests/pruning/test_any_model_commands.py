"""The commands on models that are no decoders: inspect prints what is there, prune and evaluate read what it reads."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from pruning.__main__ import app
from pruning.checkpoint import write_weights
from pruning.errors import UnsupportedModelError
from pruning.models import empty_model, load_model, model_class
from tests.pruning.architectures import build_tiny

NAMES = ("bert", "vit", "whisper", "qwen2_moe", "albert")


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoints of some architectures."""
    place = tmp_path_factory.mktemp("architectures")
    for name in NAMES:
        write_weights(build_tiny(name), place / name, torch.float32)
    return {name: place / name for name in NAMES}


def test_inspect_prints_all_stacks_heads_experts_and_ties(folders: dict[str, Path]) -> None:
    whisper = call("inspect", folders["whisper"]).stdout
    for line in (
        "WhisperForConditionalGeneration, reads input_features",
        "encoder          model.encoder.layers, 2 layers",
        "decoder (main)   model.decoder.layers, 2 layers",
        "  positions      learned",
        "model.decoder.layers.0.encoder_attn (cross, split): 2 heads of 16, with biases",
        "tied             model.decoder.embed_tokens.weight = proj_out.weight",
        f"{'depth-last':<26} fits",
    ):
        assert line in whisper
    experts = call("inspect", folders["qwen2_moe"]).stdout
    assert "4 heads of 8, 2 key-value heads" in experts
    assert "4 of 24 neurons, stacked in gate_up_proj and down_proj, 2 a token, beside one of 40" in experts
    assert "router model.layers.1.mlp.gate" in experts
    assert "is a mixture of 4 experts" in experts
    assert "1 layers, run as 2" in call("inspect", folders["albert"]).stdout
    seen = json.loads(call("inspect", folders["vit"], "--json").stdout)
    assert (seen["inputs"], seen["stacks"][0]["name"], seen["stacks"][0]["gated"]) == (
        ["pixel_values"],
        "encoder",
        False,
    )


@pytest.mark.parametrize("name", NAMES)
def test_prune_saves_and_evaluate_measures(folders: dict[str, Path], name: str, tmp_path: Path) -> None:
    output = tmp_path / "out"
    base = folders[name]
    pruned = call(
        "prune", base, "--method", "magnitude", "--ratio", "0.25", "--output", output, "--latency-repeats", "1"
    )
    assert pruned.exit_code == 0, pruned.stderr
    measured = call("evaluate", output, "--against", base, "--latency-repeats", "1", "--json")
    assert measured.exit_code == 0, measured.stderr
    numbers = json.loads(measured.stdout.splitlines()[-1])["models"]
    assert numbers["out"]["removed_fraction"] == pytest.approx(0.25, abs=0.01)
    assert "perplexity" not in numbers["out"]


def test_a_checkpoint_loads_as_what_its_config_names(folders: dict[str, Path]) -> None:
    for name, folder in folders.items():
        dense: Any = build_tiny(name)
        loaded = load_model(folder)
        assert type(loaded) is type(dense)
        expected, found = dense.state_dict(), loaded.state_dict()
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_the_class_without_a_name_in_the_config() -> None:
    from transformers import AutoConfig, PreTrainedConfig

    for model_type, expected in (
        ("bert", "BertForMaskedLM"),
        ("bart", "BartForConditionalGeneration"),
        ("llama", "LlamaForCausalLM"),
        ("vit", "ViTForImageClassification"),
        ("whisper", "WhisperForConditionalGeneration"),
    ):
        assert model_class(AutoConfig.for_model(model_type)).__name__ == expected
    named = AutoConfig.for_model("bert", architectures=["BertForTokenClassification"])
    assert model_class(named).__name__ == "BertForTokenClassification"
    for foreign in (["LlamaForCausalLM"], ["os.system"], ["AutoConfig"], ["pipeline"]):
        assert model_class(AutoConfig.for_model("bert", architectures=foreign)).__name__ == "BertForMaskedLM"
    with pytest.raises(UnsupportedModelError, match="looked for a class of the installed transformers"):
        model_class(PreTrainedConfig())
    with pytest.raises(UnsupportedModelError, match="cannot build BertForMaskedLM"):
        empty_model(AutoConfig.for_model("bert", hidden_size=30, num_attention_heads=4))
