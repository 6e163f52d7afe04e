"""Healing: the loss falls, zeros stay, shapes stay, the same seed gives the same model, and it reloads."""

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from pipeline.errors import UsageError
from pruning import heal, inspect, prune
from pruning.__main__ import app
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.models import load_model, stored_dtype
from tests.pruning.architectures import build_tiny

FEW: dict[str, Any] = {"steps": 6, "learning_rate": 1e-2}


def mean_loss(model: Any, windows: Any) -> float:
    """Nats per token, one window and one token at a time."""
    total, count = 0.0, 0
    with torch.inference_mode():
        for window in windows:
            logits = model(input_ids=torch.tensor([window])).logits[0].double()
            for place, token in enumerate(window[1:]):
                total += float(logits[place].logsumexp(0) - logits[place, token])
                count += 1
    return total / count


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_healed_in_fp32_and_stays_half(
    model: Any, windows: Any, full: bool, dtype: torch.dtype
) -> None:
    model.to(dtype)
    prune(model, "mlp-maxmin", 0.5)
    dtypes = {name: each.dtype for name, each in model.state_dict().items()}
    healed = heal(model, windows, full=full, **FEW)
    assert healed.loss_after < healed.loss_before - 0.01
    assert {name: each.dtype for name, each in model.state_dict().items()} == dtypes
    assert {each.dtype for each in model.parameters()} == {dtype}


@pytest.mark.parametrize("full", [False, True])
def test_the_loss_falls_zeros_stay_and_seeds_repeat(model: Any, windows: Any, full: bool) -> None:
    prune(model, "magnitude", 0.5)
    zeros = {name: each == 0 for name, each in model.named_parameters()}
    shapes = {name: each.shape for name, each in model.named_parameters()}
    modules = [(name, type(each)) for name, each in model.named_modules()]
    other, again = copy.deepcopy(model), copy.deepcopy(model)
    before = mean_loss(model, windows)
    healed = heal(model, windows, full=full, **FEW)
    after = mean_loss(model, windows)
    assert after < before - 0.01
    assert (healed.loss_before, healed.loss_after) == (pytest.approx(before, rel=1e-5), pytest.approx(after, rel=1e-5))
    assert {name: each.shape for name, each in model.named_parameters()} == shapes
    assert [(name, type(each)) for name, each in model.named_modules()] == modules
    prunable = inspect(model).prunable
    for matrix in prunable:
        assert torch.equal(matrix.weight(model) == 0, zeros[matrix.name])
    assert healed.zeros == sum(int(zeros[matrix.name].sum()) for matrix in prunable)
    assert healed.matrices == len(prunable)
    assert f"{healed.zeros:,} weights that were zero are zero again" in healed.sentence()
    heal(again, windows, full=full, **FEW)
    heal(other, windows, full=full, seed=1, **FEW)
    states = [each.state_dict() for each in (model, again, other)]
    assert all(torch.equal(each, states[1][name]) for name, each in states[0].items())
    assert not all(torch.equal(each, states[2][name]) for name, each in states[0].items())


def test_only_the_matrices_change_unless_full(dense_models: dict[str, Any], windows: Any) -> None:
    dense = dense_models["opt"]
    added, full = copy.deepcopy(dense), copy.deepcopy(dense)
    assert "zero" not in heal(added, windows, **FEW).sentence()
    heal(full, windows, full=True, **FEW)
    prunable = {matrix.name for matrix in inspect(dense).prunable}
    before = dict(dense.named_parameters())
    changed = {name for name, each in added.named_parameters() if not torch.equal(each, before[name])}
    assert changed == prunable
    assert {name for name, each in full.named_parameters() if torch.equal(each, before[name])} < {"lm_head.weight"}


def test_stacked_experts_are_left_out_and_said() -> None:
    model = build_tiny("qwen2_moe")
    dense = copy.deepcopy(model)
    healed = heal(model, [[*range(1, 13)]], **FEW)
    experts = [matrix for matrix in inspect(dense).prunable if matrix.expert is not None]
    assert healed.left_out == len(experts) > 0
    assert f"{len(experts)} matrices of stacked experts stay as they were" in healed.sentence()
    assert all(torch.equal(matrix.weight(model), matrix.weight(dense)) for matrix in experts)


def test_what_cannot_be_healed_is_left_as_it_was(dense_models: dict[str, Any], windows: Any) -> None:
    model = copy.deepcopy(dense_models["llama"])
    bad: tuple[dict[str, Any], ...] = (
        {"steps": 0},
        {"learning_rate": 0.0},
        {"learning_rate": 2.0},
        {"learning_rate": math.nan},
    )
    for changes in bad:
        with pytest.raises(UsageError, match=f"--{next(iter(changes)).replace('_', '-')}: expected"):
            heal(model, windows, **changes)
    with pytest.raises(UsageError, match="at least two tokens"):
        heal(model, [[1]])
    for name in ("bert", "whisper"):
        with pytest.raises(UnsupportedModelError, match="healing trains causal language models"):
            heal(build_tiny(name), windows)
    dense = dense_models["llama"].state_dict()
    assert all(torch.equal(each, dense[name]) for name, each in model.state_dict().items())
    with torch.no_grad():
        model.model.norm.weight[0] = math.nan
    with pytest.raises(NotFiniteError, match="is nan before healing"):
        heal(model, windows, **FEW)


@pytest.mark.parametrize(("family", "method"), [("gpt2", "wanda"), ("llama", "mlp-maxmin")])
def test_the_command_saves_what_it_measured(
    checkpoints: dict[str, Path], family: str, method: str, tmp_path: Path
) -> None:
    base, pruned, output = checkpoints[family], tmp_path / "pruned", tmp_path / "healed"
    quick = ["--evaluation-windows", "4", "--calibration-windows", "8", "--latency-repeats", "1", "--json"]

    def call(*arguments: Any) -> dict[str, Any]:
        answer = CliRunner().invoke(app, [*map(str, arguments)])
        assert answer.exit_code == 0, answer.output
        return json.loads(answer.stdout.splitlines()[-1])

    cut = call("prune", base, "--method", method, "--ratio", "0.5", "--output", pruned, *quick)
    few = ("--steps", "6", "--learning-rate", "0.01")
    said = call("heal", pruned, "--base", base, "--output", output, *few, *quick)
    assert said["loss_after"] < said["loss_before"]
    assert said["pruned"]["perplexity"] == pytest.approx(cut["after"]["perplexity"], rel=1e-6)
    measured = call("evaluate", output, *quick[:2], *quick[4:])["models"]["healed"]
    for metric in ("perplexity", "parameters", "nonzeros", "bytes"):
        assert measured[metric] == pytest.approx(said["healed"][metric], rel=1e-6), metric
    assert measured["nonzeros"] == said["pruned"]["nonzeros"]
    assert stored_dtype(output) == torch.float16
    assert load_model(output).state_dict().keys() == load_model(pruned).state_dict().keys()
    card = (output / "README.md").read_text()
    assert card.startswith((pruned / "README.md").read_text().rstrip())
    assert "## Healed" in card
    assert "| metric | unit | pruned | healed |" in card
