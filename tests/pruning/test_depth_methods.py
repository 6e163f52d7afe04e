"""Angular distances against arccos in float64, and removed layers against skipped layers."""

import copy
from collections.abc import Callable
from math import acos, pi
from typing import Any

import pytest
import torch

from pruning import inspect, prune
from pruning.errors import NotFiniteError, RatioTooSmallError, UnsupportedModelError
from pruning.redundancy.blocks import block_distances
from pruning.redundancy.distances import ANGULAR_LAST
from pruning.redundancy.pairs import angle_between, unit

FINAL_NORM = {
    "llama": "model.norm",
    "gpt2": "transformer.ln_f",
    "opt": "model.decoder.final_layer_norm",
    "bloom": "transformer.ln_f",
    "gpt_neox": "gpt_neox.final_layer_norm",
}
Windows = tuple[tuple[int, ...], ...]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [((1, 2), (2, 4), 0.0), ((1, 0), (0, 3), 0.5), ((1, 1), (-2, -2), 1.0), ((1, 0), (1, 1), 0.25)],
)
def test_known_angles(first: tuple[int, ...], second: tuple[int, ...], expected: float) -> None:
    found = angle_between(*(unit(torch.tensor(each, dtype=torch.float32)) for each in (first, second)))
    assert float(found) == pytest.approx(expected, abs=1e-7)


def test_small_angles_keep_their_digits() -> None:
    """arccos in fp32 is wrong by more than the angle here."""
    found = angle_between(*(unit(torch.tensor(each)) for each in ([1.0, 0.0], [1.0, 1e-4])))
    assert float(found) == pytest.approx(1e-4 / pi, rel=1e-4)


def states_one_by_one(model: Any, family: str, windows: Windows) -> list[list[list[float]]]:
    """Return [window][layer boundary] -> last token's state, each window alone and unpadded."""
    raw: list[torch.Tensor] = []
    norm = model.get_submodule(FINAL_NORM[family])
    handle = norm.register_forward_pre_hook(lambda _, arguments: raw.append(arguments[0]))
    found = []
    with torch.inference_mode():
        for window in windows:
            output = model(input_ids=torch.tensor([window]), output_hidden_states=True)
            states = [*output.hidden_states[:-1], raw[-1].view(1, len(window), -1)]
            found.append([state[0, -1].double().tolist() for state in states])
    handle.remove()
    return found


def arccos_fraction(u: list[float], v: list[float]) -> float:
    def dot(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    return acos(max(-1.0, min(1.0, dot(u, v) / (dot(u, u) * dot(v, v)) ** 0.5))) / pi


def test_distances_equal_arccos_in_float64(model: Any, family: str, windows: Windows) -> None:
    states = states_one_by_one(model, family, windows)
    found = {
        (block.start, block.layers): block.value
        for block in block_distances(model, inspect(model), windows, ANGULAR_LAST)
    }
    assert set(found) == {(start, n) for n in (1, 2, 3) for start in range(4 - n + 1)}
    for (start, n), value in found.items():
        expected = sum(arccos_fraction(each[start], each[start + n]) for each in states) / len(states)
        assert value == pytest.approx(expected, abs=2e-6), (start, n)


def logits(model: Any, windows: Windows) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=torch.tensor([windows[-1]]), use_cache=False).logits


def skip_layers(model: Any, family: str, removed: tuple[int, ...]) -> None:
    """Let the hidden state pass through these layers unchanged."""
    stack = model.get_submodule(inspect(model).stack)
    for index in removed:
        if family == "bloom":
            stack[index].forward = lambda hidden_states, *_, **__: (hidden_states, None)
        else:
            stack[index].forward = lambda hidden_states, *_, **__: hidden_states


@pytest.mark.parametrize("method", ["depth-last", "depth-angular"])
def test_removed_layers_equal_skipped_layers(model: Any, family: str, method: str, windows: Windows) -> None:
    plain = copy.deepcopy(model)
    pruned = prune(model, method, 0.5, calibration=windows)
    removed = pruned.removal.layers
    skip_layers(plain, family, removed)
    assert len(removed) == 2
    assert torch.allclose(logits(model, windows), logits(plain, windows), atol=1e-6)
    assert model.config.num_hidden_layers == 2
    indices = [each.layer_idx for each in model.modules() if isinstance(getattr(each, "layer_idx", None), int)]
    assert sorted(set(indices)) == [0, 1]


def test_angular_takes_the_best_contiguous_block_and_last_the_end(model: Any, windows: Windows) -> None:
    adapter = inspect(model)
    row = [block for block in block_distances(model, adapter, windows, ANGULAR_LAST) if block.layers == 2]
    best = min(row, key=lambda block: block.value).start
    assert prune(copy.deepcopy(model), "depth-angular", 0.5, calibration=windows).removal.layers == (best, best + 1)
    assert prune(model, "depth-last", 0.25).removal.layers == (3,)


def test_a_ratio_under_half_a_layer_is_refused_and_one_layer_is_always_left(model: Any, windows: Windows) -> None:
    for method in ("depth-last", "depth-angular"):
        with pytest.raises(RatioTooSmallError, match=r"ratio 0\.1 of 4 layers"):
            prune(model, method, 0.1, calibration=windows)
    assert prune(model, "depth-last", 0.99).removal.layers == (1, 2, 3)


def test_per_layer_lists_of_the_config_are_cut() -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    kinds = ["full_attention", "sliding_attention", "full_attention", "sliding_attention"]
    config = AutoConfig.for_model(
        "qwen3",
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        layer_types=kinds,
        sliding_window=8,
        use_sliding_window=True,
        eos_token_id=[1, 2, 3, 4],
        bos_token_id=1,
        pad_token_id=0,
    )
    model = AutoModelForCausalLM.from_config(config).eval()
    prune(model, "depth-last", 0.5)
    assert model.config.layer_types == kinds[:2]
    assert model.config.eos_token_id == [1, 2, 3, 4]


def test_attention_scaled_by_layer_index_is_refused(build_model: Callable[..., Any]) -> None:
    model = build_model("gpt2", scale_attn_by_inverse_layer_idx=True)
    with pytest.raises(UnsupportedModelError, match="scale_attn_by_inverse_layer_idx"):
        prune(model, "depth-last", 0.5)
    assert model.config.num_hidden_layers == 4


def test_no_text_and_states_that_are_not_finite_are_errors(model: Any, windows: Windows) -> None:
    with pytest.raises(UnsupportedModelError, match="calibration text"):
        prune(model, "depth-angular", 0.5)
    with torch.no_grad():
        next(iter(model.parameters())).fill_(float("inf"))
    with pytest.raises(NotFiniteError, match="hidden state"):
        prune(model, "depth-angular", 0.5, calibration=windows)
