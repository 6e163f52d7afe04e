"""Sanity checks pass on what is right and fail on what is not."""

from dataclasses import replace

import pytest
import torch

from pruning.adapters.find import find_adapter
from pruning.api import prune
from pruning.evaluation.observe import count_nonzeros
from pruning.removal.records import Pruned
from pruning.sanity.counts import rounding_step, sparsity
from pruning.sanity.dense import compare_losses
from pruning.sanity.texts import gram_shares, text_apart, text_overlap
from pruning.texts import Text, reference_text
from tests.pruning.architectures import build_tiny

METHODS = ("random", "magnitude", "mlp-random", "heads-random-zero", "heads-random-remove", "depth-last", "svd")


def text(*windows: tuple[int, ...]) -> Text:
    return Text(windows, "-".join(map(str, windows)), None)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
@pytest.mark.parametrize("method", METHODS)
def test_what_a_method_says_is_found_in_the_weights_and_a_false_word_is_not(family: str, method: str) -> None:
    model = build_tiny(family)
    dense = find_adapter(model)
    before = count_nonzeros(model, dense)
    pruned = prune(model, method, 0.5)
    left = count_nonzeros(model, find_adapter(model))
    assert sparsity(pruned, dense, before, left).outcome == "ok"
    if method != "svd":
        assert sparsity(pruned, dense, before, before).outcome == "failed"
        assert sparsity(pruned, dense, before, 0).outcome == "failed"
    far = abs(pruned.achieved_ratio - 0.95) >= rounding_step(pruned.scope, dense)
    assert (sparsity(replace(pruned, asked_ratio=0.95), dense, before, left).outcome == "failed") == far


def test_a_share_that_is_off_by_less_than_a_whole_unit_is_rounding() -> None:
    model = build_tiny("llama")
    dense = find_adapter(model)
    layers = len(dense.layers)
    before = count_nonzeros(model, dense)
    pruned: Pruned = prune(model, "depth-last", 0.5)
    left = count_nonzeros(model, find_adapter(model))
    assert sparsity(replace(pruned, asked_ratio=0.5 + 0.9 / layers), dense, before, left).outcome == "ok"
    assert sparsity(replace(pruned, asked_ratio=0.5 - 1.1 / layers), dense, before, left).outcome == "failed"


def test_a_window_in_both_texts_is_found() -> None:
    first, second = (1, 2, 3), (1, 2, 4)
    assert text_apart(text(first), text(second)).outcome == "ok"
    assert text_apart(text(first, second), text(second)).outcome == "failed"


def test_the_reference_languages_splits_overlap_no_more_than_chance_and_copied_documents_are_found() -> None:
    evaluation, calibration = reference_text("evaluation", 96, 128), reference_text("calibration", 64, 128)
    independent = reference_text("evaluation", 64, 128, 1_000_000)
    assert text_overlap(calibration, evaluation, independent).outcome == "ok"
    shifted = tuple((1, *window[10:]) for window in evaluation.windows[:20])
    leaked = replace(calibration, windows=(*calibration.windows, *shifted))
    assert text_apart(leaked, evaluation).outcome == "ok"
    assert text_overlap(leaked, evaluation, independent).outcome == "failed"


def test_shares_of_runs_by_a_plain_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    windows, other = (torch.randint(2, (5, 20), generator=generator).tolist() for _ in range(2))
    expected = []
    for window in windows:
        hits = [any(window[i : i + 8] == row[j : j + 8] for row in other for j in range(13)) for i in range(13)]
        expected.append(sum(hits) / 13)
    assert gram_shares(windows, other) == pytest.approx(expected)
    assert gram_shares([[1] * 7], other) == []


def test_a_dense_number_that_does_not_come_out_again_fails() -> None:
    first, tokens = [100.0, 200.0], [50, 100]
    assert compare_losses(first, (100.0 + 1e-4, 200.0 - 1e-4), tokens).outcome == "ok"
    assert compare_losses(first, (100.0, 200.01), tokens).outcome == "failed"
    assert compare_losses(first, (101.0, 199.0), tokens).outcome == "failed"
    assert compare_losses(first, (100.0,), tokens).outcome == "failed"
