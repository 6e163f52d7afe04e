"""Matrices are found whatever way they are stored, and each variant is the matrix that its name says."""

import copy
from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.errors import UsageError
from pruning import inspect
from pruning.analyses import ANALYSES, Finding, Piece, Subject
from pruning.analyses.rank import RankOptions
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.redundancy import singular
from pruning.redundancy.roles import logical_matrices
from tests.pruning.architectures import build_tiny

STORED = ("llama", "gpt2", "bloom", "gpt_neox", "phi3", "falcon-40b", "mixtral", "qwen2_moe", "bart", "codegen")
WIDTH = 8
Matrix = Any
# By role: the matrix of a layer as (outputs, inputs), cut out by hand.
Cut = Callable[[Any], Mapping[str, Matrix]]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def array(weight: torch.Tensor) -> Matrix:
    return weight.detach().double().numpy()


def thirds_by_head(weight: torch.Tensor) -> Mapping[str, Matrix]:
    heads = array(weight).reshape(4, 3, WIDTH, 32)
    return {role: heads[:, place].reshape(32, 32) for place, role in enumerate(("query", "key", "value"))}


def of_llama(model: Any, index: int) -> Mapping[str, Matrix]:
    layer = model.model.layers[index]
    names = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "o_proj"}
    found = {role: array(getattr(layer.self_attn, name).weight) for role, name in names.items()}
    return found | {role: array(getattr(layer.mlp, f"{role}_proj").weight) for role in ("gate", "up", "down")}


def of_gpt2(model: Any, index: int) -> Mapping[str, Matrix]:
    layer = model.transformer.h[index]
    query, key, value = np.split(array(layer.attn.c_attn.weight).T, 3)
    found = {"query": query, "key": key, "value": value, "output": array(layer.attn.c_proj.weight).T}
    return found | {"up": array(layer.mlp.c_fc.weight).T, "down": array(layer.mlp.c_proj.weight).T}


def of_bloom(model: Any, index: int) -> Mapping[str, Matrix]:
    layer = model.transformer.h[index]
    attention, mlp = layer.self_attention, layer.mlp
    found = {**thirds_by_head(attention.query_key_value.weight), "output": array(attention.dense.weight)}
    return found | {"up": array(mlp.dense_h_to_4h.weight), "down": array(mlp.dense_4h_to_h.weight)}


def of_gpt_neox(model: Any, index: int) -> Mapping[str, Matrix]:
    layer = model.gpt_neox.layers[index]
    attention, mlp = layer.attention, layer.mlp
    found = {**thirds_by_head(attention.query_key_value.weight), "output": array(attention.dense.weight)}
    return found | {"up": array(mlp.dense_h_to_4h.weight), "down": array(mlp.dense_4h_to_h.weight)}


def of_phi3(model: Any, index: int) -> Mapping[str, Matrix]:
    layer = model.model.layers[index]
    query, key, value = np.split(array(layer.self_attn.qkv_proj.weight), [32, 48])
    gate, up = np.split(array(layer.mlp.gate_up_proj.weight), 2)
    found = {"query": query, "key": key, "value": value, "output": array(layer.self_attn.o_proj.weight)}
    return found | {"gate": gate, "up": up, "down": array(layer.mlp.down_proj.weight)}


CUT_BY_HAND = {"llama": of_llama, "gpt2": of_gpt2, "bloom": of_bloom, "gpt_neox": of_gpt_neox, "phi3": of_phi3}


def build_deeper(name: str) -> Any:
    """Return a tiny model of three layers: with two, differences between layers and to the mean are the same."""
    model = build_tiny(name)
    stack = model.get_submodule(inspect(model).stack)
    stack.append(copy.deepcopy(stack[0]))
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in stack[2].parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model


def measure(model: Any, finished: tuple[str, ...] = (), **options: Any) -> list[Piece]:
    subject = Subject(model, inspect(model), (), (), finished=finished)
    return [*ANALYSES["rank"].measure(subject, RankOptions(**options))]


def value(piece: Piece, measure: str, x: float | None = None) -> float:
    (found,) = [row.value for row in piece.findings if (row.measure, row.x) == (measure, x)]
    return found


def energies(pieces: list[Piece]) -> dict[str, tuple[float, float]]:
    """Return what tells matrices apart, by component."""
    return {piece.component: (value(piece, "stable_rank"), value(piece, "effective_rank")) for piece in pieces}


def expected(matrix: Matrix) -> Any:
    values = np.linalg.svd(matrix, compute_uv=False)
    values = values[values > 1e-6 * np.linalg.norm(values)]
    shares = values / values.sum()
    ranks = ((values**2).sum() / values[0] ** 2, np.exp(-(shares * np.log(shares)).sum()))
    return pytest.approx(ranks, rel=1e-5)


def where(piece: Piece) -> tuple[str | None, int | None, int | None, int | None]:
    (found,) = {(row.target, row.layer, row.other_layer, row.head) for row in piece.findings}
    return found


@pytest.fixture(params=[*CUT_BY_HAND])
def pair(request: pytest.FixtureRequest) -> tuple[Any, list[Mapping[str, Matrix]]]:
    """A model of three layers and its matrices, layer by layer."""
    model = build_deeper(request.param)
    return model, [CUT_BY_HAND[request.param](model, index) for index in range(3)]


def test_every_matrix_of_every_layer(pair: tuple[Any, list[Mapping[str, Matrix]]]) -> None:
    model, layers = pair
    pieces = measure(model, variants=("original",))
    found = {where(piece)[:2]: energies([piece])[piece.component] for piece in pieces}
    assert found == {(role, index): expected(layer[role]) for index, layer in enumerate(layers) for role in layer}
    assert len(pieces) == len(found)


def test_all_layers_in_one_matrix(pair: tuple[Any, list[Mapping[str, Matrix]]]) -> None:
    model, layers = pair
    for variant, axis in (("rows", 0), ("columns", 1)):
        pieces = measure(model, variants=(variant,))
        whole = {role: np.concatenate([layer[role] for layer in layers], axis) for role in layers[0]}
        assert {where(piece)[0]: energies([piece])[piece.component] for piece in pieces} == {
            role: expected(matrix) for role, matrix in whole.items()
        }
        for piece in pieces:
            shape = whole[str(where(piece)[0])].shape
            rank = value(piece, "rank", 0.9)
            assert value(piece, "relative_rank", 0.9) == pytest.approx(rank / min(shape))
            assert value(piece, "relative_rank_geometric", 0.9) == pytest.approx(rank / np.sqrt(shape[0] * shape[1]))
            assert value(piece, "factor_parameters", 0.9) == rank * sum(shape)


def test_differences_between_layers(pair: tuple[Any, list[Mapping[str, Matrix]]]) -> None:
    model, layers = pair
    for variant, chosen in (("consecutive", [(0, 1), (1, 2)]), ("pairs", [*combinations(range(3), 2)])):
        pieces = measure(model, variants=(variant,))
        assert {where(piece)[:3]: energies([piece])[piece.component] for piece in pieces} == {
            (role, first, second): expected(layers[second][role] - layers[first][role])
            for first, second in chosen
            for role in layers[0]
        }


def test_differences_to_the_mean(pair: tuple[Any, list[Mapping[str, Matrix]]]) -> None:
    model, layers = pair
    pieces = measure(model, variants=("mean",))
    assert {where(piece)[:2]: energies([piece])[piece.component] for piece in pieces} == {
        (role, index): expected(layer[role] - sum(each[role] for each in layers) / 3)
        for index, layer in enumerate(layers)
        for role in layer
    }


def test_heads(pair: tuple[Any, list[Mapping[str, Matrix]]]) -> None:
    model, layers = pair
    pieces = measure(model, variants=("heads",))
    wanted = {}
    for index, layer in enumerate(layers):
        for head in range(4):
            group = head * len(layer["key"]) // 32
            own = slice(head * WIDTH, (head + 1) * WIDTH)
            read = slice(group * WIDTH, (group + 1) * WIDTH)
            cut = {"query": layer["query"][own], "key": layer["key"][read], "value": layer["value"][read]}
            for role, matrix in {**cut, "output": layer["output"][:, own]}.items():
                wanted[role, index, None, head] = expected(matrix)
    assert {where(piece): energies([piece])[piece.component] for piece in pieces} == wanted


@pytest.mark.parametrize("name", STORED)
def test_logical_matrices_are_the_prunable_weights_each_once(name: str) -> None:
    model = build_tiny(name)
    for index, layer in enumerate(inspect(model).layers):
        count = 0
        with torch.no_grad():
            for matrix in layer.matrices:
                weight = matrix.weight(model)
                weight.copy_(torch.arange(count, count + matrix.size).view_as(weight))
                count += matrix.size
        found = logical_matrices(layer, index)
        weights = [each.weight(model) for each in found]
        assert [tuple(weight.shape) for weight in weights] == [each.shape for each in found]
        assert torch.equal(torch.cat([weight.flatten() for weight in weights]).sort().values, torch.arange(count))
        assert len({each.name for each in found}) == len(found)


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("mixtral", {"query", "key", "value", "output", "gate_up", "down"}),
        ("qwen2_moe", {"query", "key", "value", "output", "gate_up", "gate", "up", "down", "shared_expert_gate"}),
        ("codegen", {"fused", "output", "up", "down"}),
    ],
)
def test_roles(name: str, roles: set[str]) -> None:
    model = build_tiny(name)
    assert {each.role for each in logical_matrices(inspect(model).layers[0], 0)} == roles


@pytest.mark.parametrize("name", ["llama", "bloom", "mixtral"])
def test_a_copied_layer_differs_by_rank_zero(name: str) -> None:
    model = build_deeper(name)
    stack = model.get_submodule(inspect(model).stack)
    stack[2].load_state_dict(stack[0].state_dict())
    for piece in measure(model, variants=("pairs",), thresholds=(0.9, 1.0), absolute_threshold=1e-3):
        copied = where(piece)[1:3] == (0, 2)
        for row in piece.findings:
            assert (row.value == 0) == copied, row


@pytest.mark.parametrize("rank", range(9))
def test_a_planted_rank_is_reported(rank: int) -> None:
    model = build_tiny("gpt2")
    generator = torch.Generator().manual_seed(rank)
    factors = torch.randn(32, rank, generator=generator), torch.randn(rank, 128, generator=generator)
    with torch.no_grad():
        model.transformer.h[1].mlp.c_fc.weight.copy_(factors[0] @ factors[1])
    pieces = measure(model, variants=("original",), thresholds=(1.0,), targets=("up",))
    assert [value(piece, "rank", 1.0) for piece in pieces] == [32, rank]
    assert pieces[1].component == "original transformer.h.1.mlp.c_fc"


def test_rows_have_what_others_rely_on() -> None:
    (piece, *_) = measure(build_tiny("llama"), variants=("consecutive",), thresholds=(0.5, 0.9))
    component = "consecutive self_attn.q_proj of layers 0 and 1"
    assert piece.component == component
    by_threshold = ("rank", "relative_rank", "relative_rank_geometric", "factor_parameters")
    always = ("stable_rank", "effective_rank", "relative_effective_rank")
    assert [(row.measure, row.x) for row in piece.findings] == [
        *((name, tau) for tau in (0.5, 0.9) for name in by_threshold),
        *((name, None) for name in always),
    ]
    assert piece.findings[0] == Finding(
        component, "rank", piece.findings[0].value, "dimensions", "consecutive", "query", 0, 1, x=0.5
    )


def test_an_absolute_threshold_alone_has_no_place_on_a_curve() -> None:
    model = build_tiny("llama")
    matrix = array(model.model.layers[0].mlp.up_proj.weight)
    piece = measure(model, variants=("original",), thresholds=(), absolute_threshold=1.0, targets=("up",))[0]
    assert value(piece, "rank") == (np.linalg.svd(matrix, compute_uv=False) >= 1).sum()


def test_sketches_say_what_they_leave_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(singular, "FIRST", 4)
    model = build_tiny("gpt2")
    weight = model.transformer.h[0].mlp.c_fc.weight
    with torch.no_grad():
        weight.copy_(torch.diag(0.3 ** torch.arange(32.0)) @ weight)
    true = np.linalg.svd(array(weight), compute_uv=False)
    piece = measure(model, variants=("original",), method="randomised", targets=("up",))[0]
    rank = int(((true**2).cumsum() / (true**2).sum() < 0.9).sum()) + 1
    assert 0 < value(piece, "residual_energy") <= 0.01
    assert value(piece, "rank_at_least", 0.9) <= rank <= value(piece, "rank", 0.9) <= 4
    assert "effective_rank" not in {row.measure for row in piece.findings}


def test_orders_that_are_not_declared_are_refused_and_the_rest_is_measured() -> None:
    pieces = measure(build_tiny("codegen"))
    refused = [piece for piece in pieces if piece.refusal]
    assert [piece.component for piece in refused] == ["heads transformer.h.0.attn", "heads transformer.h.1.attn"]
    assert all("not declared" in str(piece.refusal) and not piece.findings for piece in refused)
    assert len(pieces) > len(refused)


def test_matrices_of_other_shapes_are_refused_where_they_meet() -> None:
    model = build_tiny("llama")
    mlp = model.model.layers[1].mlp
    for name, inputs, outputs in (("gate_proj", 32, 40), ("up_proj", 32, 40), ("down_proj", 40, 32)):
        setattr(mlp, name, torch.nn.Linear(inputs, outputs, bias=False))
    pieces = measure(model, variants=("rows", "columns", "consecutive", "mean", "pairs"))
    refused = {piece.component: piece.refusal for piece in pieces if piece.refusal}
    place, both = "mlp.up_proj", "mlp.up_proj of layers 0 and 1"
    assert {f"columns {place}", f"mean {place}", f"consecutive {both}", f"pairs {both}"} <= {*refused}
    assert "rows mlp.down_proj" in refused and f"rows {place}" not in refused
    assert "48 x 32 in layer 0, 40 x 32 in layer 1" in str(refused[f"columns {place}"])


def test_finished_components_are_not_read_again() -> None:
    model = build_tiny("llama")
    every = [piece.component for piece in measure(model)]
    assert len({*every}) == len(every)
    with torch.no_grad():
        model.model.layers[0].self_attn.q_proj.weight.fill_(torch.nan)
    touched = tuple(name for name in every if "q_proj" in name)
    assert [piece.component for piece in measure(model, finished=touched)] == [
        name for name in every if name not in touched
    ]
    with pytest.raises(NotFiniteError, match="q_proj"):
        measure(model)


def test_the_model_stays_bit_by_bit() -> None:
    model = build_tiny("phi3")
    before = copy.deepcopy(model.state_dict())
    measure(model, variants=("original", "rows", "columns", "consecutive", "mean", "pairs", "heads"))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_what_cannot_be_is_said_before_anything_is_measured() -> None:
    with pytest.raises(UsageError, match=r"unknown variant 'row'. Did you mean rows"):
        RankOptions(variants=("row",))
    with pytest.raises(UsageError, match="unknown method"):
        RankOptions(method="random")  # pyright: ignore[reportArgumentType]
    for tau in (0.0, 1.1, float("nan")):
        with pytest.raises(UsageError, match="explained variance"):
            RankOptions(thresholds=(tau,))
    with pytest.raises(UsageError, match="threshold"):
        RankOptions(absolute_threshold=0.0)
    with pytest.raises(UnsupportedModelError, match="looked for matrices that are gate; there are down, key"):
        measure(build_tiny("gpt2"), targets=("gate",))
