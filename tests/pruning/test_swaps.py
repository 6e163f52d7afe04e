"""Which weights a target names, in every layout; that they come back bit by bit; which layers a mapping pairs."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pruning import inspect
from pruning.errors import UnsupportedModelError
from pruning.redundancy.mappings import Replacement, layer_pairs, replacements
from pruning.redundancy.swap import copied, copies_of, zeroed
from pruning.redundancy.targets import copied_regions, head_region, zeroed_regions
from tests.pruning.architectures import build_tiny

TARGETS = ("layer", "attention", "mlp", "query", "key", "value", "output", "up", "down", "attention+mlp", "*.down_proj")


def zero_mask(model: Any, regions: Any) -> dict[str, torch.Tensor]:
    """Return for each parameter that has a zero while regions are zeroed, where."""
    with zeroed(model, regions):
        found = {name: parameter == 0 for name, parameter in model.named_parameters()}
    return {name: mask for name, mask in found.items() if mask.any()}


def rows(total: int, *ranges: tuple[int, int]) -> torch.Tensor:
    mask = torch.zeros(total, dtype=torch.bool)
    for start, stop in ranges:
        mask[start:stop] = True
    return mask


def test_targets_of_a_split_attention_and_a_gated_mlp() -> None:
    model = build_tiny("llama")
    adapter = inspect(model)

    def names(target: str) -> set[str]:
        return {
            name.removeprefix("model.layers.1.") for name in zero_mask(model, zeroed_regions(model, adapter, 1, target))
        }

    assert names("attention") == {"self_attn.o_proj.weight"}
    assert names("mlp") == names("down") == names("*.down_proj") == {"mlp.down_proj.weight"}
    assert names("layer") == names("attention+mlp") == {"self_attn.o_proj.weight", "mlp.down_proj.weight"}
    assert names("query+gate") == {"self_attn.q_proj.weight", "mlp.gate_proj.weight"}
    assert names("self_attn.[kv]_proj") == {"self_attn.k_proj.weight", "self_attn.v_proj.weight"}
    assert names("self_attn") == {f"self_attn.{role}_proj.weight" for role in "qkvo"}
    copies = {region.parameter.rpartition(".layers.1.")[2] for region in copied_regions(model, adapter, 1, "layer")}
    assert copies == {name for name, _ in model.model.layers[1].named_parameters()}
    ((path, mask),) = zero_mask(model, head_region(model, adapter, 0, 3)).items()
    assert path == "model.layers.0.self_attn.o_proj.weight"
    assert torch.equal(mask, rows(32, (24, 32)).expand(32, 32))


def test_roles_in_a_fused_matrix() -> None:
    model = build_tiny("phi3")  # 4 heads and 2 key-value heads of width 8: queries 0-32, keys -48, values -64
    adapter = inspect(model)
    expected = {
        "query": ("self_attn.qkv_proj", rows(64, (0, 32))),
        "key": ("self_attn.qkv_proj", rows(64, (32, 48))),
        "value": ("self_attn.qkv_proj", rows(64, (48, 64))),
        "fused": ("self_attn.qkv_proj", rows(64, (0, 64))),
        "gate": ("mlp.gate_up_proj", rows(96, (0, 48))),
        "up": ("mlp.gate_up_proj", rows(96, (48, 96))),
    }
    for target, (path, mask) in expected.items():
        found = zero_mask(model, zeroed_regions(model, adapter, 0, target))
        assert [*found] == [f"model.layers.0.{path}.weight"]
        (zeros,) = found.values()
        assert torch.equal(zeros, mask.unsqueeze(1).expand(len(mask), 32)), target


def test_roles_in_an_interleaved_matrix_take_their_biases() -> None:
    model = build_tiny("bloom")  # 4 heads: query, key and value of width 8 of each head after one another
    found = zero_mask(model, zeroed_regions(model, inspect(model), 1, "key"))
    mask = rows(96, *((24 * head + 8, 24 * head + 16) for head in range(4)))
    path = "transformer.h.1.self_attention.query_key_value"
    assert found.keys() == {f"{path}.weight", f"{path}.bias"}
    assert torch.equal(found[f"{path}.bias"], mask)
    assert torch.equal(found[f"{path}.weight"], mask.unsqueeze(1).expand(96, 32))


def test_roles_and_heads_in_a_transposed_matrix() -> None:
    model = build_tiny("gpt2")
    adapter = inspect(model)
    found = zero_mask(model, zeroed_regions(model, adapter, 0, "value"))
    assert torch.equal(found["transformer.h.0.attn.c_attn.weight"], rows(96, (64, 96)).expand(32, 96))
    assert torch.equal(found["transformer.h.0.attn.c_attn.bias"], rows(96, (64, 96)))
    (head,) = zero_mask(model, head_region(model, adapter, 0, 1)).values()
    assert torch.equal(head, rows(32, (8, 16)).unsqueeze(1).expand(32, 32))


@pytest.mark.parametrize(("name", "path"), [("mixtral", "mlp"), ("qwen2_moe", "mlp"), ("gpt_oss", "mlp")])
def test_a_mixture_of_experts_without_its_mlp_adds_nothing(name: str, path: str) -> None:
    model = build_tiny(name)
    adapter = inspect(model)
    seen: list[torch.Tensor] = []
    module = model.get_submodule(f"{adapter.layers[1].path}.{path}")
    module.register_forward_hook(lambda _, __, output: seen.append(output[0] if isinstance(output, tuple) else output))
    with zeroed(model, zeroed_regions(model, adapter, 1, "mlp")), torch.inference_mode():
        model(torch.tensor([[3, 4, 5, 6]]))
    assert not seen[0].any()
    copied_names = {region.parameter for region in copied_regions(model, adapter, 1, "mlp")}
    assert f"{adapter.layers[1].experts.router}.weight" in copied_names  # type: ignore[union-attr]


def test_unknown_and_absent_targets_say_what_there_is() -> None:
    model = build_tiny("opt")
    adapter = inspect(model)
    with pytest.raises(UsageError, match=r"unknown target 'atention'. Did you mean attention.*self_attn.k_proj"):
        zeroed_regions(model, adapter, 0, "mlp+atention")
    with pytest.raises(UnsupportedModelError, match=r"gate in layer 1; it has self_attn\.k_proj"):
        zeroed_regions(model, adapter, 1, "gate")
    with pytest.raises(UsageError, match="from 0 to 1, got 2"):
        zeroed_regions(model, adapter, 2, "mlp")


def test_shared_and_absent_weights_are_refused() -> None:
    model = build_tiny("llama")
    model.model.layers[1].mlp.down_proj.weight = model.model.layers[0].mlp.down_proj.weight
    with pytest.raises(UnsupportedModelError, match=r"layers\.0\.mlp\.down_proj\.weight and .*are one tensor"):
        zeroed_regions(model, inspect(model), 0, "mlp")
    albert = build_tiny("albert")
    with pytest.raises(UnsupportedModelError, match="share"):
        zeroed_regions(albert, inspect(albert), 0, "attention")
    meta = build_tiny("gpt2").to("meta")
    with pytest.raises(UnsupportedModelError, match="meta"):
        zeroed_regions(meta, inspect(meta), 0, "attention")


def test_layers_of_different_shapes_are_refused() -> None:
    model = build_tiny("llama")
    model.model.layers[1].mlp.down_proj.bias = torch.nn.Parameter(torch.zeros(32))
    with pytest.raises(UnsupportedModelError, match=r"nothing more in one, mlp\.down_proj\.bias\[0\] \(32,\) in the"):
        copies_of(model, inspect(model), Replacement(1, (0,)), "mlp")


def test_two_hundred_random_changes_leave_every_bit_and_every_tensor(model: Any) -> None:
    adapter = inspect(model)
    model.get_submodule(adapter.layers[2].matrices[0].path).weight.data[0, :2] = torch.tensor([-0.0, torch.nan])
    before = copy.deepcopy(model)
    places = {name: parameter.data_ptr() for name, parameter in model.named_parameters()}
    generator = torch.Generator().manual_seed(0)
    targets = [target for target in TARGETS if "down_proj" not in target]
    for _ in range(200):
        target = targets[int(torch.randint(len(targets), (), generator=generator))]
        layer, source = torch.randperm(4, generator=generator)[:2].tolist()
        copies = copies_of(model, adapter, Replacement(source, (layer,)), target)
        with copied(model, copies):
            for mine, other in copies:
                assert torch.equal(mine.view(model).nan_to_num(), other.view(model).nan_to_num())
        with zeroed(model, zeroed_regions(model, adapter, layer, target)):
            pass
    assert places == {name: parameter.data_ptr() for name, parameter in model.named_parameters()}
    for (name, mine), (_, old) in zip(model.named_parameters(), before.named_parameters(), strict=True):
        assert torch.equal(mine.view(torch.int32), old.view(torch.int32)), name


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit])
def test_whatever_ends_a_change_the_weights_come_back(error: type[BaseException]) -> None:
    model = build_tiny("phi3")
    adapter = inspect(model)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(error), copied(model, copies_of(model, adapter, Replacement(0, (1,)), "layer")):
        assert not torch.equal(
            model.state_dict()["model.layers.1.mlp.down_proj.weight"], before["model.layers.1.mlp.down_proj.weight"]
        )
        raise error
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_closed_generator_gives_the_weights_back() -> None:
    model = build_tiny("llama")
    weight = model.model.layers[0].mlp.down_proj.weight
    before = weight.detach().clone()

    def changing() -> Iterator[None]:
        with zeroed(model, zeroed_regions(model, inspect(model), 0, "mlp")):
            yield

    generator = changing()
    next(generator)
    assert not weight.any()
    generator.close()  # type: ignore[attr-defined]
    assert torch.equal(weight, before)


@given(st.integers(2, 12))
def test_all_pairs_are_every_pair_once_and_nearest_first(layers: int) -> None:
    found = replacements("all-pairs", layers)
    pairs = [(each.layers[0], each.source) for each in found]
    assert sorted(pairs) == [(i, j) for i in range(layers) for j in range(layers) if i != j]
    distances = [abs(i - j) for i, j in pairs]
    assert distances == sorted(distances)
    assert all(pairs[k] < pairs[k + 1] for k in range(len(pairs) - 1) if distances[k] == distances[k + 1])


@given(st.integers(2, 9), st.data())
def test_smaller_mappings_are_parts_of_all_pairs_in_its_order(layers: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, layers - 1))
    step = data.draw(st.integers(1, layers - 1)) * data.draw(st.sampled_from((-1, 1)))
    every = [(each.layers[0], each.source) for each in replacements("all-pairs", layers)]
    expected = {
        "next": [pair for pair in every if pair[1] == pair[0] + 1],
        "previous": [pair for pair in every if pair[1] == pair[0] - 1],
        f"displacement:{step}": [pair for pair in every if pair[1] - pair[0] == step],
        f"row:{index}": [pair for pair in every if pair[0] == index],
        f"column:{index}": [pair for pair in every if pair[1] == index],
    }
    for mapping, pairs in expected.items():
        assert pairs
        assert [(each.layers[0], each.source) for each in replacements(mapping, layers)] == pairs
    (one,) = replacements(f"all-by:{index}", layers)
    assert replacements("all-by-one", layers)[index] == one
    assert sorted((*one.layers, one.source)) == [*range(layers)]


@pytest.mark.parametrize(
    "mapping",
    [
        "al-pairs",
        "all-pairs:1",
        "row",
        "row:",
        "row:8",
        "row:-1",
        "displacement:0",
        "displacement:8",
        "all-by:9",
        "x:y",
    ],
)
def test_what_is_no_mapping_is_refused(mapping: str) -> None:
    with pytest.raises(UsageError, match="mapping"):
        replacements(mapping, 8)


def test_one_layer_has_no_pairs() -> None:
    with pytest.raises(UnsupportedModelError, match="two different layers; the main stack has 1"):
        replacements("all-pairs", 1)


def test_pairs_whichever_of_the_two_is_replaced() -> None:
    assert layer_pairs("next", 4) == layer_pairs("previous", 4) == ((0, 1), (1, 2), (2, 3))
    assert layer_pairs("all-pairs", 3) == layer_pairs("all-by-one", 3) == ((0, 1), (1, 2), (0, 2))
    assert layer_pairs("displacement:-3", 4) == ((0, 3),)
    assert layer_pairs("row:2", 4) == layer_pairs("all-by:2", 4) == ((1, 2), (2, 3), (0, 2))
