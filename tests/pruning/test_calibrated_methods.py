"""Wanda, SparseGPT, global magnitude and N:M patterns against float64 loops, dense solutions and worked examples."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.settings import load_settings
from pruning import inspect, prune
from pruning.adapters import Projection
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.experiments.plan import make_plan
from pruning.methods import METHODS
from pruning.methods.sparsegpt import inverse_factor, prune_columns
from pruning.methods.wanda import wanda_mask
from pruning.removal.selection import (
    FOUR_OF_EIGHT,
    TWO_OF_FOUR,
    Pattern,
    find_cut,
    lowest_in_groups,
    lowest_in_rows,
)
from store import Store
from store.records import NameRecord, RepresentativeRecord, SightingRecord

NAMES = ("random", "magnitude", "wanda", "sparsegpt")
PATTERNS = (TWO_OF_FOUR, FOUR_OF_EIGHT)
patterns = pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
# Few different values, so that most draws have ties.
coarse_rows = st.integers(1, 4).flatmap(
    lambda groups: st.lists(
        st.lists(st.integers(-2, 2), min_size=8 * groups, max_size=8 * groups), min_size=1, max_size=4
    )
)


def rows(weight: torch.Tensor, matrix: Projection) -> torch.Tensor:
    return weight.detach().T if matrix.transposed else weight.detach()


def matrices(model: Any) -> Iterator[tuple[Projection, torch.Tensor]]:
    for matrix in inspect(model).prunable:
        yield matrix, rows(model.get_parameter(f"{matrix.path}.weight"), matrix)


def first_of(scores: list[float], count: int) -> set[int]:
    return set(sorted(range(len(scores)), key=lambda place: (scores[place], place))[:count])


def check_lowest(chosen: set[int], scores: list[float], count: int) -> int:
    """Check a choice by fp32 scores against scores in float64; return how many lie too near the cut to be told apart.

    fp32 rounds every activation and the sum of their squares: 1e-5 is some ten times what was seen between the two.
    """
    cut = sorted(scores)[count - 1]
    below = {place for place, score in enumerate(scores) if score < cut * (1 - 1e-5)}
    near = {place for place, score in enumerate(scores) if abs(score - cut) <= cut * 1e-5}
    assert len(chosen) == count
    assert below <= chosen <= below | near
    return len(near) - 1


def inputs_of(model: Any, paths: list[str], windows: Any) -> dict[str, torch.Tensor]:
    """Return all inputs of some matrices over the windows, one at a time: (tokens, features), float64."""
    seen: dict[str, list[torch.Tensor]] = {path: [] for path in paths}
    handles = [
        model.get_submodule(path).register_forward_pre_hook(
            lambda _, arguments, path=path: seen[path].append(arguments[0].double().flatten(0, -2))
        )
        for path in paths
    ]
    with torch.no_grad():
        for window in windows:
            model(input_ids=torch.tensor([window]), use_cache=False)
    for handle in handles:
        handle.remove()
    return {path: torch.cat(found) for path, found in seen.items()}


@given(coarse_rows, st.data())
def test_selection_in_rows_and_groups_is_a_stable_sort(values: list[list[int]], data: st.DataObject) -> None:
    scores = torch.tensor(values, dtype=torch.float32)
    count = data.draw(st.integers(0, scores.shape[1]))
    for row, mask in zip(values, lowest_in_rows(scores, count, "test"), strict=True):
        assert set(mask.nonzero().squeeze(1).tolist()) == first_of(list(map(float, row)), count)
    for pattern in PATTERNS:
        for row, mask in zip(values, lowest_in_groups(scores, pattern, "test").tolist(), strict=True):
            for start in range(0, len(row), pattern.group):
                expected = first_of(list(map(float, row[start : start + pattern.group])), pattern.zeros)
                assert {place for place in range(pattern.group) if mask[start + place]} == expected


@patterns
def test_groups_of_a_matrix_that_is_cut_in_pieces(pattern: Pattern, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = torch.randn(7, 64)
    whole = lowest_in_groups(scores, pattern, "test")
    monkeypatch.setattr("pruning.removal.selection._GROUPED_AT_ONCE", 128)
    assert torch.equal(lowest_in_groups(scores, pattern, "test"), whole)
    assert torch.equal(lowest_in_groups(scores.T.contiguous().T, pattern, "test"), whole)


@given(coarse_rows, st.sampled_from([0.001, 1.0, 300.0]), st.data())
def test_the_global_cut_selects_the_count(values: list[list[int]], scale: float, data: st.DataObject) -> None:
    tensors = [torch.tensor(row, dtype=torch.float32) * scale for row in values]
    sizes = sorted(float(size) for tensor in tensors for size in tensor.abs())
    count = data.draw(st.integers(1, len(sizes)))
    cut = find_cut(lambda: tensors, count)
    assert cut.value == sizes[count - 1]
    assert cut.ties == count - sum(size < cut.value for size in sizes)


def test_wanda_on_the_worked_example() -> None:
    weight = torch.tensor([[1.0, -2.0, 3.0, -4.0], [4.0, 3.0, -2.0, 1.0]])
    mask = wanda_mask(weight, torch.tensor([4.0, 3.0, 2.0, 1.0]) ** 2, 0.5, None, "example")
    assert [row.nonzero().squeeze(1).tolist() for row in mask] == [[0, 3], [2, 3]]


@pytest.mark.parametrize("ratio", [0.3, 0.5])
def test_wanda_equals_the_loop_and_every_row_has_its_zeros(model: Any, windows: Any, ratio: float) -> None:
    dense = copy.deepcopy(model)
    pruned = prune(model, "wanda", ratio, calibration=windows)
    first = inspect(dense).layers[0]
    inputs = inputs_of(dense, [matrix.path for matrix in first.matrices], windows)
    near = 0
    for matrix in first.matrices:
        name = f"{matrix.path}.weight"
        norms = (inputs[matrix.path] ** 2).sum(0).sqrt().tolist()
        before, after = rows(dense.get_parameter(name), matrix), rows(model.get_parameter(name), matrix)
        for weights, left in zip(before.double().tolist(), after, strict=True):
            scores = [abs(weight) * norm for weight, norm in zip(weights, norms, strict=True)]
            gone = set((left == 0).nonzero().squeeze(1).tolist())
            near += check_lowest(gone, scores, int(ratio * len(scores) + 1e-9))
        assert torch.equal(after[after != 0], before[after != 0])
    assert near <= 0.002 * sum(matrix.outputs for matrix in first.matrices) + 1
    for matrix, weight in matrices(model):
        assert set((weight == 0).sum(1).tolist()) == {int(ratio * matrix.inputs + 1e-9)}
    assert pruned.removal.removed == sum(int((weight == 0).sum()) for _, weight in matrices(model))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("method", ["wanda", "sparsegpt", "magnitude", "magnitude-global", "wanda-2:4"])
def test_half_precision_weights(dense_models: dict[str, Any], windows: Any, dtype: torch.dtype, method: str) -> None:
    """Coarse weights have many ties; counts stay exact, and no minus zero is left."""
    model = copy.deepcopy(dense_models["llama"]).to(dtype)
    pruned = prune(model, method, 0.5, calibration=windows)
    zeros = sum(int((weight == 0).sum()) for _, weight in matrices(model))
    assert zeros == pruned.removal.removed == pruned.removal.total // 2
    assert not any((torch.signbit(weight) & (weight == 0)).any() for _, weight in matrices(model))
    assert {weight.dtype for _, weight in matrices(model)} == {dtype}


def test_global_magnitude_equals_the_loop_with_ties_in_order(model: Any) -> None:
    with torch.no_grad():
        for matrix in inspect(model).prunable:
            weight = model.get_parameter(f"{matrix.path}.weight")
            weight.copy_((weight * 8).round() / 8 + 1 / 16)  # a grid without 0
    stored = [model.get_parameter(f"{matrix.path}.weight") for matrix in inspect(model).prunable]
    sizes = [value for weight in stored for value in weight.detach().double().abs().flatten().tolist()]
    gone = first_of(sizes, int(0.3 * len(sizes) + 1e-9))
    pruned = prune(model, "magnitude-global", 0.3)
    after = torch.cat([weight.detach().flatten() for weight in stored])
    assert set((after == 0).nonzero().squeeze(1).tolist()) == gone
    assert pruned.removal.removed == len(gone)


def test_global_magnitude_of_nan_is_an_error_before_anything_changes(model: Any) -> None:
    matrix = inspect(model).prunable[-1]
    with torch.no_grad():
        model.get_parameter(f"{matrix.path}.weight")[0, 0] = float("nan")
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(NotFiniteError, match=matrix.path):
        prune(model, "magnitude-global", 0.5)
    assert all(torch.equal(before[name].nan_to_num(), each.nan_to_num()) for name, each in model.state_dict().items())


@patterns
@pytest.mark.parametrize("name", NAMES)
def test_patterns_hold_in_every_group_of_inputs(model: Any, windows: Any, name: str, pattern: Pattern) -> None:
    dense = copy.deepcopy(model)
    pruned = prune(model, f"{name}-{pattern.name}", 0.5, calibration=windows, seed=3)
    for (matrix, before), (_, after) in zip(matrices(dense), matrices(model), strict=True):
        groups = (after == 0).reshape(-1, pattern.group)
        assert set(groups.sum(1).tolist()) == {pattern.zeros}, matrix.path
        if name == "magnitude":
            kept = before.abs().masked_fill(after == 0, float("inf")).reshape(-1, pattern.group).amin(1)
            gone = before.abs().masked_fill(after != 0, 0).reshape(-1, pattern.group).amax(1)
            assert (gone <= kept).all()
    assert pruned.achieved_ratio == 0.5


def exact_obs(weight: torch.Tensor, hessian: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Remove masked weights column by column, each time solving for the columns that are left, densely in float64."""
    solved = weight.double().clone()
    for column in range(len(hessian)):
        inverse = torch.linalg.inv(hessian[column:, column:])
        errors = solved[:, column] * mask[:, column] / inverse[0, 0]
        solved[:, column:] -= errors.unsqueeze(1) * inverse[0].unsqueeze(0)
    return solved.masked_fill(mask, 0)


@pytest.mark.parametrize("pattern", [None, *PATTERNS], ids=["50 %", "2:4", "4:8"])
def test_sparsegpt_equals_exact_sequential_obs_with_its_mask(pattern: Pattern | None) -> None:
    """160 columns: over one block, and over several steps inside of one."""
    generator = torch.Generator().manual_seed(5)
    tokens = torch.randn(400, 160, generator=generator) @ torch.randn(160, 160, generator=generator)
    hessian, weight = tokens.T @ tokens, torch.randn(12, 160, generator=generator)
    columns = weight.T.contiguous()
    prune_columns(columns, inverse_factor(hessian, "test"), 0.5, pattern)
    mask = columns.T == 0
    damped = hessian.double() + 0.01 * hessian.double().diagonal().mean() * torch.eye(160)
    expected = exact_obs(weight, damped, mask)
    torch.testing.assert_close(columns.T.double(), expected, rtol=1e-3, atol=1e-4)
    assert int(mask.sum()) == mask.numel() // 2
    if pattern is None:
        costs = weight[:, :128].double() ** 2 / torch.stack(
            [torch.linalg.inv(damped[column:, column:])[0, 0] for column in range(128)]
        )
        assert float(costs[mask[:, :128]].max()) < float(costs[~mask[:, :128]].min())


def test_the_factor_equals_the_dense_one_when_it_is_made_by_halves() -> None:
    """301 inputs: halved twice, unevenly; U is the upper Cholesky factor of the damped Hessian's inverse."""
    tokens = torch.randn(600, 301, generator=torch.Generator().manual_seed(6))
    hessian = (tokens.T @ tokens).double()
    damped = hessian + 0.01 * hessian.diagonal().mean() * torch.eye(301)
    expected = torch.linalg.cholesky(torch.linalg.inv(damped), upper=True)
    found = inverse_factor(hessian.float(), "test").upper
    torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=1e-6)
    broken = hessian.float()
    broken[3, 200] = broken[200, 3] = 1e6
    with pytest.raises(NotFiniteError, match="test: the second moment of its inputs is not positive definite"):
        inverse_factor(broken, "test")


def test_sparsegpt_leaves_a_smaller_error_than_wanda_and_magnitude(model: Any, windows: Any) -> None:
    """Of every matrix of the first layer, whose inputs pruning does not change before its turn."""
    dense = copy.deepcopy(model)
    layer = inspect(dense).layers[0]
    inputs = inputs_of(dense, [matrix.path for matrix in layer.matrices], windows)
    errors: dict[str, dict[str, float]] = {}
    for method in ("sparsegpt", "wanda", "magnitude"):
        pruned = copy.deepcopy(dense)
        prune(pruned, method, 0.5, calibration=windows)
        for matrix in layer.matrices:
            name = f"{matrix.path}.weight"
            change = rows(dense.get_parameter(name), matrix) - rows(pruned.get_parameter(name), matrix)
            error = float((inputs[matrix.path] @ change.double().T).square().sum())
            errors.setdefault(matrix.path, {})[method] = error
    for path, found in errors.items():
        assert found["sparsegpt"] < min(found["wanda"], found["magnitude"]), path


def test_inputs_that_are_always_zero_go_first_and_change_nothing_else() -> None:
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randn(100, 16, generator=generator)
    tokens[:, [3, 7]] = 0
    weight = torch.randn(8, 16, generator=generator)
    columns = weight.T.contiguous()
    prune_columns(columns, inverse_factor(tokens.T @ tokens, "test"), 0.125)
    assert torch.equal((columns == 0).all(1).nonzero().squeeze(1), torch.tensor([3, 7]))
    kept = [column for column in range(16) if column not in (3, 7)]
    torch.testing.assert_close(columns[kept], weight.T[kept])
    fewer = weight.T.contiguous()
    prune_columns(fewer, inverse_factor(tokens.T @ tokens, "test"), 0.0625)
    assert int((fewer == 0).sum()) == 8
    assert torch.equal(fewer[7], weight.T[7])


def test_dropout_of_a_model_in_training_is_off_while_it_is_pruned(dense_models: dict[str, Any], windows: Any) -> None:
    expected, model = (copy.deepcopy(dense_models["gpt2"]) for _ in range(2))
    model.train()
    model.transformer.h[1].eval()
    prune(expected, "wanda", 0.5, calibration=windows)
    prune(model, "wanda", 0.5, calibration=windows)
    assert all(torch.equal(one, other) for one, other in zip(expected.parameters(), model.parameters(), strict=True))
    assert [layer.training for layer in model.transformer.h] == [True, False, True, True]


def test_a_window_without_tokens_is_an_error_and_a_ratio_can_be_numpys(model: Any, windows: Any) -> None:
    with pytest.raises(UsageError, match="windows of at least one token id, got an empty one"):
        prune(model, "wanda", 0.5, calibration=[(3, 4), ()])
    assert prune(model, "wanda", numpy.float64(0.5), calibration=windows).achieved_ratio == 0.5


def test_a_pattern_knows_one_ratio_and_needs_whole_groups(build_model: Callable[..., Any], windows: Any) -> None:
    model = build_model("llama")
    with pytest.raises(UsageError, match=r"wanda-2:4 removes exactly 0\.5, got 0\.25"):
        prune(model, "wanda-2:4", 0.25, calibration=windows)
    uneven = build_model("llama", intermediate_size=66)
    before = copy.deepcopy(uneven.state_dict())
    with pytest.raises(UnsupportedModelError, match=r"inputs are a multiple of 4; .*down_proj has 66"):
        prune(uneven, "random-2:4", 0.5)
    assert all(torch.equal(before[name], tensor) for name, tensor in uneven.state_dict().items())
    assert {method.name for method in METHODS if method.fixed_ratio} == {
        f"{name}-{pattern.name}" for name in NAMES for pattern in PATTERNS
    }


def test_the_plan_tries_a_pattern_at_its_ratio_only(checkpoints: dict[str, Any]) -> None:
    with Store.open(None) as store:
        run = "20260101T000000.000000-000000"
        store.insert(
            [
                RepresentativeRecord(
                    run, "llama", "llama", "directory", "1", 1, "smallest-with-weights", True, 9, "test"
                )
            ],
            [SightingRecord(run, "llama", "directory", "1", has_weights=True, location=str(checkpoints["llama"]))],
            [NameRecord(run, "llama", "directory", "llama", "llama", None, None, None, None, "name")],
        )
        flags = {"methods": "wanda,wanda-2:4", "ratios": "0.1,0.25", "window_tokens": "64"}
        todo = make_plan(store, load_settings(flags)).todo
    found = [(each.specification.method, each.specification.ratio) for each in todo]
    assert sorted(found) == [("dense", 0.0), ("wanda", 0.1), ("wanda", 0.25), ("wanda-2:4", 0.5)]
