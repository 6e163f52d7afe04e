"""Which layers each depth method removes, layer sharing, and healing against dense least squares."""

import copy
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch

from pruning import cut_block, inspect, prune
from pruning.checkpoint import save_checkpoint
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.evaluation.observe import window_losses
from pruning.generation import greedy_continuation
from pruning.methods.sharing import share_layers, sources_of
from pruning.models import load_model
from pruning.redundancy.blocks import block_distances
from pruning.redundancy.distances import DISTANCES
from pruning.removal.correction import RIDGES, fit_correction
from pruning.removal.records import COPIES
from tests.pruning.architectures import build_tiny
from tests.pruning.test_depth_distances import dense_states

Windows = tuple[tuple[int, ...], ...]
CONTIGUOUS = {
    "depth-angular": "angular-last",
    "depth-angular-mean": "angular-mean",
    "depth-magnitude": "relative-magnitude",
    "depth-linear": "linear",
}
SCATTERED = {"depth-bi": "bi", "depth-angular-scattered": "angular-last"}


@pytest.mark.parametrize("method", [*CONTIGUOUS, *SCATTERED])
def test_the_choice_is_the_least_of_all_choices(model: Any, windows: Windows, method: str) -> None:
    name = (CONTIGUOUS | SCATTERED)[method]
    found = block_distances(model, inspect(model), windows, DISTANCES[name])
    cost = {(block.start, block.layers): block.value for block in found}
    if method in CONTIGUOUS:
        best = min(((start, start + 1) for start in range(3)), key=lambda pair: cost[pair[0], 2])
    else:
        best = min(combinations(range(4), 2), key=lambda pair: sum(cost[layer, 1] for layer in pair))
    assert prune(model, method, 0.5, calibration=windows).removal.layers == best


def test_baselines(model: Any) -> None:
    assert prune(copy.deepcopy(model), "depth-last-but-final", 0.5).removal.layers == (1, 2)
    assert prune(copy.deepcopy(model), "depth-last-but-final", 0.99).removal.layers == (0, 1, 2)
    drawn = {prune(copy.deepcopy(model), "depth-random", 0.5, seed=seed).removal.layers for seed in range(8)}
    again = prune(copy.deepcopy(model), "depth-random", 0.5, seed=3).removal.layers
    assert len(drawn) > 2
    assert again == prune(model, "depth-random", 0.5, seed=3).removal.layers


def loss_without(model: Any, removed: tuple[int, ...], windows: Windows) -> float:
    from pruning.removal.layers import remove_layers

    shorter = copy.deepcopy(model)
    if removed:
        remove_layers(shorter, inspect(shorter), removed)
    return sum(window_losses(shorter, windows))


def test_greedy_equals_cutting_every_layer_in_turn(model: Any, windows: Windows) -> None:
    removed: tuple[int, ...] = ()
    for _ in range(3):
        left = [layer for layer in range(4) if layer not in removed]
        losses = {layer: loss_without(model, (*removed, layer), windows) for layer in left}
        removed = (*removed, min(left, key=lambda layer: losses[layer]))
        asked = prune(copy.deepcopy(model), "depth-greedy", len(removed) / 4 - 0.01, calibration=windows)
        assert asked.removal.layers == tuple(sorted(removed))


def test_greedy_says_what_it_cannot_measure(build_model: Callable[..., Any]) -> None:
    model = build_model("llama")
    with pytest.raises(UnsupportedModelError, match="at least two tokens"):
        prune(model, "depth-greedy", 0.5, calibration=[[3], [4]])
    with pytest.raises(UnsupportedModelError, match="answers none"):
        prune(model.model, "depth-greedy", 0.5, calibration=[[3, 4]])
    model.lm_head.weight.data.fill_(float("nan"))
    with pytest.raises(NotFiniteError, match="without layer 0"):
        prune(model, "depth-greedy", 0.5, calibration=[[3, 4]])
    assert "forward" not in vars(model.model.layers[0])


def error_after(model: Any, family: str, windows: Windows, wanted: list[torch.Tensor], boundary: int) -> float:
    """Return the squared distance of what enters a layer from the dense states that should."""
    found = [states[boundary] for states in dense_states(model, family, windows)]
    return float(sum((one - other).square().sum() for one, other in zip(found, wanted, strict=True)))


@pytest.mark.parametrize(("start", "layers"), [(1, 1), (2, 2), (1, 3)])
def test_healing_is_never_worse_and_equals_least_squares(
    model: Any, family: str, windows: Windows, start: int, layers: int
) -> None:
    dense = dense_states(model, family, windows)
    wanted = [states[start + layers] for states in dense]
    rows, missing = regression(model, windows, start, [*zip((s[start] for s in dense), wanted, strict=True)])
    ridge = fit_correction(model, inspect(model), start, layers, windows).ridge
    best = float((missing - rows @ ridge_fit(rows, missing, ridge)).square().sum())
    plain, healed = copy.deepcopy(model), copy.deepcopy(model)
    cut_block(plain, start, layers)
    note = cut_block(healed, start, layers, heal=True, windows=windows).removal.note
    errors = [error_after(each, family, windows, wanted, start) for each in (plain, healed)]
    assert note.startswith("healed in ")
    assert errors[1] < errors[0]
    assert errors[1] == pytest.approx(best, rel=1e-3)
    assert greedy_continuation(healed, windows[0][:5]) == greedy_continuation(healed, windows[0][:5], use_cache=False)


def regression(
    model: Any, windows: Windows, start: int, pairs: list[tuple[torch.Tensor, torch.Tensor]]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the matrix before the cut reads, with a one where it has a bias, and what is missing after it."""
    mlp = inspect(model).layers[start - 1].mlp
    assert mlp
    module = model.get_submodule(mlp.down.path)
    seen: list[torch.Tensor] = []
    handle = module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].reshape(-1, mlp.width)))
    with torch.inference_mode():
        for window in windows:
            model(input_ids=torch.tensor([window]))
    handle.remove()
    rows = torch.cat(seen).double()
    if module.bias is not None:
        rows = torch.cat([rows, torch.ones(len(rows), 1, dtype=torch.float64)], dim=1)
    return rows, torch.cat([wanted - there for there, wanted in pairs])


def ridge_fit(rows: torch.Tensor, missing: torch.Tensor, ridge: float) -> torch.Tensor:
    """Return numpy's least squares with sqrt(ridge) times the identity below the rows."""
    below = (ridge * rows.square().sum() / rows.shape[1]).sqrt() * torch.eye(rows.shape[1], dtype=torch.float64)
    zeros = torch.zeros(len(below), missing.shape[1])
    return torch.linalg.lstsq(torch.cat([rows, below]), torch.cat([missing, zeros])).solution


def test_the_ridge_is_the_one_that_explains_unseen_windows_best(dense_models: dict[str, Any], windows: Windows) -> None:
    model = dense_models["gpt2"]
    dense = dense_states(model, "gpt2", windows)
    halves = [
        regression(model, half, 1, [(states[1], states[3]) for states in dense[first::2]])
        for first, half in enumerate((windows[::2], windows[1::2]))
    ]
    errors = {
        ridge: sum(
            float((theirs[1] - theirs[0] @ ridge_fit(*ours, ridge)).square().sum())
            for ours, theirs in (halves, reversed(halves))
        )
        for ridge in RIDGES
    }
    assert fit_correction(model, inspect(model), 1, 2, windows).ridge == min(errors, key=lambda ridge: errors[ridge])
    assert fit_correction(model, inspect(model), 1, 2, windows[:1]).ridge in RIDGES


@pytest.mark.parametrize(("name", "why"), [("gemma2", "not linear"), ("bert", "not linear"), ("llama", "no layer")])
def test_what_cannot_be_healed_is_cut_and_named(name: str, why: str) -> None:
    windows = ((3, 4, 5, 6, 7, 8), (9, 8, 7, 6))
    healed, plain = build_tiny(name), build_tiny(name)
    start = 0 if name == "llama" else 1
    assert why in cut_block(healed, start, 1, heal=True, windows=windows).removal.note
    cut_block(plain, start, 1)
    assert all(torch.equal(one, other) for one, other in zip(healed.parameters(), plain.parameters(), strict=True))


def test_a_healed_model_is_stored_in_half_precision(
    checkpoints: dict[str, Path], windows: Windows, tmp_path: Path
) -> None:
    model = load_model(checkpoints["gpt2"])
    assert "healed in" in prune(model, "depth-angular-healed", 0.5, calibration=windows).removal.note
    save_checkpoint(model, checkpoints["gpt2"], tmp_path / "healed", dtype=torch.float16, card="")
    loaded = load_model(tmp_path / "healed")
    assert all(torch.equal(one, other) for one, other in zip(model.parameters(), loaded.parameters(), strict=True))


def test_healing_without_text_or_with_states_that_are_no_numbers(model: Any) -> None:
    with pytest.raises(UnsupportedModelError, match="healing needs calibration text"):
        cut_block(model, 1, 1, heal=True)
    with torch.no_grad():
        next(iter(model.parameters())).fill_(float("inf"))
    with pytest.raises(NotFiniteError, match="moment"):
        cut_block(model, 1, 1, heal=True, windows=((3, 4, 5),))
    assert model.config.num_hidden_layers == 4


@pytest.mark.parametrize(
    ("replaced", "sources"),
    [([1], {1: 0}), ([0], {0: 1}), ([0, 1], {0: 2, 1: 2}), ([1, 2], {1: 0, 2: 3}), ([0, 1, 3], {0: 2, 1: 2, 3: 2})],
)
def test_sources_are_the_nearest_of_the_others(replaced: list[int], sources: dict[int, int]) -> None:
    assert sources_of(replaced, 4) == sources


@pytest.mark.parametrize("method", ["share-angular", "share-random"])
def test_shared_layers_compute_what_copies_compute(model: Any, windows: Windows, method: str, tmp_path: Path) -> None:
    copied = copy.deepcopy(model)
    removal = prune(model, method, 0.5, calibration=windows).removal
    copies = copied.get_submodule(inspect(copied).stack)
    for index, source in sources_of(removal.layers, 4).items():
        copies[index].load_state_dict(copies[source].state_dict())
    text = torch.tensor([windows[-1]])
    with torch.inference_mode():
        assert torch.equal(model(text).logits, copied(text).logits)
    assert not removal.physical
    assert removal.left == COPIES
    prompt = windows[0][:5]
    assert greedy_continuation(model, prompt) == greedy_continuation(model, prompt, use_cache=False)
    model.save_pretrained(tmp_path / "saved")
    loaded = load_model(tmp_path / "saved")
    with torch.inference_mode():
        assert torch.allclose(loaded(text).logits, copied(text).logits, atol=1e-6)
    assert len(inspect(loaded).layers) == 4


def test_share_angular_replaces_the_least_turning_layers(model: Any, windows: Windows) -> None:
    found = block_distances(model, inspect(model), windows, DISTANCES["angular-last"], [1])
    order = sorted(range(4), key=lambda layer: found[layer].value)
    assert prune(model, "share-angular", 0.5, calibration=windows).removal.layers == tuple(sorted(order[:2]))


def test_layers_that_differ_are_not_shared(build_model: Callable[..., Any]) -> None:
    from torch import nn

    model = build_model("llama")
    model.model.layers[2].mlp.gate_proj = nn.Linear(32, 40, bias=False)
    before = model.model.layers[1].mlp.up_proj.weight
    with pytest.raises(UnsupportedModelError, match=r"layer 2 cannot run with .* layer 1; mlp\.gate_proj\.weight"):
        share_layers(model, inspect(build_model("llama")), [0, 2])
    assert model.model.layers[1].mlp.up_proj.weight is before
    assert model.model.layers[0].mlp.up_proj.weight is not before
