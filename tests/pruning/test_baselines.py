"""The baselines that look at no text, against loops over what is stored."""

import copy
from typing import Any

import numpy
import pytest
import torch

from pruning import inspect, prune
from pruning.errors import NotFiniteError
from pruning.removal.factors import factor_rank
from pruning.removal.weights import rows_of
from tests.pruning.architectures import build_tiny


@pytest.mark.parametrize("family", ["llama", "gpt2", "bloom", "gpt_neox", "opt"])
def test_the_heads_of_smallest_output_weights_go(dense_models: dict[str, Any], family: str) -> None:
    dense = dense_models[family]
    removed = prune(copy.deepcopy(dense), "heads-magnitude-remove", 0.5).removal.heads
    for layer, heads in zip(inspect(dense).layers, removed, strict=True):
        (attention,) = layer.attentions
        stored = attention.output.weight(dense).detach().double().numpy()
        columns = stored if attention.output.transposed else stored.T  # a row an input
        width = attention.head_width
        norms = [numpy.linalg.norm(columns[head * width : (head + 1) * width]) for head in range(attention.heads)]
        groups = numpy.array(norms).reshape(-1, attention.queries_per_group)
        assert len(heads) == attention.heads // 2
        if attention.queries_per_group == 1:
            assert set(heads) == set(numpy.argsort(norms, kind="stable")[: len(heads)].tolist())
        else:
            assert sum(norms[head] for head in heads) < groups.sum() / 2


@pytest.mark.parametrize("name", ["mixtral", "gpt_oss"])
def test_the_experts_of_smallest_weights_go(name: str) -> None:
    model = build_tiny(name)
    mixtures = [layer.experts for layer in inspect(model).all_layers if layer.experts]
    with torch.no_grad():
        for matrix in (matrix for experts in mixtures for matrix in experts.matrices if matrix.expert == 1):
            matrix.weight(model).mul_(0.01)
    removed = prune(model, "experts-magnitude", 0.25).removal.experts
    assert all(1 in experts for experts in removed)
    broken = build_tiny(name)
    with torch.no_grad():
        mixtures[0].matrices[0].weight(broken).fill_(float("nan"))
    with pytest.raises(NotFiniteError, match="norm of an expert"):
        prune(broken, "experts-magnitude", 0.25)


def test_a_random_subspace_keeps_a_share_of_the_energy(dense_models: dict[str, Any]) -> None:
    dense = dense_models["gpt2"]
    models = [copy.deepcopy(dense) for _ in range(3)]
    found = [prune(model, "low-rank-random", 0.5, seed=seed) for model, seed in zip(models, (0, 0, 1), strict=True)]
    assert found[0].removal == prune(copy.deepcopy(dense), "svd", 0.5).removal
    kept = []
    for matrix in inspect(dense).prunable:
        rank = factor_rank(matrix, 0.5)
        assert rank is not None
        rows, first, again, other = (
            rows_of(matrix.weight(model), matrix).detach().double().numpy() for model in (dense, *models)
        )
        assert numpy.array_equal(first, again)
        assert not numpy.allclose(first, other)
        assert numpy.linalg.matrix_rank(first, tol=1e-5) == rank
        # A projection: what is kept stands at right angles to what is lost.
        assert numpy.trace(first.T @ (rows - first)) == pytest.approx(0, abs=1e-4)
        kept.append((first**2).sum() / (rows**2).sum() - rank / matrix.outputs)
    assert abs(numpy.mean(kept)) < 0.03
