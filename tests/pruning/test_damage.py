"""The damage meter against float64 loops, and minimal pairs against the grammar."""

import copy
import json
from itertools import islice
from math import exp
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.errors import UsageError
from pruning import inspect
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.evaluation.damage import DamageMeter
from pruning.evaluation.pairs import Pair, pair_accuracy, pairs_for, read_pairs, reference_pairs
from pruning.models import load_model, load_tokenizer
from pruning.reference.splits import split_documents
from pruning.reference.vocabulary import PLURAL, SINGULAR, VERBS, VOCABULARY, verb_form
from tests.pruning.architectures import build_tiny

Windows = tuple[tuple[int, ...], ...]


def log_probabilities(model: Any, window: tuple[int, ...]) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=torch.tensor([window])).logits[0, :-1].double().log_softmax(1)


def plain_damage(dense: Any, model: Any, windows: Windows) -> dict[str, float]:
    """Token by token, windows alone and unpadded."""
    losses, increases, divergences, agreements = [], [], [], []
    for window in windows:
        pairs = zip(log_probabilities(dense, window), log_probabilities(model, window), window[1:], strict=True)
        for before, after, token in pairs:
            losses.append(-float(after[token]))
            increases.append(float(before[token] - after[token]))
            divergences.append(sum(float(p.exp() * (p - q)) for p, q in zip(before, after, strict=True)))
            agreements.append(float(before.argmax() == after.argmax()))
    n = len(losses)
    return {
        "loss_increase": sum(increases) / n,
        "kl": sum(divergences) / n,
        "top1_agreement": sum(agreements) / n,
        "perplexity": exp(sum(losses) / n),
    }


def values(meter: DamageMeter, from_layer: int = 0) -> dict[str, float]:
    return {name: number.value for name, number in meter.measured(from_layer).items()}


def disturb(model: Any, layer: int, amount: float) -> None:
    """Change every parameter of a layer."""
    generator = torch.Generator().manual_seed(layer)
    with torch.no_grad():
        for parameter in model.get_submodule(inspect(model).layers[layer].path).parameters():
            parameter.add_(amount * torch.randn(parameter.shape, generator=generator))


def test_damage_equals_a_plain_loop(model: Any, dense_models: dict[str, Any], family: str, windows: Windows) -> None:
    few = tuple(window[:12] for window in windows[:3])
    meter = DamageMeter(model, few)
    disturb(model, 2, 0.1)
    assert values(meter) == pytest.approx(plain_damage(dense_models[family], model, few), rel=1e-4, abs=1e-6)
    assert {number.n for number in meter.measured().values()} == {3}


def test_an_unchanged_model_has_no_damage_at_all(model: Any, windows: Windows) -> None:
    found = values(DamageMeter(model, windows))
    assert (found["loss_increase"], found["kl"], found["top1_agreement"]) == (0.0, 0.0, 1.0)


def test_damage_of_a_tiny_change_is_a_small_positive_divergence(dense_models: dict[str, Any], windows: Windows) -> None:
    model = copy.deepcopy(dense_models["llama"])
    meter = DamageMeter(model, windows)
    disturb(model, 3, 1e-3)
    large = values(meter)["kl"]
    model.load_state_dict(dense_models["llama"].state_dict())
    disturb(model, 3, 1e-5)
    # A divergence is of second order in a small change; in fp32 the difference of logarithms would be noise of 1e-7.
    assert values(meter)["kl"] == pytest.approx(large * 1e-4, rel=0.2)


@pytest.mark.parametrize("kept_bytes", [0, 60_000, 1_000_000_000])
def test_starting_at_the_changed_layer_and_keeping_less_change_no_bit(
    model: Any, windows: Windows, kept_bytes: int
) -> None:
    plain = DamageMeter(model, windows)
    meter = DamageMeter(model, windows, inspect(model), kept_bytes=kept_bytes)
    for layer in (3, 2, 3, 1):
        disturb(model, layer, 0.05)
        for from_layer in {1, layer if layer != 3 else 2}:
            assert values(meter, from_layer) == values(plain)


def test_starting_late_runs_only_the_layers_from_there(dense_models: dict[str, Any], windows: Windows) -> None:
    model = copy.deepcopy(dense_models["llama"])
    meter = DamageMeter(model, windows)
    meter.measured(2)
    ran: list[int] = []
    for index, layer in enumerate(inspect(model).layers):
        norm = model.get_submodule(layer.norms[0])
        norm.register_forward_hook(lambda _, __, ___, index=index: ran.append(index))
    meter.measured(2)
    assert set(ran) == {2, 3}


@pytest.mark.parametrize("name", ["bert", "t5", "vit"])
def test_models_that_predict_no_next_token_are_refused(name: str) -> None:
    with pytest.raises(UnsupportedModelError, match="predicts the next token"):
        DamageMeter(build_tiny(name), ((1, 2, 3),))


def test_no_text_and_broken_models_are_errors(dense_models: dict[str, Any], windows: Windows) -> None:
    model = copy.deepcopy(dense_models["gpt2"])
    with pytest.raises(UnsupportedModelError, match="two tokens"):
        DamageMeter(model, ((5,),))
    meter = DamageMeter(model, windows)
    with torch.no_grad():
        model.get_parameter("transformer.h.1.mlp.c_fc.weight")[0, 0] = torch.nan
    with pytest.raises(NotFiniteError, match="NaN"):
        meter.measured()


def test_reference_pairs_differ_in_the_number_of_one_verb_and_are_held_out() -> None:
    pairs = reference_pairs(60)
    assert len(set(pairs)) == 60
    assert reference_pairs(10) == pairs[:10]
    forms = {(verb_form(verb, SINGULAR), verb_form(verb, PLURAL)) for verb in VERBS}
    for pair in pairs:
        changed = [(VOCABULARY[a], VOCABULARY[b]) for a, b in zip(pair.good, pair.bad, strict=True) if a != b]
        assert len(changed) == 1
        assert changed[0] in forms or changed[0][::-1] in forms
        assert VOCABULARY[pair.good[-1]] == "."
    beginnings = {pair.good[1:] for pair in pairs}
    held_out = (document.token_ids for document in islice(split_documents("evaluation"), 300))
    assert len({ids[:end] for ids in held_out for end in range(len(ids)) if ids[:end] in beginnings}) == 60


def test_the_trained_model_knows_agreement_and_a_blind_one_does_not(dense_models: dict[str, Any]) -> None:
    from pruning.reference import model_folder

    model = load_model(model_folder("llama"))
    pairs = pairs_for(model, None)
    trained, blind = pair_accuracy(model, pairs), pair_accuracy(dense_models["llama"], pairs)
    assert trained.value > 0.9
    assert 0.3 < blind.value < 0.7
    assert trained.n == len(pairs)


def test_equal_sentences_count_half(dense_models: dict[str, Any]) -> None:
    right = Pair((1, 5, 6), (1, 5, 7))
    model = dense_models["opt"]
    alone = pair_accuracy(model, [right]).value
    assert pair_accuracy(model, [Pair(right.bad, right.good)]).value == 1 - alone
    assert pair_accuracy(model, [Pair((1, 5, 6), (1, 5, 6))]).value == 0.5


def test_pairs_of_a_file_are_tokenised_by_the_model(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text(json.dumps({"good": "the dog hides", "bad": "the dog hide", "more": 1}) + "\n\n")
    tokenizer = load_tokenizer(checkpoints["llama"])
    (pair,) = read_pairs(file, tokenizer)
    assert tokenizer.decode([*pair.bad]) == "<bos> the dog hide"
    assert pairs_for(load_model(checkpoints["llama"]), str(file)) == (pair,)
    for line in ("{", "[1]", '{"good": "a b"}', '{"good": "", "bad": ""}'):
        file.write_text(line)
        with pytest.raises(UsageError, match="line 1"):
            read_pairs(file, tokenizer)
    with pytest.raises(UsageError, match="none"):
        file.write_text("")
        read_pairs(file, tokenizer)


def test_a_model_in_memory_alone_has_no_pairs(dense_models: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedModelError, match="folder"):
        pairs_for(dense_models["llama"], None)
