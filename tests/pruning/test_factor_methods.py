"""Matrices of low rank against numpy's singular values in float64, of the weights and of their outputs."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruning import inspect, prune
from pruning.adapters import Projection
from pruning.card import model_card
from pruning.checkpoint import save_checkpoint
from pruning.errors import NotFiniteError, RatioTooSmallError
from pruning.models import load_model
from pruning.removal.factors import factor_rank, leading_outputs, projected
from pruning.removal.moments import moment_root
from pruning.streaming import Streaming, prune_checkpoint
from tests.pruning.test_calibrated_methods import inputs_of

METHODS = ("svd", "svd-activation")
SHAPES = [(12, 20), (20, 12), (16, 16)]


def low_rank(rows: Any, rank: int, root: Any = None) -> Any:
    """The matrix of a rank nearest to (outputs, inputs) in ||(W - W') F||_F."""
    return projected(rows, leading_outputs(rows, rank, root))


def tail(values: Any, rank: int) -> float:
    """Return the Frobenius norm of what a matrix of a rank can at best leave, by singular values."""
    return float(numpy.sqrt((numpy.sort(values)[::-1][rank:] ** 2).sum()))


def rows_of(model: Any, matrix: Projection) -> numpy.ndarray:
    stored = model.get_parameter(f"{matrix.path}.weight").detach().double().numpy()
    return stored.T if matrix.transposed else stored


@pytest.mark.parametrize("shape", SHAPES)
def test_the_error_is_the_tail_of_the_singular_values(shape: tuple[int, int]) -> None:
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    values = numpy.linalg.svd(weight.double().numpy(), compute_uv=False)
    for rank in (1, 4, 11):
        found = low_rank(weight, rank)
        assert numpy.linalg.matrix_rank(found.numpy()) == rank
        assert float((weight - found).norm()) == pytest.approx(tail(values, rank), rel=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dead", [0, 3], ids=["all inputs", "3 always 0"])
@pytest.mark.parametrize("tokens", [100, 7], ids=["many tokens", "few tokens"])
def test_the_error_on_the_text_is_the_tail_of_the_outputs(shape: tuple[int, int], dead: int, tokens: int) -> None:
    """Inputs of unequal size; the outputs' singular values come from W X itself, not from its second moment."""
    generator = torch.Generator().manual_seed(2)
    weight = torch.randn(shape, generator=generator)
    seen = torch.randn(tokens, shape[1], generator=generator) * torch.logspace(-1, 1, shape[1])
    seen[:, :dead] = 0
    values = numpy.linalg.svd((weight @ seen.T).double().numpy(), compute_uv=False)
    root = moment_root(seen.T @ seen)
    for rank in (1, 4, 9):
        found, plain = low_rank(weight, rank, root), low_rank(weight, rank)
        error, other = (float(((weight - each) @ seen.T.double()).norm()) for each in (found, plain))
        assert numpy.linalg.matrix_rank(found.numpy()) == rank
        assert error == pytest.approx(tail(values, rank), rel=1e-4, abs=1e-5 * float(values[0]))
        assert error <= other * (1 + 1e-6)


def test_of_matrices_equal_on_the_text_the_nearest_is_taken() -> None:
    """One input is never seen: what is left of the rank keeps its column."""
    weight = torch.diag(torch.tensor([3.0, 2.0, 1.0, 5.0]))
    moment = torch.diag(torch.tensor([1.0, 1.0, 0.0, 0.0]))
    expected = weight.clone()
    expected[2, 2] = 0
    torch.testing.assert_close(low_rank(weight, 3, moment_root(moment)), expected.double())
    torch.testing.assert_close(low_rank(weight, 2, moment_root(torch.zeros(4, 4))), low_rank(weight, 2))


@pytest.mark.parametrize("ratio", [0.2, 0.5])
def test_a_model_gets_the_ranks_and_the_errors_promised(model: Any, windows: Any, ratio: float) -> None:
    """Of the first layer, whose inputs pruning does not change: the error on the text is optimal, svd's is not."""
    dense = copy.deepcopy(model)
    first = inspect(dense).layers[0]
    inputs = inputs_of(dense, [matrix.path for matrix in first.matrices], windows)
    models = {method: copy.deepcopy(dense) for method in METHODS}
    pruned = {method: prune(models[method], method, ratio, calibration=windows) for method in METHODS}
    better = 0
    for matrix in first.matrices:
        rank = int((1 - ratio) * matrix.size / (matrix.inputs + matrix.outputs) + 1e-9)
        weight, seen = rows_of(dense, matrix), inputs[matrix.path].numpy()
        left = {method: weight - rows_of(models[method], matrix) for method in METHODS}
        plain = tail(numpy.linalg.svd(weight, compute_uv=False), rank)
        best = tail(numpy.linalg.svd(weight @ seen.T, compute_uv=False), rank)
        errors = {method: float(numpy.linalg.norm(left[method] @ seen.T)) for method in METHODS}
        assert numpy.linalg.norm(left["svd"]) == pytest.approx(plain, rel=1e-4)
        assert errors["svd-activation"] == pytest.approx(best, rel=1e-3)
        better += errors["svd"] > 1.01 * errors["svd-activation"]
    assert better == len(first.matrices)
    for each in pruned.values():
        saved = sum(
            matrix.size - int((1 - ratio) * matrix.size / (matrix.inputs + matrix.outputs) + 1e-9)
            * (matrix.inputs + matrix.outputs)
            for matrix in inspect(dense).prunable
        )  # fmt: skip
        assert each.removal.removed == saved
        assert each.achieved_ratio >= ratio
        assert not each.removal.physical
        assert "no field for factors" in each.removal.note


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_weights_are_rounded_once(dense_models: dict[str, Any], dtype: torch.dtype) -> None:
    model = copy.deepcopy(dense_models["llama"]).to(dtype)
    before = copy.deepcopy(model)
    prune(model, "svd", 0.5)
    for matrix in inspect(model).prunable:
        rank = factor_rank(matrix, 0.5)
        assert rank is not None
        expected = low_rank(matrix.weight(before).detach(), rank).to(dtype)
        assert torch.equal(matrix.weight(model), expected)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 99))
def test_the_rank_is_the_greatest_that_keeps_the_budget(outputs: int, inputs: int, percent: int) -> None:
    matrix = Projection("test", inputs, outputs, transposed=False)
    rank, allowed = factor_rank(matrix, percent / 100), (100 - percent) * outputs * inputs
    if rank is None:
        assert outputs + inputs >= outputs * inputs
    else:
        assert rank * (inputs + outputs) < outputs * inputs
        assert rank == 1 or 100 * rank * (inputs + outputs) <= allowed
        assert 100 * (rank + 1) * (inputs + outputs) > allowed


def test_matrices_too_small_for_factors_are_an_error_before_anything_changes(build_model: Callable[..., Any]) -> None:
    model = build_model(
        "llama", hidden_size=2, intermediate_size=2, num_attention_heads=1, num_key_value_heads=1, num_hidden_layers=2
    )
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(RatioTooSmallError, match=r"ratio 0.5 saves nothing; .*m \+ n < m \* n"):
        prune(model, "svd", 0.5)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("method", METHODS)
def test_a_weight_that_is_not_finite_is_an_error(dense_models: dict[str, Any], windows: Any, method: str) -> None:
    model = copy.deepcopy(dense_models["opt"])
    matrix = inspect(model).prunable[-1]
    with torch.no_grad():
        model.get_parameter(f"{matrix.path}.weight")[0, 0] = float("inf")
    with pytest.raises(NotFiniteError, match=rf"{matrix.path}\.weight: a weight"):
        prune(model, method, 0.5, calibration=windows)


@pytest.mark.parametrize("method", METHODS)
def test_it_is_read_back_and_streamed_and_never_called_smaller(
    checkpoints: dict[str, Path], windows: Any, method: str, tmp_path: Path
) -> None:
    model = load_model(checkpoints["gpt2"])
    pruned = prune(model, method, 0.4, calibration=windows)
    card = model_card("gpt2", None, pruned, {}, {})
    assert "left to dense matrices of low rank; the files are as large as before" in card
    assert "(left to dense matrices of low rank)" in pruned.sentence()
    assert "zero" not in card + pruned.sentence()
    save_checkpoint(model, checkpoints["gpt2"], tmp_path / "saved", dtype=torch.float32, card=card)
    streaming = Streaming(dtype=torch.float32)
    found = prune_checkpoint(
        checkpoints["gpt2"], tmp_path / "streamed", method, 0.4, calibration=windows, streaming=streaming
    )
    assert found == pruned
    streamed = load_model(tmp_path / "streamed").state_dict()
    for name, tensor in load_model(tmp_path / "saved").state_dict().items():
        torch.testing.assert_close(streamed[name], tensor.half().float(), rtol=2e-3, atol=1e-5)
