"""CKA and differences of hidden states beside float64 loops of their formulas, and layers that add nothing."""

import copy
from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pruning import inspect
from pruning.analyses import ANALYSES, Finding, Subject
from pruning.analyses.cka import CkaOptions
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.redundancy.cka import LinearCka, layer_cka
from pruning.redundancy.layer_means import difference_from_first, state_pairs
from tests.pruning.architectures import build_tiny
from tests.pruning.test_depth_distances import dense_states

Windows = tuple[tuple[int, ...], ...]


def song_hsic(x: torch.Tensor, y: torch.Tensor) -> float:
    """Song et al. 2012, equation 5, by loops over tokens."""
    n = len(x)
    k = [[0.0 if i == j else float(x[i] @ x[j]) for j in range(n)] for i in range(n)]
    m = [[0.0 if i == j else float(y[i] @ y[j]) for j in range(n)] for i in range(n)]
    trace = sum(k[i][j] * m[j][i] for i in range(n) for j in range(n))
    sums = sum(map(sum, k)) * sum(map(sum, m)) / ((n - 1) * (n - 2))
    product = sum(k[i][j] * m[j][q] for i in range(n) for j in range(n) for q in range(n))
    return (trace + sums - 2 / (n - 2) * product) / (n * (n - 3))


def loop_cka(x: torch.Tensor, y: torch.Tensor, sizes: tuple[int, ...]) -> float:
    """Return the ratio of the sums over minibatches of `sizes` tokens."""
    parts = [*zip(x.double().split(sizes), y.double().split(sizes), strict=True)]
    hsic = sum(song_hsic(one, other) for one, other in parts)
    own = [sum(song_hsic(part[side], part[side]) for part in parts) for side in (0, 1)]
    return hsic / (own[0] * own[1]) ** 0.5


def feature_space_cka(x: torch.Tensor, y: torch.Tensor) -> float:
    """The debiased form without Gram matrices, as in the code that Kornblith et al. published."""
    x, y = x.double() - x.double().mean(dim=0), y.double() - y.double().mean(dim=0)
    n = len(x)

    def hsic(u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        rows = u.square().sum(dim=1) @ v.square().sum(dim=1)
        return (u.T @ v).square().sum() - n / (n - 2) * rows + u.square().sum() * v.square().sum() / (n - 1) / (n - 2)

    return float(hsic(x, y) / (hsic(x, x) * hsic(y, y)).sqrt())


def cka_of(states: torch.Tensor, most: int = 1024, piece: int = 1000) -> torch.Tensor:
    running = LinearCka(len(states), states.shape[1], most)
    for each in states.split(piece, dim=1):
        running.add(each)
    return running.result()


def drawn(states: int, tokens: int, width: int, seed: int = 0) -> torch.Tensor:
    """Return states of which each is half the one before, so that all values of CKA are met."""
    found = torch.randn(states, tokens, width, generator=torch.Generator().manual_seed(seed))
    for index in range(1, states):
        found[index] = (found[index] + found[index - 1]) / 2
    return found


@pytest.mark.parametrize("piece", [1, 5, 1000])
@pytest.mark.parametrize(("tokens", "most", "sizes"), [(4, 8, (4,)), (11, 11, (11,)), (20, 8, (6, 7, 7))])
def test_cka_equals_the_loop_whatever_the_batches(tokens: int, most: int, sizes: tuple[int, ...], piece: int) -> None:
    states = drawn(3, tokens, 5)
    found = cka_of(states, most, piece)
    # The sizes of the minibatches ascend or descend; either is what the documentation says.
    for one, other in combinations(range(3), 2):
        expected = [loop_cka(states[one], states[other], each) for each in (sizes, sizes[::-1])]
        assert float(found[one, other]) in [pytest.approx(value, abs=1e-12) for value in expected]
    assert torch.equal(found, found.T)
    assert torch.equal(found.diagonal(), torch.ones(3, dtype=torch.float64))


def test_cka_equals_the_feature_space_formula_beside_a_large_dimension() -> None:
    """A dimension of a thousand times the others' size, as large models have, costs no digits."""
    states = drawn(4, 60, 16)
    states[1:, :, 3] += 1000
    found = cka_of(states)
    for one, other in combinations(range(4), 2):
        assert float(found[one, other]) == pytest.approx(feature_space_cka(states[one], states[other]), abs=1e-9)
    assert 0.2 < float(found[0, 1]) < 0.98


@given(st.integers(0, 10_000), st.floats(1e-3, 1e3), st.floats(-5, 5))
@settings(max_examples=25, deadline=None)
def test_cka_does_not_see_rotations_sizes_and_places(seed: int, factor: float, shift: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    states = torch.randn(2, 30, 6, generator=generator, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(6, 6, generator=generator, dtype=torch.float64)).Q
    moved = torch.stack([states[0], factor * (states[1] @ rotation) + shift, factor * states[0] @ rotation])
    found = cka_of(moved)
    assert float(found[0, 1]) == pytest.approx(float(cka_of(states)[0, 1]), abs=1e-9)
    assert float(found[0, 2]) == pytest.approx(1, abs=1e-9)


def test_unrelated_states_are_near_zero_even_with_few_tokens() -> None:
    """The biased form would be above a half here: more dimensions than tokens."""
    states = torch.randn(2, 40, 80, generator=torch.Generator().manual_seed(3))
    assert abs(float(cka_of(states)[0, 1])) < 0.1


def test_what_does_not_vary_has_no_cka_and_equal_states_have_one() -> None:
    states = drawn(5, 20, 6)
    states[1] = 0.1
    states[2] = states[0]
    states[3] = 0.3
    states[3, 7] += 5.0
    found = cka_of(states, 8, 7)
    assert found[0, 2] == 1
    assert found[0, 4] < 1
    for undefined in (1, 3):
        assert found[undefined].isnan().all()
        assert found[:, undefined].isnan().all()
    # Equal in the first minibatch alone is not equal.
    states[2, -1] += 3
    assert cka_of(states, 8)[0, 2] < 1
    with pytest.raises(UnsupportedModelError, match="at least 4 tokens of text; got 3"):
        LinearCka(2, 3)


def findings(model: Any, name: str, windows: Windows) -> dict[tuple[int | None, int | None, str], Finding]:
    pieces = [*ANALYSES[name].measure(Subject(model, inspect(model), windows, ()), ANALYSES[name].options())]
    assert all(piece.refusal is None for piece in pieces)
    assert all(found.component == piece.component for piece in pieces for found in piece.findings)
    assert all(found.n == len(windows) for piece in pieces for found in piece.findings)
    return {(each.layer, each.other_layer, each.measure): each for piece in pieces for each in piece.findings}


def test_states_and_cka_of_a_model_equal_float64(model: Any, family: str, windows: Windows) -> None:
    tokens = torch.cat(dense_states(model, family, windows), dim=1)
    found = findings(model, "states", windows) | findings(model, "cka", windows)
    assert len(found) == 10 * 3
    for one, other in combinations(range(5), 2):
        first, second = tokens[one], tokens[other]
        assert found[one, other, "cka"].component == f"states {one} and {other}"
        mean = torch.nn.functional.cosine_similarity(first.mean(dim=0), second.mean(dim=0), dim=0)
        assert found[one, other, "mean_cosine"].value == pytest.approx(float(mean), abs=1e-5)
        ratios = [float((v - u).norm() / u.norm()) for u, v in zip(first, second, strict=True)]
        difference = sum(ratios) / len(ratios)
        assert found[one, other, "relative_difference"].value == pytest.approx(difference, rel=1e-4)
        assert found[one, other, "cka"].value == pytest.approx(feature_space_cka(first, second), abs=1e-4)


def test_padding_and_batches_change_nothing(model: Any, windows: Windows, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = inspect(model)
    cka, pairs = layer_cka(model, adapter, windows, 64), state_pairs(model, adapter, windows)
    monkeypatch.setattr("pruning.batches.BATCH_TOKENS", 1)
    assert torch.allclose(layer_cka(model, adapter, windows, 64), cka, atol=1e-4)
    for pair, again in zip(pairs, state_pairs(model, adapter, windows), strict=True):
        assert pair.mean_cosine == pytest.approx(again.mean_cosine, abs=1e-5)
        assert pair.relative_difference == pytest.approx(again.relative_difference, rel=1e-4)


@pytest.mark.parametrize("start", [0, 1])
def test_copies_of_a_layer_that_adds_nothing_are_found(
    build_model: Callable[..., Any], windows: Windows, start: int
) -> None:
    model = build_model("llama")
    layers = model.model.layers
    with torch.no_grad():
        layers[start].self_attn.o_proj.weight.zero_()
        layers[start].mlp.down_proj.weight.zero_()
    layers[start + 1].load_state_dict(layers[start].state_dict())
    before = copy.deepcopy(model.state_dict())
    found = findings(model, "states", windows) | findings(model, "cka", windows)
    blocks = findings(model, "blocks", windows)
    for one, other in combinations(range(5), 2):
        same = start <= one and other <= start + 2
        assert (found[one, other, "cka"].value == 1) is same
        assert (found[one, other, "mean_cosine"].value == 1) is same
        assert (found[one, other, "relative_difference"].value == 0) is same
        if other - one < 4:
            assert (blocks[one, other - 1, "angular-last"].value == 0) is same
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_difference_from_zero_is_said_to_be_none() -> None:
    first = torch.tensor([[3.0, 4.0], [0.0, 0.0], [0.0, 0.0]])
    second = torch.tensor([[3.0, 4.0 + 5.0], [0.0, 0.0], [1.0, 0.0]])
    assert difference_from_first(first, second).tolist() == [1.0, 0.0, float("inf")]


def test_pairs_without_a_number_are_refused_and_the_others_measured(build_model: Callable[..., Any]) -> None:
    model = build_model("llama")
    with torch.no_grad():
        model.model.embed_tokens.weight[5] = 0
    subject = Subject(model, inspect(model), ((3, 5, 6, 7), (4, 5, 8, 9)), ())
    refused = {p.component: p.refusal for p in ANALYSES["states"].measure(subject, ANALYSES["states"].options())}
    assert all(("relative_difference" in (why or "")) is ("states 0" in name) for name, why in refused.items())
    one_token = Subject(model, inspect(model), ((3,), (3,), (3,), (3,)), ())
    pieces = [*ANALYSES["cka"].measure(one_token, ANALYSES["cka"].options())]
    assert len(pieces) == 10
    assert all(piece.refusal and not piece.findings for piece in pieces)


@pytest.mark.parametrize("name", ["states", "cka", "heads", "blocks"])
def test_models_and_texts_that_do_not_fit(name: str, windows: Windows, build_model: Callable[..., Any]) -> None:
    def run(model: Any, text: Windows) -> None:
        next(ANALYSES[name].measure(Subject(model, inspect(model), text, ()), ANALYSES[name].options()))

    for other in ("bart", "vit", "albert"):
        with pytest.raises(UnsupportedModelError, match="reads text with one stack of layers of their own"):
            run(build_tiny(other), windows)
    model = build_model("llama")
    with pytest.raises(UnsupportedModelError, match="text"):
        run(model, ())
    with torch.no_grad():
        model.model.layers[2].self_attn.v_proj.weight.fill_(float("nan"))
        model.model.layers[2].self_attn.q_proj.weight.fill_(float("nan"))
    with pytest.raises(NotFiniteError, match="NaN or infinite"):
        run(model, windows)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_minibatches_are_large_enough() -> None:
    assert CkaOptions(8).minibatch_tokens == 8
    with pytest.raises(UsageError, match="at least 8 tokens, got 7"):
        CkaOptions(7)
