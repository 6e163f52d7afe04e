"""Head pruning: what is removed equals zeroing the same heads; copies, merging and signatures beside plain loops."""

import copy
import time
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import cut_tree, linkage
from scipy.spatial.distance import squareform

from pruning import inspect, prune
from pruning.checkpoint import save_checkpoint
from pruning.errors import NotFiniteError, RatioTooSmallError, UnsupportedModelError
from pruning.inputs import example_inputs, main_output
from pruning.methods import METHODS, PruningRequest
from pruning.methods.heads.budgets import balanced_heads, imbalanced_heads, member_distances, pair_budgets
from pruning.methods.heads.clusters import clusters, medoid
from pruning.methods.heads.observe import see_mixed
from pruning.methods.heads.physical import why_not_physical
from pruning.methods.heads.plan import balanced_cells, places_of
from pruning.methods.heads.signatures import head_distances, head_importance
from pruning.methods.heads.stability import cluster_stability
from pruning.models import empty_model, load_model
from tests.pruning.architectures import GROUPED, TOKENS, build_tiny

WINDOWS = ((3, 4, 5, 6, 7, 8), (9, 8, 7, 6), (11, 12, 13, 14, 15))
WIDE_GROUPS = {**GROUPED, "num_attention_heads": 8}
# (type, config, ratio, what is left of heads and key-value heads)
SHAPES = {
    "llama groups": ("llama", GROUPED, 0.5, (2, 1)),
    "llama in every group": ("llama", {**WIDE_GROUPS, "hidden_size": 64, "head_dim": 8}, 0.5, (4, 1)),
    "qwen2 in every group": ("qwen2", WIDE_GROUPS, 0.25, (6, 2)),
    "qwen2 own keys": ("qwen2", {**GROUPED, "num_key_value_heads": 4}, 0.25, (3, 3)),
    "phi3 fused groups": ("phi3", GROUPED, 0.5, (2, 1)),
    "phi3 fused in every group": ("phi3", WIDE_GROUPS, 0.25, (6, 2)),
    "mistral own keys": ("mistral", {**GROUPED, "num_key_value_heads": 4}, 0.25, (3, 3)),
    "mistral one key": ("mistral", {**GROUPED, "num_key_value_heads": 1}, 0.5, (2, 1)),
    "gemma": ("gemma", {**GROUPED, "head_dim": 16}, 0.5, (2, 1)),
    "qwen3 norms of a head": ("qwen3", {**WIDE_GROUPS, "head_dim": 8}, 0.25, (6, 2)),
    "gpt_oss sinks": ("gpt_oss", {**WIDE_GROUPS, "head_dim": 8, "num_local_experts": 4}, 0.25, (6, 2)),
    "cohere norms by head": ("cohere", {**WIDE_GROUPS, "use_qk_norm": True}, 0.25, (6, 2)),
    "mixtral": ("mixtral", {**GROUPED, "num_local_experts": 4}, 0.5, (2, 1)),
}
# Types whose config cannot say fewer heads of the same width.
DENSE = ["gpt2", "gpt_neox", "opt", "bloom", "falcon-7b", "falcon-40b", "gpt_bigcode", "olmo2", "bert", "stablelm"]


def build(model_type: str, config: dict[str, Any]) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **TOKENS, **config)).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn(parameter.shape, generator=generator))
    return model


def request_of(model: Any, ratio: float = 0.25, windows: Any = WINDOWS) -> PruningRequest:
    return PruningRequest(model, inspect(model), ratio, windows, 0)


def answer(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return main_output(model(**example_inputs(model)))


def without_heads(dense: Any, removed: tuple[tuple[int, ...], ...]) -> torch.Tensor:
    """Return the logits when nothing of the removed heads reaches the residual stream: only output columns are 0."""
    model = copy.deepcopy(dense)
    attentions = [attention for layer in inspect(model).layers for attention in layer.attentions]
    with torch.no_grad():
        for attention, heads in zip(attentions, removed, strict=True):
            weight = attention.output.weight(model)
            columns = weight if attention.output.transposed else weight.T
            for head in heads:
                columns[head * attention.head_width : (head + 1) * attention.head_width] = 0
    return answer(model)


def count(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def texts(model: Any) -> list[list[int]]:
    inputs = example_inputs(model, 4)
    return [
        model.generate(**inputs, do_sample=False, min_new_tokens=6, max_new_tokens=6, use_cache=cached).tolist()[0]
        for cached in (True, False)
    ]


@pytest.mark.parametrize("method", ["heads-balanced-remove", "heads-random-remove", "heads-importance-remove"])
@pytest.mark.parametrize("shape", SHAPES)
def test_removing_equals_zeroing(shape: str, method: str, tmp_path: Path) -> None:
    model_type, config, ratio, left = SHAPES[shape]
    dense = build(model_type, config)
    model = copy.deepcopy(dense)
    removal = prune(model, method, ratio, calibration=WINDOWS).removal
    assert removal.physical
    assert torch.allclose(answer(model), without_heads(dense, removal.heads), atol=1e-5)
    for layer in inspect(model).layers:
        assert (layer.attentions[0].heads, layer.attentions[0].key_value_heads) == left
    assert removal.removed == sum(map(len, removal.heads)) == removal.total - 2 * left[0]
    assert count(model) < count(dense)
    if method == "heads-balanced-remove":
        save_checkpoint(model, tmp_path, tmp_path / "saved", dtype=torch.float32, card="")
        loaded = load_model(tmp_path / "saved")
        assert torch.allclose(answer(loaded), answer(model), atol=1e-5)
        cached, uncached = texts(model)
        assert cached == uncached == texts(loaded)[0]


@pytest.mark.parametrize("method", ["heads-balanced-remove", "heads-imbalanced-zero", "heads-importance-zero"])
@pytest.mark.parametrize("name", DENSE)
def test_where_the_config_cannot_say_it_heads_are_zero(name: str, method: str) -> None:
    dense = build_tiny(name)
    model = copy.deepcopy(dense)
    removal = prune(model, method, 0.25, calibration=WINDOWS).removal
    assert not removal.physical
    assert removal.removed == sum(map(len, removal.heads)) > 0
    assert torch.allclose(answer(model), without_heads(dense, removal.heads), atol=1e-5)
    assert ("zero in matrices of the old shape" in removal.note) == (method == "heads-balanced-remove")
    assert model.config.to_dict() == dense.config.to_dict()


@pytest.mark.parametrize(
    "shape", ["qwen2 own keys", "phi3 fused in every group", "cohere norms by head", "gpt_oss sinks"]
)
def test_merging_equals_duplicating_with_fewer_parameters(shape: str) -> None:
    model_type, config, ratio, _ = SHAPES[shape]
    merged = build(model_type, config)
    weights, copied = count(merged), copy.deepcopy(merged)
    first = prune(copied, "heads-balanced-duplicate", ratio, calibration=WINDOWS).removal
    second = prune(merged, "heads-balanced-merge", ratio, calibration=WINDOWS).removal
    assert first.heads == second.heads
    assert (first.physical, first.copies, second.physical, second.copies) == (False, True, True, False)
    assert torch.allclose(answer(merged), answer(copied), atol=1e-5)
    assert count(merged) < weights == count(copied)


@pytest.mark.parametrize("name", ["gpt2", "gpt_neox", "falcon-40b", "gpt_bigcode", "olmo2", "bert"])
def test_merging_equals_duplicating_in_the_old_shape(name: str) -> None:
    merged = build_tiny(name)
    copied = copy.deepcopy(merged)
    prune(copied, "heads-balanced-duplicate", 0.5, calibration=WINDOWS)
    removal = prune(merged, "heads-balanced-merge", 0.5, calibration=WINDOWS).removal
    assert torch.allclose(answer(merged), answer(copied), atol=1e-5)
    (place, *_) = places_of(inspect(merged).main)
    weight = place.attention.output.weight(merged)
    columns = weight if place.attention.output.transposed else weight.T
    for head in removal.heads[0]:
        assert not columns[head * place.attention.head_width : (head + 1) * place.attention.head_width].any()


@pytest.mark.parametrize(
    "method", ["heads-balanced-duplicate", "heads-imbalanced-duplicate", "heads-control-duplicate"]
)
@pytest.mark.parametrize("name", ["llama", "gpt2", "gpt_neox", "gpt_bigcode", "gpt_bigcode-heads", "phi3", "gpt_oss"])
def test_a_duplicate_mixes_the_same_values_as_a_kept_head(name: str, method: str) -> None:
    model = build_tiny(name)
    removal = prune(model, method, 0.5, calibration=WINDOWS).removal
    assert removal.copies
    assert "copies of kept" in f"({removal.where})"
    attentions = [place.attention for place in places_of(inspect(model).main)]
    mixed: dict[int, torch.Tensor] = {}
    see_mixed(model, attentions, WINDOWS[:1], lambda index, states: mixed.update({index: states}))
    for index, attention in enumerate(attentions):
        heads = mixed[index].view(-1, attention.heads, attention.head_width).unbind(1)
        kept = [head for head in range(attention.heads) if head not in removal.heads[index]]
        for head in removal.heads[index]:
            assert any(torch.allclose(heads[head], heads[other], atol=1e-6) for other in kept)


@pytest.mark.parametrize("name", ["llama", "gpt2", "bert", "falcon-7b", "openai-gpt", "deberta-v2", "albert"])
def test_map_distances_equal_a_loop_over_the_maps_that_the_model_returns(name: str) -> None:
    model = build_tiny(name)
    attentions = [place.attention for place in places_of(inspect(model).main)]
    before = model.config._attn_implementation
    found = {metric: head_distances(model, attentions, WINDOWS, "maps", metric) for metric in ("cosine", "euclidean")}
    assert model.config._attn_implementation == before
    eager = copy.deepcopy(model)
    eager.config._attn_implementation = "eager"
    for number, window in enumerate(WINDOWS):
        with torch.inference_mode():
            maps = eager(input_ids=torch.tensor([window]), output_attentions=True).attentions
        for index in range(len(attentions)):
            # Albert's one layer runs twice for every batch: its second calls come after all first ones.
            for call in range(len(maps) // len(attentions)):
                expected_of = maps[index + call][0].double().numpy()
                for metric, distances in found.items():
                    got = distances[index][call * len(WINDOWS) + number]
                    assert numpy.allclose(got, loop_distances(expected_of, metric), atol=1e-5)


def loop_distances(maps: Any, metric: str) -> Any:
    heads = len(maps)
    between = numpy.zeros((heads, heads))
    for one in range(heads):
        for other in range(heads):
            u, v = maps[one].ravel(), maps[other].ravel()
            cosine = 1 - u @ v / numpy.sqrt((u @ u) * (v @ v))
            between[one, other] = cosine if metric == "cosine" else numpy.sqrt(((u - v) ** 2).sum())
    return between


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_contributions_and_importance_equal_a_loop(name: str) -> None:
    model = build_tiny(name)
    attentions = [place.attention for place in places_of(inspect(model).main)]
    distances = head_distances(model, attentions, WINDOWS, "contribution", "cosine")
    importance = head_importance(model, attentions, WINDOWS)
    attention, norms = attentions[0], []
    weight = attention.output.weight(model).detach().double().numpy()
    rows = weight if attention.output.transposed else weight.T
    for number, window in enumerate(WINDOWS):
        seen: list[Any] = []
        output = model.get_submodule(attention.output.path)
        handle = output.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0][0]))
        with torch.inference_mode():
            model(input_ids=torch.tensor([window]))
        handle.remove()
        mixed = seen[0].double().numpy()
        width = attention.head_width
        parts = [
            mixed[:, head * width : (head + 1) * width] @ rows[head * width : (head + 1) * width] for head in range(4)
        ]
        assert numpy.allclose(distances[0][number], loop_distances(numpy.stack(parts), "cosine"), atol=1e-5)
        norms.append(numpy.stack([numpy.linalg.norm(part, axis=1) for part in parts], axis=1))
    assert numpy.allclose(importance[0].numpy(), numpy.concatenate(norms).mean(axis=0), rtol=1e-4)


def test_nested_attention_implementations_are_restored() -> None:
    model = build_tiny("llava")
    model.set_attn_implementation({"vision_config": "eager"})
    attentions = [place.attention for place in places_of(inspect(model).main)]
    head_distances(model, attentions, WINDOWS)
    found = (model.config, model.config.vision_config, model.config.text_config)
    assert [config._attn_implementation for config in found] == ["sdpa", "eager", "sdpa"]


def test_a_model_that_returns_no_maps_is_refused_unchanged() -> None:
    model = build_tiny("llama")
    model.model.layers[1].self_attn.register_forward_hook(lambda _, __, output: (output[0], None))
    before = answer(model)
    with pytest.raises(UnsupportedModelError, match=r"looked for a map .*model\.layers\.1\.self_attn returns"):
        prune(model, "heads-balanced-zero", 0.25, calibration=WINDOWS)
    assert torch.equal(answer(model), before)
    assert model.config._attn_implementation == "sdpa"


symmetric = st.integers(2, 7).flatmap(
    lambda items: st.lists(
        st.floats(0, 2, allow_nan=False), min_size=items * (items - 1) // 2, max_size=items * (items - 1) // 2
    ).map(lambda values: squareform(numpy.array(values)))
)


@given(symmetric, st.data())
@settings(max_examples=50, deadline=None)
def test_clusters_are_exactly_as_many_as_asked(distances: Any, data: Any) -> None:
    wanted = data.draw(st.integers(1, len(distances)))
    found = clusters(distances, wanted)
    assert len(found) == wanted
    assert sorted(member for cluster in found for member in cluster) == [*range(len(distances))]
    labels = cut_tree(linkage(squareform(distances), "average"), wanted)[:, 0]
    assert {frozenset(cluster) for cluster in found} == {
        frozenset(numpy.flatnonzero(labels == label).tolist()) for label in range(wanted)
    }


def test_medoids_and_average_linkage_on_a_worked_example() -> None:
    """On a line at 0, 1, 2.4 and 10: 0 and 1 join at 1, 2.4 joins them at (2.4 + 1.4) / 2 = 1.9."""
    line = numpy.array([0, 1, 2.4, 10])
    distances = abs(line[:, None] - line[None])
    assert clusters(distances, 2) == ((0, 1, 2), (3,))
    assert clusters(distances, 3, "euclidean") == ((0, 1), (2,), (3,))
    assert medoid(distances, (0, 1, 2)) == 1
    assert medoid(distances, (0, 1)) == 0


def plain_pair_budgets(distances: list[Any], total: int) -> list[int]:
    """Look through all pairs that are left again and again."""
    left = [[*range(len(cell))] for cell in distances]
    for _ in range(total):
        pairs = [
            (cell[one, other], index, one, other)
            for index, cell in enumerate(distances)
            for one in left[index]
            for other in left[index]
            if one < other
        ]
        if pairs:
            _, index, _, other = min(pairs)
            left[index].remove(other)
    return [len(cell) - len(rest) for cell, rest in zip(distances, left, strict=True)]


@given(st.lists(symmetric, min_size=1, max_size=4), st.integers(0, 24))
@settings(max_examples=50, deadline=None)
def test_budgets_follow_the_nearest_pairs_that_are_left(distances: list[Any], total: int) -> None:
    found = pair_budgets(distances, total)
    assert found == plain_pair_budgets(distances, total)
    assert sum(found) == min(total, sum(len(cell) - 1 for cell in distances))


def test_an_imbalanced_budget_is_that_of_all_layers_and_leaves_a_head() -> None:
    model = build_tiny("gpt2")
    plans = imbalanced_heads(request_of(model, 0.75))
    assert sum(len(plan.removed) for plan in plans) == 2 * 3
    assert all(len(plan.removed) < 4 for plan in plans)


def test_each_removed_head_has_a_twin_in_its_own_cell() -> None:
    model = build("phi3", WIDE_GROUPS)
    for plan in (*balanced_heads(request_of(model, 0.25)), *imbalanced_heads(request_of(model, 0.5))):
        assert [gone for gone, _ in plan.twins] == [*plan.removed]
        assert all(gone // 4 == kept // 4 and kept not in plan.removed for gone, kept in plan.twins)


@pytest.mark.parametrize(
    ("heads", "groups", "ratio", "expected"),
    [
        (32, 8, 0.25, (8, 2)),  # two whole groups
        (32, 8, 0.1, (4, 1)),  # 3.2: one group of 4 is nearest
        (8, 2, 0.25, (2, 1)),  # one of each group
        (8, 1, 0.3, (2, 2)),  # one key: any number
        (8, 8, 0.99, (7, 7)),  # one stays
    ],
)
def test_balanced_shapes(heads: int, groups: int, ratio: float, expected: tuple[int, int]) -> None:
    model = build(
        "mistral",
        {**GROUPED, "num_hidden_layers": 1, "num_attention_heads": heads, "num_key_value_heads": groups, "head_dim": 2},
    )
    request = request_of(model, ratio)
    cells = balanced_cells(request, request.adapter.layers[0].attentions[0])
    assert (sum(cell.count * len(cell.members[0]) for cell in cells), cells[0].count) == expected


def test_groups_are_as_far_apart_as_their_heads_on_average() -> None:
    distances = squareform(numpy.array([1.0, 2, 3, 4, 5, 6]))
    assert member_distances(distances, ((0, 1), (2, 3)))[0, 1] == (2 + 5) / 2


def test_importance_is_compared_over_all_layers_after_dividing_by_their_norm() -> None:
    model = build_tiny("gpt2")
    removal = prune(copy.deepcopy(model), "heads-importance-zero", 0.5, calibration=WINDOWS).removal
    scores = head_importance(model, [place.attention for place in places_of(inspect(model).main)], WINDOWS)
    order = sorted(
        (float(value / each.norm()), index, head)
        for index, each in enumerate(scores)
        for head, value in enumerate(each)
    )
    assert {(index, head) for index, heads in enumerate(removal.heads) for head in heads} == {
        (index, head) for _, index, head in order[:4]
    }


def test_random_members_depend_on_the_seed_alone() -> None:
    model = build("mistral", {**WIDE_GROUPS, "num_key_value_heads": 8})
    for method in ("heads-control-duplicate", "heads-random-zero"):
        found = [
            prune(copy.deepcopy(model), method, 0.5, calibration=WINDOWS, seed=seed).removal.heads for seed in (0, 0, 1)
        ]
        assert found[0] == found[1] != found[2]
    assert [method.name for method in METHODS if method.scope == "head" and method.random] == [
        "heads-random-zero", "heads-random-remove", "heads-control-duplicate",
    ]  # fmt: skip


def test_cross_attention_loses_heads_too() -> None:
    model = build_tiny("t5")
    removal = prune(model, "heads-random-remove", 0.25).removal
    assert (removal.removed, removal.total, removal.physical) == (8, 32, False)
    assert "relative positions go by the head's index" in removal.note
    cross = model.decoder.block[1].layer[1].EncDecAttention.o.weight
    assert int((cross == 0).all(dim=0).sum()) == 8


def test_heads_with_slopes_are_not_merged() -> None:
    model = build_tiny("bloom")
    before = answer(model)
    with pytest.raises(UnsupportedModelError, match="alibi positions differ by head"):
        prune(model, "heads-balanced-merge", 0.25, calibration=WINDOWS)
    assert torch.equal(answer(model), before)
    assert "no exact twins" in prune(model, "heads-balanced-duplicate", 0.25, calibration=WINDOWS).sentence()


def test_one_norm_for_each_head_is_refused_by_name() -> None:
    model = build("stablelm", {**GROUPED, "num_key_value_heads": 4, "qk_layernorm": True})
    with pytest.raises(UnsupportedModelError, match=r"q_layernorm\.norms\.\d"):
        prune(model, "heads-balanced-duplicate", 0.5, calibration=WINDOWS)
    assert not prune(model, "heads-balanced-remove", 0.5, calibration=WINDOWS).removal.physical


def test_what_is_not_finite_is_an_error() -> None:
    model = build_tiny("llama")
    with torch.no_grad():
        model.model.layers[0].self_attn.v_proj.weight[0, 0] = torch.nan
    for method in ("heads-balanced-zero", "heads-importance-remove"):
        with pytest.raises(NotFiniteError, match="on the calibration text"):
            prune(model, method, 0.25, calibration=WINDOWS)


def test_a_ratio_that_removes_nothing_is_named() -> None:
    model = build_tiny("llama")
    for method in ("heads-random-zero", "heads-balanced-remove", "heads-imbalanced-zero", "heads-importance-zero"):
        with pytest.raises(RatioTooSmallError, match=r"ratio 0\.1 of 4 heads"):
            prune(model, method, 0.1, calibration=WINDOWS)


def test_half_precision_is_pruned_and_pruned_again() -> None:
    model = build("qwen2", {**WIDE_GROUPS, "num_key_value_heads": 8}).bfloat16()
    prune(model, "heads-balanced-merge", 0.25, calibration=WINDOWS)
    prune(model, "heads-importance-remove", 0.5, calibration=WINDOWS)
    assert inspect(model).layers[0].attentions[0].heads == 3
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert torch.isfinite(answer(model)).all()


def test_clusters_of_the_same_text_are_stable() -> None:
    model = build_tiny("gpt2")
    assert cluster_stability(request_of(model, 0.5, (WINDOWS[0], WINDOWS[0]))) == 1
    assert -0.5 <= cluster_stability(request_of(model, 0.5)) < 1
    with pytest.raises(UnsupportedModelError, match="two windows; got 1"):
        cluster_stability(request_of(model, 0.5, WINDOWS[:1]))


def test_a_large_model_with_grouped_queries_is_planned_in_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mistral-7B's shape on the meta device: 32 layers of 32 heads in 8 groups; only the text's pass is left out."""
    from transformers import MistralConfig, MistralForCausalLM

    model = empty_model(MistralConfig(), MistralForCausalLM)
    noise = numpy.random.default_rng(0)
    distances = [squareform(noise.random(32 * 31 // 2))[None] for _ in range(32)]
    monkeypatch.setattr("pruning.methods.heads.budgets.head_distances", lambda *_: distances)
    start = time.perf_counter()
    plans = balanced_heads(request_of(model, 0.25))
    assert why_not_physical(model, plans) is None
    assert [len(plan.removed) for plan in plans] == [8] * 32
    assert sum(len(plan.removed) for plan in imbalanced_heads(request_of(model, 0.25))) == 32 * 8
    assert time.perf_counter() - start < 1
