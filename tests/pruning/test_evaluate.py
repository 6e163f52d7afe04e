"""`pruning.evaluate`: models and texts as users have them."""

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from pipeline.errors import UsageError
from pruning import benchmark, evaluate
from pruning.evaluation.observe import Extras
from pruning.models import load_tokenizer
from pruning.texts import context_of, reference_text
from tests.pruning.architectures import build_tiny

WINDOWS = [[(7 * window + place) % 50 + 5 for place in range(12)] for window in range(3)]


def test_evaluate_takes_names_and_words(checkpoints: dict[str, Path]) -> None:
    folder = checkpoints["opt"]
    found = evaluate(folder, "reference", repeats=1)
    assert "excess_loss" in found
    tokenizer: Any = load_tokenizer(folder)
    words = " ".join(tokenizer.decode(window) for window in reference_text("train", 2, 48).windows)
    ids = tokenizer(words, add_special_tokens=False)["input_ids"]
    cut = [ids[first : first + 16] for first in range(0, len(ids) - 15, 16)]
    assert (
        evaluate(folder, words, window_tokens=16, repeats=1)["perplexity"]
        == evaluate(folder, cut, repeats=1)["perplexity"]
    )


def test_evaluate_computes_in_fp32_whatever_the_weights_are_stored_in(tmp_path: Path) -> None:
    model = build_tiny("llama").to(torch.bfloat16)
    model.save_pretrained(tmp_path)
    wide = copy.deepcopy(model).float()
    mine, other = (evaluate(each, WINDOWS, dense=each, repeats=1) for each in (model, wide))
    for name in ("perplexity", "kl", "nonzeros", "peak_memory", "sampled_perplexity"):
        assert mine[name] == other[name]
    assert mine["bytes"].value == sum(file.stat().st_size for file in tmp_path.glob("*.safetensors"))
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.bfloat16}
    assert evaluate(tmp_path, WINDOWS, dense=tmp_path, repeats=1)["loss_increase"].value == 0
    with pytest.raises(UsageError, match="repeats: expected at least 1"):
        evaluate(model, WINDOWS, repeats=0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"tokenizer": "gpt2"}, "tokenizer: expected one in memory, .* got str"),
        ({"dense": "another vocabulary"}, r"dense: expected a model with the same vocabulary, of \d+ tokens, got 3"),
        ({"dense": "bert"}, "dense: expected a model that predicts the next token, got BertForMaskedLM"),
    ],
)
def test_what_a_model_cannot_be_compared_with(arguments: dict[str, Any], words: str) -> None:
    model = build_tiny("llama")
    beside = {"another vocabulary": copy.deepcopy(model), "bert": build_tiny("bert")}
    beside["another vocabulary"].resize_token_embeddings(3)
    given = {name: beside.get(value, value) for name, value in arguments.items()}
    with pytest.raises(UsageError, match=words):
        evaluate(model, WINDOWS, repeats=1, **given)


def test_the_tokenizer_of_a_folder_says_what_hides_a_token(tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    words = {"[MASK]": 0, "[UNK]": 1, **{f"word{number}": number for number in range(2, 40)}}
    cutter = Tokenizer(WordLevel(words, unk_token="[UNK]"))  # pyright: ignore[reportCallIssue]
    cutter.pre_tokenizer = WhitespaceSplit()  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=cutter, mask_token="[MASK]", unk_token="[UNK]")
    model = build_tiny("bert")
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    text = " ".join(f"word{2 + number * number % 38}" for number in range(64))
    expected = evaluate(model, text, tokenizer=tokenizer, window_tokens=16, repeats=1)["pseudo_perplexity"]
    assert evaluate(tmp_path, text, window_tokens=16, repeats=1)["pseudo_perplexity"] == expected
    found = benchmark(tmp_path, [], [], text, window_tokens=16, repeats=1, progress=False)
    assert found["pseudo_perplexity"].tolist() == [pytest.approx(expected.value, rel=0.5)]


@pytest.mark.parametrize("kind", ["LlamaModel", "LlamaForTokenClassification", "LlamaForSequenceClassification"])
def test_a_decoder_that_predicts_no_token_is_compared_on_noise(kind: str) -> None:
    model = getattr(transformers, kind)(build_tiny("llama").config)
    found = benchmark(model, ["magnitude"], 0.5, WINDOWS, repeats=1, progress=False)
    assert found["status"].tolist() == ["done", "done"]
    assert found["noise_cosine"].notna().tolist() == [False, True]
    assert "perplexity" not in found


def test_a_recurrent_model_is_scored_and_has_no_key_value_cache_to_time() -> None:
    config = transformers.MambaConfig(vocab_size=99, hidden_size=16, num_hidden_layers=2, state_size=4)
    found = evaluate(transformers.MambaForCausalLM(config), WINDOWS, repeats=1)
    assert "perplexity" in found
    assert "decode_latency" not in found


@pytest.mark.parametrize("shape", [(3, 32, 32), (0, 3, 32, 32)])
def test_what_are_no_pictures_is_said(shape: tuple[int, ...]) -> None:
    model = build_tiny("vit")
    with pytest.raises(UsageError, match=r"expected pictures as \(pictures, channels, height, width\), got"):
        evaluate(model, dense=model, repeats=1, extras=Extras(images=torch.zeros(shape)))


def test_a_robertas_first_positions_are_for_padding(tmp_path: Path) -> None:
    model = build_tiny("roberta")
    usable = model.config.max_position_embeddings - model.config.pad_token_id - 1
    windows = [[(7 * place) % 50 + 5 for place in range(length)] for length in (usable, usable + 1)]
    assert evaluate(model, windows[:1], mask_token=4, repeats=1)["pseudo_perplexity"].n == 1
    with pytest.raises(UsageError, match=f"the model's context of {usable} tokens, got {usable + 1}"):
        evaluate(model, windows[1:], mask_token=4, repeats=1)


@pytest.mark.parametrize(
    ("config", "tokenizer", "context"),
    [
        ({"max_position_embeddings": 514}, {"model_max_length": 512}, 512),
        ({"n_positions": 64}, {"model_max_length": int(1e30)}, 64),
        ({"n_positions": 64}, None, 64),
        ({}, {"model_max_length": 1e30}, math.inf),
        ({"max_position_embeddings": "64"}, {}, math.inf),
    ],
)
def test_the_context_is_what_config_and_tokenizer_allow(
    config: dict[str, Any], tokenizer: dict[str, Any] | None, context: float, tmp_path: Path
) -> None:
    for name, content in (("config", config), ("tokenizer_config", tokenizer)):
        if content is not None:
            (tmp_path / f"{name}.json").write_text(json.dumps(content))
    assert context_of(tmp_path) == context
