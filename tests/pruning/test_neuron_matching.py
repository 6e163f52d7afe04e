"""Neurons matched between layers: planted permutations, brute force, loops, and models that come back bit by bit."""

import copy
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pruning import inspect
from pruning.adapters import MlpParts
from pruning.analyses import ANALYSES, Finding, Piece, Subject
from pruning.analyses.neuron_matching import NeuronMatchingOptions, measure_matching
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.evaluation.damage import DAMAGE_UNITS, DamageMeter
from pruning.redundancy.matching import ASSIGNMENTS, align, greedy, hungarian, squared_distances
from pruning.redundancy.neurons import neuron_matrix, permute_neurons, write_neurons
from tests.pruning.architectures import build_tiny

# Gated, not gated, Conv1D, fused, with biases and without.
SOME = ("llama", "gpt2", "opt", "phi3", "gpt_neox", "bloom", "persimmon")
IDS = torch.tensor([[3, 4, 5, 6, 7, 8, 9, 10]])
THRESHOLD = 0.001


def mlp_of(model: Any, layer: int) -> MlpParts:
    found = inspect(model).layers[layer].mlp
    assert found is not None
    return found


def subject_of(model: Any, windows: Any = ()) -> Subject:
    return Subject(model, inspect(model), (), windows)


def plant(model: Any, seed: int = 0, noise: float = 0.0) -> torch.Tensor:
    """Make the MLP of layer 1 that of layer 0 in another order, a little off; return the order that undoes it."""
    first, second = mlp_of(model, 0), mlp_of(model, 1)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(first.width, generator=generator)
    neurons = neuron_matrix(model, first)[order]
    off = 2 * torch.rand(neurons.shape, generator=generator) - 1
    write_neurons(model, second, neurons + noise * off)
    into, out = (model.get_submodule(mlp.down.path) for mlp in (second, first))
    if into.bias is not None:
        into.bias.data.copy_(out.bias)
    return order.argsort()


def measured(piece: Piece) -> dict[tuple[str | None, str], float]:
    return {(each.variant, each.measure): each.value for each in piece.findings}


def state_of(model: Any) -> dict[str, torch.Tensor]:
    return copy.deepcopy(model.state_dict())


def unchanged(model: Any, before: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("name", SOME)
def test_every_neuron_has_all_of_its_weights(name: str) -> None:
    """All matrices and biases in are in the vectors, once; writing them back changes nothing."""
    model = build_tiny(name)
    mlp = mlp_of(model, 0)
    neurons = neuron_matrix(model, mlp)
    into = sum(model.get_parameter(f"{matrix.path}.weight").numel() for matrix in (*mlp.into, mlp.down))
    biases = [model.get_submodule(matrix.path).bias for matrix in mlp.into]
    assert neurons.numel() == into + sum(bias.numel() for bias in biases if bias is not None)
    before = state_of(model)
    write_neurons(model, mlp, neurons)
    assert unchanged(model, before)


@pytest.mark.parametrize("name", SOME)
def test_a_permuted_mlp_computes_the_same(name: str) -> None:
    """But for the order of its sums; with one neuron's parts torn apart it does not."""
    model = build_tiny(name)
    mlp, before = mlp_of(model, 1), state_of(model)
    with torch.no_grad():
        dense = model(IDS).logits
        permute_neurons(model, mlp, torch.randperm(mlp.width, generator=torch.Generator().manual_seed(3)))
        torch.testing.assert_close(model(IDS).logits, dense, rtol=1e-4, atol=1e-4)
        assert not unchanged(model, before)
        model.get_parameter(f"{mlp.down.path}.weight").copy_(before[f"{mlp.down.path}.weight"])
        assert float((model(IDS).logits - dense).abs().max()) > 0.01


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_a_planted_permutation_is_found_in_full(name: str, assignment: str) -> None:
    model = build_tiny(name)
    for noise in (0.0, 0.9 * THRESHOLD):
        expected = plant(model, noise=noise)
        first, second = (neuron_matrix(model, mlp_of(model, layer)) for layer in (0, 1))
        found = align(first, second, THRESHOLD, ASSIGNMENTS[assignment])
        assert torch.equal(found.order, expected)
        assert found.share_after == 1
        assert found.share_before < 0.2
        assert found.distance_after <= noise * first.shape[1] ** 0.5
        assert found.distance_before > 1


def matrices(width: int) -> st.SearchStrategy[list[list[int]]]:
    rows = st.lists(st.integers(-3, 3), min_size=3, max_size=3)
    return st.lists(rows, min_size=width, max_size=width)


@given(st.integers(1, 5).flatmap(lambda width: st.tuples(matrices(width), matrices(width))))
def test_the_assignment_is_the_cheapest_of_all(pair: tuple[list[list[int]], list[list[int]]]) -> None:
    """Whole numbers, so that costs are exact; greedy is the loop that it is said to be and never cheaper."""
    first, second = pair
    costs = [[sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) for b in second] for a in first]
    tensors = [torch.tensor(each, dtype=torch.float64) for each in pair]
    assert squared_distances(*tensors).tolist() == costs
    totals = {
        name: sum(costs[row][column] for row, column in enumerate(assign(squared_distances(*tensors)).tolist()))
        for name, assign in (("hungarian", hungarian), ("greedy", greedy))
    }
    every = [sum(costs[row][column] for row, column in enumerate(order)) for order in permutations(range(len(costs)))]
    assert totals["hungarian"] == min(every) <= totals["greedy"]
    left = list(range(len(costs)))
    for row, column in enumerate(greedy(squared_distances(*tensors)).tolist()):
        assert column == min(left, key=lambda each, row=row: (costs[row][each], each))
        left.remove(column)


def test_greedy_is_not_always_the_cheapest() -> None:
    costs = torch.tensor([[1.0, 2.0], [1.0, 9.0]])
    assert hungarian(costs).tolist() == [1, 0]
    assert greedy(costs).tolist() == [0, 1]


def test_shares_and_distances_equal_the_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(6, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    second[0, 0] = first[0, 0] + 0.5  # not under a threshold of 0.5
    found = align(first, second, 0.5, hungarian)
    for order, share, distance in (
        (range(6), found.share_before, found.distance_before),
        (found.order.tolist(), found.share_after, found.distance_after),
    ):
        away = [[abs(float(x - y)) for x, y in zip(first[n], second[m], strict=True)] for n, m in enumerate(order)]
        assert share == sum(each < 0.5 for row in away for each in row) / 30
        assert distance == pytest.approx(sum(sum(each**2 for each in row) ** 0.5 for row in away) / 6)
    assert found.distance_after < found.distance_before


def test_a_copy_in_another_order_costs_nothing_to_store_once(model: Any, windows: Any) -> None:
    plant(model)
    expected = sum(
        parameter.numel()
        for matrix in (*mlp_of(model, 0).into, mlp_of(model, 0).down)
        for parameter in model.get_submodule(matrix.path).parameters()
    )
    neurons = neuron_matrix(model, mlp_of(model, 0)).numel()
    first = measured(next(measure_matching(subject_of(model, windows), NeuronMatchingOptions())))
    assert first[None, "share_after"] == 1
    assert first[None, "distance_after"] == 0
    assert first["shared", "saved_parameters"] == neurons
    assert first["merged", "saved_parameters"] == expected
    for variant in ("shared", "merged"):
        assert abs(first[variant, "loss_increase"]) < 1e-5
        assert abs(first[variant, "kl"]) < 1e-5
        assert first[variant, "top1_agreement"] > 0.99


def compressed_by_hand(model: Any, threshold: float, order: list[int]) -> dict[str, Any]:
    """Return copies of the model with layer 0's neurons shared with layer 1's, and with both averaged, by loops."""
    copies = {"shared": copy.deepcopy(model), "merged": copy.deepcopy(model)}
    first, second = (neuron_matrix(model, mlp_of(model, layer)).tolist() for layer in (0, 1))
    shared = [
        [y if abs(x - y) < threshold else x for x, y in zip(row, second[order[n]], strict=True)]
        for n, row in enumerate(first)
    ]
    merged = [[(x + y) / 2 for x, y in zip(row, second[order[n]], strict=True)] for n, row in enumerate(first)]
    write_neurons(copies["shared"], mlp_of(model, 0), torch.tensor(shared, dtype=torch.float64))
    biases = [model.get_submodule(mlp_of(model, layer).down.path).bias for layer in (0, 1)]
    for layer in (0, 1):
        write_neurons(copies["merged"], mlp_of(model, layer), torch.tensor(merged, dtype=torch.float64))
        if biases[0] is not None:
            bias = copies["merged"].get_submodule(mlp_of(model, layer).down.path).bias
            bias.data.copy_((biases[0].data + biases[1].data) / 2)
    return copies


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_the_damage_is_that_of_the_compressed_models(dense_models: dict[str, Any], family: str, windows: Any) -> None:
    model = copy.deepcopy(dense_models[family])
    meter = DamageMeter(model, windows)
    options = NeuronMatchingOptions(threshold=0.1)
    piece = next(measure_matching(subject_of(model, windows), options))
    found = measured(piece)
    neurons = [neuron_matrix(model, mlp_of(model, layer)) for layer in (0, 1)]
    order = align(neurons[0], neurons[1], 0.1, hungarian).order.tolist()
    for variant, changed in compressed_by_hand(model, 0.1, order).items():
        model.load_state_dict(changed.state_dict())
        for name, expected in meter.measured().items():
            assert found[variant, name] == pytest.approx(expected.value, rel=1e-5, abs=1e-7)
    assert found["shared", "saved_parameters"] == round(found[None, "share_after"] * neurons[0].numel())
    assert found["merged", "kl"] > found["shared", "kl"] > 0.001
    assert {each.n for each in piece.findings if each.measure in DAMAGE_UNITS} == {len(windows)}


def test_the_model_is_given_back_bit_by_bit(model: Any, windows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state_of(model)
    options = NeuronMatchingOptions(mapping="all-pairs", threshold=0.1)
    pieces = measure_matching(subject_of(model, windows), options)
    next(pieces)
    assert unchanged(model, before)
    pieces.close()  # type: ignore[attr-defined]
    assert unchanged(model, before)
    assert len([*measure_matching(subject_of(model, windows), options)]) == 6
    assert unchanged(model, before)

    def fail(_: DamageMeter) -> None:
        assert not unchanged(model, before)
        raise NotFiniteError("planted")

    monkeypatch.setattr(DamageMeter, "measured", fail)
    with pytest.raises(NotFiniteError, match="planted"):
        next(measure_matching(subject_of(model, windows), options))
    assert unchanged(model, before)


def test_without_text_the_weights_are_compared_and_finished_pairs_left_out(
    dense_models: dict[str, Any], windows: Any
) -> None:
    model = dense_models["opt"]
    two_apart = NeuronMatchingOptions(mapping="displacement:2")
    whole = [*measure_matching(subject_of(model, windows), two_apart)]
    plain = [*measure_matching(subject_of(model), two_apart)]
    assert [piece.component for piece in whole] == ["mlp of layers 0 and 2", "mlp of layers 1 and 3"]
    assert [piece.findings[:4] for piece in whole] == [piece.findings for piece in plain]
    options = replace(two_apart, evaluate=False)
    assert [*measure_matching(subject_of(model, windows), options)] == plain
    component = "mlp of layers 1 and 3"
    assert plain[1].findings[0] == Finding(
        component, "share_before", plain[1].findings[0].value, "1", target="mlp", layer=1, other_layer=3
    )
    subject = replace(subject_of(model, windows), finished={component})
    assert [*measure_matching(subject, options)] == plain[:1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mapping": "nxt"}, "unknown mapping 'nxt'. Did you mean next"),
        ({"assignment": "best"}, "unknown assignment 'best'"),
    ],
)
def test_options_that_cannot_be_meant(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        NeuronMatchingOptions(**options)


def test_what_does_not_fit_says_why(build_model: Callable[..., Any]) -> None:
    with pytest.raises(UnsupportedModelError, match="is a mixture of"):
        next(measure_matching(subject_of(build_tiny("mixtral")), NeuronMatchingOptions()))
    model = build_model("llama")
    with pytest.raises(UnsupportedModelError, match="looked for two different layers; the main stack has 1"):
        next(measure_matching(subject_of(build_model("llama", num_hidden_layers=1)), NeuronMatchingOptions()))
    mlp = model.model.layers[1].mlp
    for name in ("gate_proj", "up_proj"):
        setattr(mlp, name, torch.nn.Linear(32, 40, bias=False))
    mlp.down_proj = torch.nn.Linear(40, 32, bias=False)
    pieces = [*measure_matching(subject_of(model), NeuronMatchingOptions())]
    assert ["looked for MLPs of one shape" in (piece.refusal or "") for piece in pieces] == [True, True, False]
    with torch.no_grad():
        model.model.layers[3].mlp.down_proj.weight[0, 0] = float("nan")
    with pytest.raises(NotFiniteError, match=r"layers\.3\.mlp\.down_proj: a weight of its MLP"):
        list(measure_matching(subject_of(model), NeuronMatchingOptions()))


def test_it_is_listed_and_its_options_that_change_numbers_are_known() -> None:
    found = ANALYSES["neuron-matching"]
    assert dict(found.fixed_values(found.options())) == {
        "threshold": 0.001,
        "assignment": "hungarian",
        "evaluate": True,
    }
    assert not found.drawn
