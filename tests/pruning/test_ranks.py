"""Ranks are those of numpy's SVD in float64; a sketch keeps what it says of itself."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pruning.redundancy import singular
from pruning.redundancy.ranks import (
    RankRange,
    effective_rank,
    explained_variance,
    factor_parameters,
    rank_range,
    relative_rank,
    relative_rank_geometric,
    stable_rank,
)
from pruning.redundancy.singular import Accuracy, Method, concatenated_spectrum, full_spectrum, spectrum

TIGHT = Accuracy(1e-12)


@st.composite
def planted(draw: st.DrawFn) -> tuple[torch.Tensor, int]:
    """Return an fp32 matrix and its rank; its singular values other than 0 lie in [1, 2]."""
    outputs, inputs = draw(st.integers(1, 30)), draw(st.integers(1, 30))
    rank = draw(st.integers(0, min(outputs, inputs)))
    return with_values(outputs, inputs, np.linspace(2, 1, rank), draw(st.integers(0, 1 << 30))).float(), rank


def with_values(outputs: int, inputs: int, values: Any, seed: int) -> torch.Tensor:
    """Return a matrix with these singular values, fp64."""
    random = np.random.default_rng(seed)
    left = np.linalg.qr(random.normal(size=(outputs, len(values))))[0]
    right = np.linalg.qr(random.normal(size=(inputs, len(values))))[0]
    return torch.from_numpy((left * values) @ right.T)


def oracle(matrix: torch.Tensor) -> Any:
    return np.linalg.svd(matrix.double().numpy(), compute_uv=False)


@given(planted(), st.sampled_from(["auto", "full", "randomised"]))
@settings(max_examples=60, deadline=None)
def test_a_planted_rank_is_found(case: tuple[torch.Tensor, int], method: Method) -> None:
    matrix, rank = case
    found = spectrum(matrix, method, TIGHT, torch.Generator().manual_seed(0))
    assert rank_range(found, tau=1.0) == RankRange(rank, rank)
    assert rank_range(found, theta=0.5) == RankRange(rank, rank)


@pytest.mark.parametrize("rank", range(13))
def test_every_rank_of_a_product_in_single_precision(rank: int) -> None:
    generator = torch.Generator().manual_seed(rank)
    matrix = torch.randn(12, rank, generator=generator) @ torch.randn(rank, 40, generator=generator)
    assert rank_range(full_spectrum(matrix), tau=1.0).most == rank == np.linalg.matrix_rank(matrix.numpy())


@given(st.integers(1, 20), st.integers(1, 20), st.floats(0.05, 0.995), st.floats(0.1, 5), st.integers(0, 1 << 30))
@settings(max_examples=60, deadline=None)
def test_all_measures_are_those_of_numpy(outputs: int, inputs: int, tau: float, theta: float, seed: int) -> None:
    matrix = torch.from_numpy(np.random.default_rng(seed).normal(size=(outputs, inputs)))
    values, found = oracle(matrix), full_spectrum(matrix)
    explained = (values**2).cumsum() / (values**2).sum()
    by_tau, by_theta = int((explained < tau).sum()) + 1, int((values >= theta).sum())
    shares = values / values.sum()
    np.testing.assert_allclose(explained_variance(found), explained, rtol=1e-10)
    assert rank_range(found, tau).most == by_tau
    assert rank_range(found, theta=theta).most == by_theta
    assert rank_range(found, tau, theta) == RankRange(min(by_tau, by_theta), min(by_tau, by_theta))
    assert effective_rank(found) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-5)
    assert stable_rank(found) == pytest.approx((values**2).sum() / values[0] ** 2)


def test_worked_example() -> None:
    found = full_spectrum(torch.diag(torch.tensor([3.0, 1.0])))
    assert explained_variance(found).tolist() == pytest.approx([0.9, 1.0])
    assert [rank_range(found, tau).most for tau in (0.5, 0.9, 0.91, 1.0)] == [1, 1, 2, 2]
    assert [rank_range(found, theta=theta).most for theta in (0.9, 2.0, 4.0)] == [2, 1, 0]
    assert rank_range(found, 0.91, 2.0).most == 1
    assert stable_rank(found) == pytest.approx(10 / 9)


@pytest.mark.parametrize("size", [10, 100])
def test_equal_values_reach_their_share(size: int) -> None:
    found = full_spectrum(with_values(size, size, np.ones(size), seed=0))
    assert rank_range(found, 0.9).most == 0.9 * size
    assert effective_rank(found) == pytest.approx(size)
    assert stable_rank(found) == pytest.approx(size)


@pytest.mark.parametrize("method", ["full", "randomised"])
def test_a_matrix_of_zeros_has_no_rank(method: Method) -> None:
    found = spectrum(torch.zeros(4, 3), method, TIGHT)
    assert rank_range(found, 0.9) == rank_range(found, 1.0) == rank_range(found, theta=0.1) == RankRange(0, 0)
    assert effective_rank(found) == stable_rank(found) == 0
    assert explained_variance(found).tolist() == [0, 0, 0]


def test_relative_forms() -> None:
    found = full_spectrum(torch.ones(2, 8))
    assert (relative_rank(1, found), relative_rank_geometric(1, found), factor_parameters(3, found)) == (0.5, 0.25, 30)


@pytest.mark.parametrize("side", ["rows", "columns"])
def test_concatenations_need_no_whole(side: str) -> None:
    parts = [torch.randn(7, 5, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]
    whole = torch.cat(parts, dim=0 if side == "rows" else 1)
    read = iter(parts if side == "rows" else [part.T for part in parts])
    found = concatenated_spectrum(read, *whole.shape)
    np.testing.assert_allclose(found.values, oracle(whole), rtol=1e-6)
    assert found.energy == pytest.approx(float(whole.double().square().sum()))


@pytest.mark.parametrize(("outputs", "inputs"), [(300, 200), (200, 300)])
@pytest.mark.parametrize("residual", [0.3, 0.05, 1e-3])
def test_a_sketch_is_within_its_bound(outputs: int, inputs: int, residual: float) -> None:
    matrix = with_values(outputs, inputs, 1 / np.arange(1, 201) ** 0.6, seed=1).float()
    true = oracle(matrix)
    found = spectrum(matrix, "randomised", Accuracy(residual), torch.Generator().manual_seed(0))
    seen = found.values.numpy()
    assert found.energy == pytest.approx((true**2).sum(), rel=1e-9)
    assert found.residual == pytest.approx(1 - (seen**2).sum() / found.energy, abs=1e-9)
    assert found.residual <= residual
    width, slack = len(seen), 1e-9
    assert (seen <= true[:width] + slack).all()
    assert (true[:width] ** 2 <= seen**2 + found.residual * found.energy + slack).all()
    for tau in (0.3, 0.5, 0.69):
        explained = (true**2).cumsum() / (true**2).sum()
        rank = rank_range(found, tau)
        assert rank.fewest <= int((explained < tau).sum()) + 1 <= rank.most
    counted = rank_range(found, theta=0.2)
    assert counted.fewest <= int((true >= 0.2).sum()) <= counted.most


def test_a_sketch_leaves_out_what_it_need_not_see() -> None:
    matrix = with_values(400, 300, 0.9 ** np.arange(300), seed=2)
    found = spectrum(matrix, "randomised", Accuracy(0.01), torch.Generator().manual_seed(0))
    assert (len(found.values), found.complete, effective_rank(found)) == (64, False, None)
    np.testing.assert_allclose(found.values[:20], oracle(matrix)[:20], rtol=1e-6)
    small = spectrum(matrix, "randomised", Accuracy(0.01, value=1e-5), torch.Generator().manual_seed(0))
    assert rank_range(small, theta=1e-5).fewest == int((oracle(matrix) >= 1e-5).sum())


def test_a_sketch_grows_to_all_values() -> None:
    matrix = torch.randn(90, 80, generator=torch.Generator().manual_seed(0))
    found = spectrum(matrix, "randomised", TIGHT, torch.Generator().manual_seed(0))
    assert found.complete
    np.testing.assert_allclose(found.values, oracle(matrix), rtol=1e-8)


def test_large_matrices_are_sketched_where_that_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(singular, "SMALL", 100)
    low = with_values(640, 600, np.ones(20), seed=3)
    assert not spectrum(low, "auto", Accuracy(0.01), torch.Generator().manual_seed(0)).complete
    assert spectrum(low, "full", Accuracy(0.01)).complete
    high = with_values(640, 600, np.ones(600), seed=4)
    found = spectrum(high, "auto", Accuracy(0.01), torch.Generator().manual_seed(0))
    assert found.complete and found.residual == 0


def test_the_generator_alone_decides() -> None:
    matrix = torch.randn(200, 150, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)
    first = spectrum(matrix, "randomised", Accuracy(0.5), torch.Generator().manual_seed(5))
    torch.manual_seed(2)
    second = spectrum(matrix, "randomised", Accuracy(0.5), torch.Generator().manual_seed(5))
    assert torch.equal(first.values, second.values)
    assert first.residual == second.residual
