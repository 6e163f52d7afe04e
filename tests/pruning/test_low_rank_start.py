"""Starts of low-rank factors against singular values, losses against the text itself, and curves that fall."""

import copy
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy
import pytest
import torch

from pipeline.errors import UsageError
from pruning import inspect
from pruning.analyses import ANALYSES, Finding, Subject
from pruning.analyses.low_rank_start import LowRankStartOptions, measure_starts
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.redundancy.factor_starts import STARTS, Target
from pruning.redundancy.factor_training import OBJECTIVES, Loss, loss_curve, rate_share, recorded_steps
from pruning.removal.moments import moment_root
from tests.pruning.architectures import build_tiny
from tests.pruning.test_calibrated_methods import inputs_of
from tests.pruning.test_factor_methods import rows_of

RANK, RATE = 4, 0.03
SHORT = LowRankStartOptions(steps=3)


def drawn(shape: tuple[int, int], scale: float = 1.0) -> tuple[Target, torch.Tensor]:
    """Return a random matrix and its inputs, of unequal size: (200, features)."""
    generator = torch.Generator().manual_seed(4)
    weight = torch.randn(shape, generator=generator, dtype=torch.float64) * torch.logspace(0, -1, shape[1])
    seen = torch.randn(200, shape[1], generator=generator, dtype=torch.float64) * torch.logspace(-1, 0.5, shape[1])
    seen = seen + 0.3 * seen.roll(1, 1)
    return Target("test", scale * weight, scale * moment_root(seen.T @ seen)), seen


def curve(target: Target, start: str, objective: str = "activation", steps: int = 200, seed: int = 0) -> list[Loss]:
    return loss_curve(target, STARTS[start](target, RANK, seed), objective, steps, RATE)


def tail_share(matrix: torch.Tensor) -> float:
    squares = numpy.linalg.svd(matrix.numpy(), compute_uv=False) ** 2
    return float(squares[RANK:].sum() / squares.sum())


@pytest.mark.parametrize("shape", [(12, 20), (20, 12), (16, 16)])
def test_two_starts_are_the_best_there_are(shape: tuple[int, int]) -> None:
    """Eckart and Young: the tail of the singular values, of W and of its outputs W X."""
    target, seen = drawn(shape)
    first = {start: curve(target, start, steps=1)[0] for start in STARTS}
    assert first["svd"].tensor == pytest.approx(tail_share(target.rows), rel=1e-10)
    assert first["whitened"].activation == pytest.approx(tail_share(target.rows @ seen.T), rel=1e-8)
    assert first["whitened"].activation < 0.95 * first["svd"].activation
    assert first["svd"].tensor < 0.95 * first["whitened"].tensor
    for start in ("svd", "whitened"):
        factors = STARTS[start](target, RANK, 0)
        halves = [numpy.linalg.svd(each.numpy(), compute_uv=False) for each in (factors.outputs, factors.inputs)]
        assert halves[0] == pytest.approx(halves[1])


def test_random_factors_are_as_large_as_the_matrix() -> None:
    target, _ = drawn((60, 80), scale=7.0)
    factors = STARTS["random"](target, RANK, 0)
    square = float(target.rows.square().mean())
    assert float((factors.outputs @ factors.inputs).square().mean()) == pytest.approx(square, rel=0.3)
    assert float(factors.outputs.square().mean()) == pytest.approx(float(factors.inputs.square().mean()), rel=0.3)
    assert 1.6 < curve(target, "random", steps=1)[0].tensor < 2.4
    again, other = (STARTS["random"](target, RANK, seed) for seed in (0, 1))
    assert torch.equal(again.inputs, factors.inputs)
    assert not torch.equal(other.inputs, factors.inputs)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_curves_fall_to_the_optimum_and_not_under_it(objective: str) -> None:
    target, _ = drawn((24, 32))
    best = {"activation": tail_share(target.rows @ target.root), "tensor": tail_share(target.rows)}[objective]
    optimal = {"activation": "whitened", "tensor": "svd"}[objective]
    curves = {start: [getattr(loss, objective) for loss in curve(target, start, objective)] for start in STARTS}
    for values in curves.values():
        assert min(values) >= best * (1 - 1e-9)
        assert all(later <= earlier * 1.005 for earlier, later in pairwise(values))
    assert curves[optimal][-1] == pytest.approx(best, rel=1e-3)
    assert curves["random"][-1] < 0.5 * curves["random"][0]
    assert curves["random"][-1] > curves["svd"][-1]
    other = ({"svd", "whitened"} - {optimal}).pop()
    assert curves[other][-1] - best < 0.5 * (curves[other][0] - best)


def test_scale_changes_nothing_and_a_seed_decides() -> None:
    target, large = drawn((12, 20))[0], drawn((12, 20), scale=1024.0)[0]
    found = [curve(each, "random", steps=20) for each in (target, target, large)]
    assert found[0] == found[1]
    for mine, other in zip(found[0], found[2], strict=True):
        assert (mine.tensor, mine.activation) == pytest.approx((other.tensor, other.activation), rel=1e-4)
    assert curve(target, "random", steps=20, seed=1)[-1].activation != found[0][-1].activation


def test_a_loss_that_is_no_number_is_an_error() -> None:
    target = drawn((12, 20))[0]
    with pytest.raises(NotFiniteError, match="after 1 steps is NaN or infinite"):
        loss_curve(target, STARTS["svd"](target, RANK, 0), "activation", 3, float("inf"))


def test_steps_are_spread_in_their_logarithm_and_the_rate_ends_at_zero() -> None:
    assert recorded_steps(1) == [0, 1]
    assert recorded_steps(3) == [0, 1, 2, 3]
    found = recorded_steps(200)
    assert (found[:3], found[-1]) == ([0, 1, 2], 200)
    assert 15 <= len(found) <= 20
    assert all(later / earlier <= 2 for earlier, later in pairwise(found[1:]))
    assert [rate_share(step, 20) for step in (0, 1, 2, 11, 19, 20)] == [0.5, 1, 1, 0.5, 1 / 18, 0]
    assert rate_share(0, 1) == 1


def findings_of(subject: Subject, options: LowRankStartOptions) -> dict[str, tuple[Finding, ...]]:
    return {piece.component: piece.findings for piece in measure_starts(subject, options)}


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_losses_are_those_of_the_inputs_that_the_text_gives(
    dense_models: dict[str, Any], windows: Any, family: str
) -> None:
    """One matrix of each role of the middle layer; the model stays as it is, even where gradients are forbidden."""
    model = copy.deepcopy(dense_models[family])
    before = copy.deepcopy(model.state_dict())
    subject = Subject(model, inspect(model), windows, ())
    with torch.inference_mode():
        found = findings_of(subject, SHORT)
    layer = subject.adapter.layers[2]
    assert [*found] == [f"{matrix.path} {start}" for matrix in layer.matrices for start in SHORT.starts]
    roles = {
        "llama": ["query", "key", "value", "output", "gate", "up", "down"],
        "gpt2": ["fused", "output", "up", "down"],
    }
    assert [findings[0].target for findings in found.values()] == [role for role in roles[family] for _ in range(3)]
    seen = inputs_of(model, [matrix.path for matrix in layer.matrices], windows)
    for matrix in layer.matrices:
        weight, rank = rows_of(model, matrix), matrix.size // (2 * (matrix.inputs + matrix.outputs))
        for objective, outputs, start in (
            ("tensor_loss", weight, "svd"),
            ("activation_loss", weight @ seen[matrix.path].numpy().T, "whitened"),
        ):
            squares = numpy.linalg.svd(outputs, compute_uv=False) ** 2
            first = next(each for each in found[f"{matrix.path} {start}"] if each.measure == objective)
            assert first.value == pytest.approx(squares[rank:].sum() / squares.sum(), rel=1e-3)
            assert (first.layer, first.x, first.n, first.variant, first.unit) == (2, 0, len(windows), start, "1")
    assert {each.x for findings in found.values() for each in findings} == {0, 1, 2, 3}
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_matrices_are_chosen_by_pattern_and_finished_curves_left_out(
    dense_models: dict[str, Any], windows: Any
) -> None:
    model = dense_models["llama"]
    subject = Subject(model, inspect(model), windows, ())
    options = replace(SHORT, matrices=("*.3.mlp.up_proj", "*.0.*.q_proj"), starts=("random", "svd"))
    found = findings_of(subject, options)
    paths = ["model.layers.0.self_attn.q_proj", "model.layers.3.mlp.up_proj"]
    assert [*found] == [f"{path} {start}" for path in paths for start in ("random", "svd")]
    rest = findings_of(replace(subject, finished={f"{paths[0]} random", f"{paths[0]} svd", f"{paths[1]} svd"}), options)
    assert rest == {f"{paths[1]} random": found[f"{paths[1]} random"]}
    other = findings_of(replace(subject, seed=1), options)
    assert [found[name] == other[name] for name in found] == [False, True, False, True]
    tensor = findings_of(subject, replace(options, objective="tensor"))
    assert tensor[f"{paths[0]} random"] != found[f"{paths[0]} random"]


def test_one_expert_of_many_stands_for_all() -> None:
    model = build_tiny("mixtral")
    subject = Subject(model, inspect(model), ((3, 4, 5, 6, 7, 8), (9, 8, 7, 6)), ())
    found = [*findings_of(subject, replace(SHORT, starts=("svd",)))]
    assert len(found) == 6
    assert [name.removeprefix("model.layers.1.") for name in found[-2:]] == [
        "mlp.experts.gate_up_proj[0] svd",
        "mlp.experts.down_proj[0] svd",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"starts": ("sdv",)}, "unknown start 'sdv'. Did you mean svd"),
        ({"objective": "both"}, "unknown objective 'both'"),
        ({"matrices": ("*.q_porj",)}, r"unknown matrix '\*.q_porj'"),
        ({"ratio": 1}, "got ratio 1, 200 steps"),
        ({"steps": 0}, "1 step or more"),
    ],
)
def test_options_that_cannot_be_meant(
    dense_models: dict[str, Any], windows: Any, options: dict[str, Any], message: str
) -> None:
    model = dense_models["llama"]
    with pytest.raises(UsageError, match=message):
        next(measure_starts(Subject(model, inspect(model), windows, ()), LowRankStartOptions(**options)))


def test_what_cannot_be_measured_says_why(dense_models: dict[str, Any], windows: Any) -> None:
    model = copy.deepcopy(dense_models["llama"])
    with pytest.raises(UnsupportedModelError, match="needs calibration text"):
        next(measure_starts(Subject(model, inspect(model), (), ()), SHORT))
    subject = Subject(model, inspect(model), windows, ())
    with torch.no_grad():
        model.model.layers[2].self_attn.k_proj.weight.zero_()
        model.model.layers[2].mlp.up_proj.weight[0, 0] = float("nan")
    key, up = (replace(SHORT, starts=("svd",), matrices=(name,)) for name in ("*.2.*.k_proj", "*.2.*.up_proj"))
    assert [piece.refusal for piece in measure_starts(subject, key)] == [
        "looked for a loss relative to the matrix; it is all zeros"
    ]
    with pytest.raises(NotFiniteError, match=r"up_proj\.weight: a weight"):
        next(measure_starts(subject, up))


def test_it_is_listed_and_a_seed_draws() -> None:
    found = ANALYSES["low-rank-start"]
    assert [*found.fixed_values(found.options())] == ["ratio", "steps", "learning_rate", "objective"]
    assert found.drawn
