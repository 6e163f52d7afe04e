"""Every distance against two lines of float64 from `output_hidden_states`, and worked examples."""

from collections.abc import Callable
from itertools import pairwise
from math import acos, pi
from typing import Any

import pytest
import torch

from pruning import inspect
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.redundancy.blocks import block_distances, nearest_layers
from pruning.redundancy.distances import ANGULAR_LAST, ANGULAR_MEAN, BLOCK_INFLUENCE, DISTANCES, LINEAR
from pruning.redundancy.linear import RIDGE, LinearResidual
from tests.pruning.test_depth_methods import FINAL_NORM

Windows = tuple[tuple[int, ...], ...]
Pair = Callable[[torch.Tensor, torch.Tensor], float]


def dense_states(model: Any, family: str, windows: Windows) -> list[torch.Tensor]:
    """Return for each window, alone and unpadded, (layers + 1, tokens, width) in float64; the last before its norm."""
    raw: list[torch.Tensor] = []
    handle = model.get_submodule(FINAL_NORM[family]).register_forward_pre_hook(lambda _, inputs: raw.append(inputs[0]))
    found = []
    with torch.inference_mode():
        for window in windows:
            output = model(input_ids=torch.tensor([window]), output_hidden_states=True)
            states = [*output.hidden_states[:-1], raw[-1].view(1, len(window), -1)]
            found.append(torch.cat(states).double())
    handle.remove()
    return found


def cosine(u: torch.Tensor, v: torch.Tensor) -> float:
    return max(-1.0, min(1.0, float(u @ v / (u @ u * (v @ v)).sqrt())))


PLAIN: dict[str, Pair] = {
    "angular-last": lambda u, v: acos(cosine(u, v)) / pi,
    "angular-mean": lambda u, v: acos(cosine(u, v)) / pi,
    "bi": lambda u, v: 1 - cosine(u, v),
    "relative-magnitude": lambda u, v: float(((v - u) @ (v - u) / (v @ v)).sqrt()),
    "euclidean-last": lambda u, v: float(((v - u) @ (v - u)).sqrt()),
}


@pytest.mark.parametrize("name", PLAIN)
def test_means_equal_plain_float64(model: Any, family: str, windows: Windows, name: str) -> None:
    every = dense_states(model, family, windows)
    tokens = torch.cat([states[:, -1:] if name.endswith("last") else states for states in every], dim=1)
    found = block_distances(model, inspect(model), windows, DISTANCES[name])
    assert [(block.layers, block.start) for block in found] == [(n, s) for n in (1, 2, 3) for s in range(5 - n)]
    for block in found:
        pairs = zip(tokens[block.start], tokens[block.start + block.layers], strict=True)
        expected = sum(PLAIN[name](u, v) for u, v in pairs) / tokens.shape[1]
        assert block.value == pytest.approx(expected, rel=1e-4, abs=2e-6), block


def test_linear_equals_least_squares_of_extended_rows(model: Any, family: str, windows: Windows) -> None:
    """A ridge is plain least squares with sqrt(ridge) times the identity below the rows."""
    tokens = torch.cat(dense_states(model, family, windows), dim=1)
    for block in block_distances(model, inspect(model), windows, LINEAR, [1, 3]):
        entering, leaving = tokens[block.start], tokens[block.start + block.layers]
        ridge = RIDGE * entering.square().sum() / entering.shape[1]
        below = ridge.sqrt() * torch.eye(entering.shape[1], dtype=torch.float64)
        fit = torch.linalg.lstsq(torch.cat([entering, below]), torch.cat([leaving, torch.zeros_like(below)])).solution
        expected = float((leaving - entering @ fit).norm() / leaving.norm())
        assert block.value == pytest.approx(expected, rel=1e-4, abs=1e-6), block


def test_linear_of_a_linear_map_is_zero_and_of_noise_is_not() -> None:
    generator = torch.Generator().manual_seed(0)
    entering = torch.randn(200, 6, generator=generator)
    through = entering @ torch.randn(6, 6, generator=generator)
    residual = LinearResidual([1])
    residual.add(torch.stack([entering, through, torch.randn(200, 6, generator=generator)]))
    exact, noise = residual.result()[1].tolist()
    assert exact < 1e-5
    assert 0.9 < noise <= 1


@pytest.mark.parametrize(
    ("u", "v", "angle"),
    [((1, 2), (1, 2), 0.0), ((1, 0), (0, 3), 0.5), ((1, 1), (-2, -2), 1.0), ((1, 0), (1, 1), 0.25)],
)
def test_worked_examples(u: tuple[int, ...], v: tuple[int, ...], angle: float) -> None:
    states = torch.tensor([[u], [v]], dtype=torch.float32)
    for distance in (ANGULAR_LAST, ANGULAR_MEAN):
        running = distance.make([1])
        running.add(states)
        assert float(running.result()[1]) == pytest.approx(angle, abs=1e-7)
    running = BLOCK_INFLUENCE.make([1])
    running.add(states)
    assert float(running.result()[1]) == pytest.approx(1 - torch.cos(torch.tensor(angle * pi)).item(), abs=1e-6)


def test_batches_and_pieces_change_nothing(model: Any, windows: Windows, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = inspect(model)
    before = {name: block_distances(model, adapter, windows, DISTANCES[name]) for name in DISTANCES.names()}
    monkeypatch.setattr("pruning.batches.BATCH_TOKENS", 1)
    monkeypatch.setattr("pruning.redundancy.pairs._AT_ONCE", 1)
    for name, blocks in before.items():
        again = block_distances(model, adapter, windows, DISTANCES[name])
        assert [block.value for block in again] == pytest.approx([block.value for block in blocks], rel=1e-3, abs=1e-6)


def test_layers_are_ordered_by_their_own_distance(model: Any, windows: Windows) -> None:
    order = nearest_layers(model, inspect(model), windows, ANGULAR_LAST)
    values = {block.start: block.value for block in block_distances(model, inspect(model), windows, ANGULAR_LAST, [1])}
    assert sorted(order) == [0, 1, 2, 3]
    assert all(values[one] <= values[other] for one, other in pairwise(order))


def test_what_is_no_number_is_an_error(build_model: Callable[..., Any], windows: Windows) -> None:
    model = build_model("llama")
    with pytest.raises(UnsupportedModelError, match="linear needs calibration text"):
        block_distances(model, inspect(model), (), LINEAR)
    with torch.no_grad():
        model.model.layers[2].mlp.down_proj.weight.fill_(float("nan"))
    for name in DISTANCES.names():
        with pytest.raises(NotFiniteError, match="hidden state"):
            block_distances(model, inspect(model), windows, DISTANCES[name])
