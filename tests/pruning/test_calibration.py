"""Layer-by-layer calibration against hooks on the whole model, and each statistic against float64."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruning import inspect, prune
from pruning.adapters import LayerParts, Projection
from pruning.batches import batches
from pruning.calibration.layerwise import change_layer_by_layer
from pruning.calibration.states import HiddenStates
from pruning.calibration.statistics import MeanVariance, SecondMoment, SquaredNorm
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.reference.vocabulary import TOKEN_IDS
from pruning.removal.records import PruningRequest

CPU = torch.device("cpu")
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "falcon": {"num_hidden_layers": 3, "num_attention_heads": 4, "alibi": True, "multi_query": True},
    "phi": {"intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4},
    "gemma3_text": {
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "sliding_window": 8,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    },
}


def matrix(features: int) -> Projection:
    return Projection("a.matrix", features, 3, transposed=False)


def request_for(model: Any, windows: Any, **changes: Any) -> PruningRequest:
    return PruningRequest(model, inspect(model), 0.5, windows, 0, **changes)


def layerwise_norms(request: PruningRequest) -> dict[str, torch.Tensor]:
    """Return the squared norms of every matrix's inputs when nothing is changed."""
    found: dict[str, torch.Tensor] = {}

    def keep(_: LayerParts, results: Mapping[str, torch.Tensor]) -> None:
        found.update(results)

    change_layer_by_layer(request, SquaredNorm, keep)
    return found


def hooked_norms(model: Any, windows: Any) -> dict[str, torch.Tensor]:
    """The oracle: one window at a time through the whole model, so that there is no padding; sums in float64."""
    sums: dict[str, torch.Tensor] = {}

    def hook(path: str) -> Any:
        def see(_: Any, arguments: Any) -> None:
            rows = arguments[0].double().reshape(-1, arguments[0].shape[-1])
            sums[path] = sums.get(path, torch.zeros(rows.shape[1], dtype=torch.float64)) + (rows**2).sum(0)

        return see

    paths = [each.path for each in inspect(model).prunable]
    handles = [model.get_submodule(path).register_forward_pre_hook(hook(path)) for path in paths]
    with torch.no_grad():
        for window in windows:
            model(input_ids=torch.tensor([window]), use_cache=False)
    for handle in handles:
        handle.remove()
    return sums


def assert_close(found: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for path, norms in expected.items():
        torch.testing.assert_close(found[path].double(), norms, rtol=2e-4, atol=1e-5, msg=lambda why: f"{path}: {why}")  # noqa: B023


def test_statistics_of_all_layers_equal_hooks_on_the_dense_model(model: Any, windows: Any) -> None:
    before = copy.deepcopy(model.state_dict())
    found = layerwise_norms(request_for(model, windows))
    assert_close(found, hooked_norms(model, windows))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_other_ways_to_call_a_layer(architecture: str, windows: Any) -> None:
    """ALiBi, parallel blocks, and masks and position embeddings that differ from layer to layer."""
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = {"vocab_size": len(TOKEN_IDS), "hidden_size": 32, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    config = AutoConfig.for_model(architecture, **shape, **ARCHITECTURES[architecture])
    model = AutoModelForCausalLM.from_config(config).eval()
    assert_close(layerwise_norms(request_for(model, windows)), hooked_norms(model, windows))


def test_a_layer_sees_what_the_pruned_layers_before_it_compute(model: Any, windows: Any) -> None:
    dense = copy.deepcopy(model)
    seen: dict[str, torch.Tensor] = {}

    def halve(layer: LayerParts, results: Mapping[str, torch.Tensor]) -> None:
        seen.update(results)
        for each in layer.matrices:
            model.get_parameter(f"{each.path}.weight").mul_(0.5)

    change_layer_by_layer(request_for(model, windows), SquaredNorm, halve)
    first, second = inspect(dense).layers[:2]
    assert_close({each.path: seen[each.path] for each in first.matrices}, {
        path: norms for path, norms in hooked_norms(dense, windows).items() if path.startswith(f"{first.path}.")
    })  # fmt: skip
    after = hooked_norms(model, windows)
    for each in inspect(model).layers[-1].matrices:
        # Its own inputs inside of the layer were seen before it was changed; the first matrix reads the stream only.
        torch.testing.assert_close(seen[each.path].double(), after[each.path], rtol=2e-4, atol=1e-5)
        break
    changed = seen[second.matrices[0].path].double() - hooked_norms(dense, windows)[second.matrices[0].path]
    assert changed.abs().max() > 1e-3


def test_matrices_that_read_one_tensor_share_one_statistic(dense_models: dict[str, Any], windows: Any) -> None:
    model = dense_models["llama"]
    found = layerwise_norms(request_for(model, windows))
    for layer in inspect(model).layers:
        assert layer.mlp is not None
        assert layer.mlp.gate is not None
        (attention,) = layer.attentions
        query, key, value = (found[each.path] for each in attention.inputs)
        assert query is key is value
        assert found[layer.mlp.gate.path] is found[layer.mlp.up.path]
        assert len({id(found[each.path]) for each in layer.matrices}) == 4


def test_states_on_disk_change_nothing(model: Any, windows: Any) -> None:
    in_memory = layerwise_norms(request_for(model, windows))
    on_disk = layerwise_norms(request_for(model, windows, state_bytes=0))
    assert all(torch.equal(in_memory[path], on_disk[path]) for path in in_memory)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_states_over_the_limit_lie_in_files_that_go(dtype: torch.dtype) -> None:
    tensors = [torch.randn(2, 5, 3).to(dtype) for _ in range(4)]
    with HiddenStates(limit_bytes=2 * tensors[0].nbytes) as states:
        for place, tensor in enumerate(tensors):
            states[place] = tensor
        files = list(states.folder.iterdir())
        assert len(files) == 2
        assert states.kept_bytes == 2 * tensors[0].nbytes
        assert all(torch.equal(states[place], tensor) for place, tensor in enumerate(tensors))
        states[3] = tensors[0]
        states[0] = tensors[3]
        assert torch.equal(states[3], tensors[0])
        assert torch.equal(states[0], tensors[3])
    assert not states.folder.exists()


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.sampled_from([torch.float32, torch.float16]))
def test_statistics_equal_float64_however_the_tokens_are_cut(lengths: list[int], dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(sum(lengths))
    pieces = [(torch.randn(length, 6, generator=generator) + 3).to(dtype) for length in lengths]
    rows = torch.cat(pieces).double()
    norm, moment, spread = SquaredNorm(matrix(6), CPU), SecondMoment(matrix(6), CPU), MeanVariance(matrix(6), CPU)
    for statistic in (norm, moment, spread):
        for piece in pieces:
            statistic.add(piece)
    torch.testing.assert_close(norm.result().double(), (rows**2).sum(0), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(moment.result().double(), rows.T @ rows, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(spread.result().mean.double(), rows.mean(0), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(spread.result().variance.double(), rows.var(0, correction=0), rtol=1e-4, atol=1e-5)
    assert {norm.result().dtype, moment.result().dtype, spread.result().variance.dtype} == {torch.float32}


def test_half_precision_does_not_overflow() -> None:
    """300^2 is over the largest fp16 number."""
    norm = SquaredNorm(matrix(1), CPU)
    norm.add(torch.full((1000, 1), 300.0, dtype=torch.float16))
    assert float(norm.result()) == 9e7


@pytest.mark.parametrize("kind", [SquaredNorm, SecondMoment, MeanVariance])
def test_a_statistic_that_is_not_finite_is_an_error(kind: Any) -> None:
    statistic = kind(matrix(2), CPU)
    statistic.add(torch.tensor([[1.0, float("nan")], [1.0, 2.0]]))
    with pytest.raises(NotFiniteError, match=r"a\.matrix"):
        statistic.result()


def test_nan_activations_and_silent_matrices_are_errors_and_leave_the_model_callable(model: Any, windows: Any) -> None:
    embeddings = model.get_input_embeddings().weight
    with torch.no_grad():
        embeddings[windows[0][3]] = float("nan")
    with pytest.raises(NotFiniteError, match="over the calibration text"):
        prune(model, "wanda", 0.5, calibration=windows)
    model(input_ids=torch.tensor([[1, 2]]))
    layer = model.get_submodule(inspect(model).layers[0].path)
    assert "forward" not in vars(layer)
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_a_matrix_that_never_reads_a_token_is_named(model: Any, windows: Any) -> None:
    layer = model.get_submodule(inspect(model).layers[1].path)
    layer.idle = torch.nn.Linear(32, 32)
    with pytest.raises(UnsupportedModelError, match=r"none reached .*idle"):
        prune(model, "wanda", 0.5, calibration=windows)


def test_several_batches_and_one_give_the_same(model: Any, windows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    together = layerwise_norms(request_for(model, windows))
    monkeypatch.setattr("pruning.batches.BATCH_TOKENS", 64)
    assert len(list(batches(windows))) > 1
    apart = layerwise_norms(request_for(model, windows))
    assert_close(apart, {path: norms.double() for path, norms in together.items()})
