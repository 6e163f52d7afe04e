"""The library as a newcomer uses it: a model of transformers, a tokenizer's answer, save_pretrained."""

from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.errors import UsageError
from pruning import choose_block, cut_block, depth_heatmap, depth_scores, evaluate, heal, prune
from pruning.depth import DepthScores
from pruning.evaluation.perplexity import PERPLEXITY
from tests.pruning.architectures import build_tiny

WINDOWS = [[1, 2, 3, 4, 5, 6, 7, 8], [8, 7, 6, 5, 4, 3]]


@pytest.fixture
def model() -> Any:
    return build_tiny("llama")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"input_ids": WINDOWS}, "such as tokenizer"),
        (["some text"], "such as tokenizer"),
        ([[1, 2], []], "at least one token id"),
        ([[1, 10**9]], "expected token ids of the model, 0 to"),
        ([[-1, 1]], "expected token ids of the model, 0 to"),
    ],
)
def test_what_are_no_windows_is_said(model: Any, given: Any, message: str) -> None:
    for use in (
        lambda: prune(model, "wanda", 0.5, calibration=given),
        lambda: evaluate(model, given, repeats=1),
        lambda: heal(model, given),
        lambda: depth_scores(model, given),
        lambda: cut_block(model, 1, 1, heal=True, windows=given),
    ):
        with pytest.raises(UsageError, match=message):
            use()


def test_windows_may_be_tensors(model: Any) -> None:
    windows: Any = torch.tensor(WINDOWS[:1])
    assert prune(model, "wanda", 0.5, calibration=windows).achieved_ratio == 0.5
    assert evaluate(model, windows, repeats=1)[PERPLEXITY.name] == evaluate(model, WINDOWS[:1], repeats=1)["perplexity"]


def test_depth_in_steps_takes_paths_as_text(model: Any, tmp_path: Path) -> None:
    scores = depth_scores(model, WINDOWS)
    scores.save(f"{tmp_path}/scores.json")
    assert DepthScores.load(f"{tmp_path}/scores.json") == scores
    depth_heatmap(scores, f"{tmp_path}/scores.png")
    block = choose_block(scores, layers=1)
    assert cut_block(model, block.start, block.layers).removal.removed == 1


def test_a_name_is_no_model_in_memory() -> None:
    with pytest.raises(UsageError, match=r"expected a model in memory, .* got str"):
        prune("llama", "magnitude", 0.5)  # pyright: ignore[reportArgumentType]
