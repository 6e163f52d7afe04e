"""Pseudo-perplexity and agreement with the dense model: models that predict no next token."""

import copy
import math
from typing import Any

import pytest
import torch

from pruning import evaluate, prune
from pruning.errors import UnsupportedModelError
from pruning.evaluation.agreement import DRAWS, noise_inputs
from pruning.evaluation.masked import MOST_POSITIONS, chosen_positions
from pruning.evaluation.observe import Extras
from tests.pruning.architectures import ARCHITECTURES, build_tiny

WINDOWS = [[5, 9, 11, 40, 7, 8], [12, 13, 14, 15]]
MASK = 3
MASKED = ["bert", "distilbert", "deberta-v2", "modernbert"]
PREDICTING = {"perplexity", "kl", "top1_agreement", "decode_latency", "greedy_distinct_1", "loss_increase"}


@pytest.mark.parametrize("name", MASKED)
def test_pseudo_perplexity_equals_a_plain_loop(name: str) -> None:
    model = build_tiny(name)
    losses = []
    for window in WINDOWS:
        for place, token in enumerate(window):
            hidden = [*window[:place], MASK, *window[place + 1 :]]
            with torch.inference_mode():
                row = model(input_ids=torch.tensor([hidden])).logits[0, place].double()
            losses.append(float(row.exp().sum().log() - row[token]))
    numbers = evaluate(model, WINDOWS, repeats=1, mask_token=MASK)
    assert numbers["pseudo_perplexity"].value == pytest.approx(math.exp(sum(losses) / len(losses)), rel=1e-5)
    assert not PREDICTING & {*numbers}
    assert "pseudo_perplexity" not in evaluate(model, WINDOWS, repeats=1)  # nothing to hide a token with


def test_long_texts_are_sampled_evenly_and_always_alike() -> None:
    places = chosen_positions([100, 500, 900])
    assert [len(each) for each in places] == [100, MOST_POSITIONS // 3, MOST_POSITIONS // 3]
    assert all(each == tuple(sorted({*each})) for each in places)
    assert places == chosen_positions([100, 500, 900])
    assert places[1][-1] < 500
    assert [len(each) for each in chosen_positions([9] * 2000)] == [1] * 2000
    assert chosen_positions([4, 2]) == ((0, 1, 2, 3), (0, 1))


@pytest.mark.parametrize("name", ["bert", "vit", "wav2vec2", "t5", "clip", "whisper"])
def test_agreement_with_dense_on_noise(name: str) -> None:
    dense = build_tiny(name)
    itself = evaluate(copy.deepcopy(dense), dense=dense, repeats=1)
    assert itself["noise_cosine"].value == pytest.approx(1)
    assert itself["noise_top1_agreement"].value == 1
    model = copy.deepcopy(dense)
    prune(model, "magnitude", 0.5)
    numbers = evaluate(model, dense=dense, repeats=1)
    assert numbers["noise_cosine"].value < 0.9999
    assert numbers["noise_cosine"].n == DRAWS
    assert numbers["flops"].value == evaluate(dense, repeats=1)["flops"].value
    assert not PREDICTING & {*numbers}
    assert "noise_cosine" not in evaluate(dense, repeats=1)


def test_agreement_on_pictures_against_a_plain_loop() -> None:
    dense = build_tiny("vit")
    model = copy.deepcopy(dense)
    prune(model, "magnitude", 0.7)
    images = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    numbers = evaluate(model, dense=dense, repeats=1, extras=Extras(images=images))
    cosines, same = [], 0
    with torch.inference_mode():
        mine, other = (one(pixel_values=images).logits.double().tolist() for one in (model, dense))
    for one, two in zip(mine, other, strict=True):
        dot = sum(a * b for a, b in zip(one, two, strict=True))
        cosines.append(dot / math.sqrt(sum(a * a for a in one) * sum(b * b for b in two)))
        same += one.index(max(one)) == two.index(max(two))
    assert numbers["images_cosine"].value == pytest.approx(sum(cosines) / 5, rel=1e-5)
    assert numbers["images_top1_agreement"].value == same / 5
    assert "images_cosine" not in evaluate(model, dense=dense, repeats=1)


def test_pictures_are_for_models_that_see() -> None:
    dense = build_tiny("bert")
    with pytest.raises(UnsupportedModelError, match="expected a model that reads pictures"):
        evaluate(dense, dense=dense, repeats=1, extras=Extras(images=torch.rand(2, 3, 16, 16)))


def test_noise_is_drawn_anew_and_always_alike() -> None:
    for name in ("bert", "vit"):
        model = build_tiny(name)
        first, again = [*noise_inputs(model)], [*noise_inputs(model)]
        main = model.main_input_name
        assert all(torch.equal(one[main], two[main]) for one, two in zip(first, again, strict=True))
        assert len({tuple(one[main].flatten().tolist()) for one in first}) == DRAWS


@pytest.mark.parametrize("name", [*ARCHITECTURES][::6])
def test_every_architecture_has_operations_and_memory(name: str) -> None:
    numbers: Any = evaluate(build_tiny(name), repeats=1)
    assert numbers["flops"].value > 0
    assert numbers["peak_memory"].value > 4 * numbers["parameters"].value
