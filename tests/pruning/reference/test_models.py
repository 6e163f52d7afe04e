"""The committed models: as good as their cards say, and within 15 % of a perfect model."""

import json
import socket
import struct
from math import exp
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from pruning.reference import REFERENCE_MODELS, model_folder, prompts, windows
from pruning.reference.recipes import build_config, recipe_named

WEIGHT_BYTES_LIMIT = 9_000_000
LARGEST_RATIO = 1.15


def load(name: str) -> Any:
    """The saved float16 numbers in float32; Any, because the static type hides `generate`."""
    return AutoModelForCausalLM.from_pretrained(model_folder(name), dtype=torch.float32, local_files_only=True)


def training_record(name: str) -> dict[str, object]:
    return json.loads((model_folder(name) / "training.json").read_text())


@torch.no_grad()
def plain_loss(model: PreTrainedModel, token_ids: tuple[tuple[int, ...], ...]) -> float:
    """Nats per token, one window at a time in float64 sums, without padding."""
    total, count = 0.0, 0
    for window in token_ids:
        log_probabilities = model(input_ids=torch.tensor([window])).logits[0].double().log_softmax(-1)
        total -= float(log_probabilities[range(len(window) - 1), window[1:]].sum())
        count += len(window) - 1
    return total / count


@pytest.mark.parametrize("name", REFERENCE_MODELS)
def test_perplexity_is_near_the_floor_and_as_recorded(name: str) -> None:
    record = training_record(name)
    text = windows("evaluation", 256)
    assert record["evaluation_text_hash"] == text.text_hash
    assert record["evaluation_floor"] == pytest.approx(text.floor_nats_per_token, rel=1e-9)
    few = windows("evaluation", 48)
    loss = plain_loss(load(name), few.token_ids)
    assert exp(loss - few.floor_nats_per_token) <= LARGEST_RATIO
    assert record["evaluation_loss"] == pytest.approx(loss, abs=0.05)  # the record is over all 256 windows
    assert exp(float(str(record["evaluation_loss"])) - text.floor_nats_per_token) <= LARGEST_RATIO


def test_recorded_loss_is_measured_again() -> None:
    record = training_record("llama")
    loss = plain_loss(load("llama"), windows("evaluation", 256).token_ids)
    assert record["evaluation_loss"] == pytest.approx(loss, abs=1e-4)


@pytest.mark.parametrize("name", REFERENCE_MODELS)
def test_card_shows_the_record(name: str) -> None:
    card = (model_folder(name) / "README.md").read_text()
    record = training_record(name)
    for key in ("untrained_loss", "evaluation_loss", "evaluation_floor"):
        assert f"{record[key]:.4f}" in card
    assert f"{record['parameters']:,} parameters" in card
    assert f"{record['weight_bytes']:,} bytes" in card
    assert record["weight_bytes"] == (model_folder(name) / "model.safetensors").stat().st_size


@pytest.mark.parametrize("name", REFERENCE_MODELS)
def test_shape_is_that_of_the_recipe(name: str) -> None:
    recipe = recipe_named(name)
    config = AutoConfig.from_pretrained(model_folder(name), local_files_only=True)
    assert config.model_type == recipe.model_type
    assert config.num_hidden_layers >= 8
    assert config.dtype == torch.float16
    saved, asked = config.to_dict(), build_config(recipe).to_dict()
    # What saving adds or states anew.
    for field in saved.keys() - {"architectures", "dtype", "_name_or_path", "transformers_version"}:
        assert saved[field] == asked[field], field


def test_llama_shares_key_value_heads() -> None:
    config = AutoConfig.from_pretrained(model_folder("llama"), local_files_only=True)
    assert config.num_key_value_heads < config.num_attention_heads


def test_weights_are_small_and_float16() -> None:
    files = [model_folder(name) / "model.safetensors" for name in REFERENCE_MODELS]
    assert sum(path.stat().st_size for path in files) <= WEIGHT_BYTES_LIMIT
    for path in files:
        assert tensor_types(path) == {"F16"}


def tensor_types(path: Path) -> set[str]:
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    return {tensor["dtype"] for key, tensor in header.items() if key != "__metadata__"}


@pytest.mark.parametrize("name", REFERENCE_MODELS)
def test_no_trace_of_the_machine(name: str) -> None:
    for path in model_folder(name).iterdir():
        if path.suffix in (".json", ".md"):
            text = path.read_text()
            assert not any(trace in text for trace in ("/home/", "/root", "/tmp", "/work", socket.gethostname()))


@pytest.mark.parametrize("name", REFERENCE_MODELS)
def test_generation_ends_and_speaks_the_language(name: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model_folder(name), local_files_only=True)
    model = load(name)
    for prompt in prompts(2):
        inputs = tokenizer(prompt, return_tensors="pt")
        cached = model.generate(**inputs, do_sample=False)
        uncached = model.generate(**inputs, do_sample=False, use_cache=False)
        assert torch.equal(cached, uncached)
        assert int(cached[0, -1]) == tokenizer.eos_token_id
        assert tokenizer.decode(cached[0], skip_special_tokens=True).startswith(prompt)
