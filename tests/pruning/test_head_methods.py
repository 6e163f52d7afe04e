"""Head pruning: what is removed equals zeroing the same heads; merging equals duplicating."""

import copy
import time
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from scipy.spatial.distance import squareform

from pruning import inspect, prune
from pruning.checkpoint import save_checkpoint
from pruning.errors import NotFiniteError, RatioTooSmallError, UnsupportedModelError
from pruning.inputs import example_inputs
from pruning.methods import METHODS
from pruning.models import empty_model, load_model
from pruning.removal.heads.budgets import balanced_heads, imbalanced_heads
from pruning.removal.heads.observe import see_mixed
from pruning.removal.heads.physical import why_not_physical
from pruning.removal.heads.plan import balanced_cells, places_of
from pruning.removal.heads.signatures import head_importance
from pruning.removal.records import COPIES
from tests.pruning.architectures import GROUPED, build_tiny
from tests.pruning.head_models import WIDE_GROUPS, WINDOWS, answer, build, request_of

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
    assert (first.physical, first.left, second.physical) == (False, COPIES, True)
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
    assert removal.left == COPIES
    attentions = [place.attention for place in places_of(inspect(model).main)]
    mixed: dict[int, torch.Tensor] = {}
    see_mixed(model, attentions, WINDOWS[:1], lambda index, states: mixed.update({index: states}))
    for index, attention in enumerate(attentions):
        heads = mixed[index].view(-1, attention.heads, attention.head_width).unbind(1)
        kept = [head for head in range(attention.heads) if head not in removal.heads[index]]
        for head in removal.heads[index]:
            assert any(torch.allclose(heads[head], heads[other], atol=1e-6) for other in kept)


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
    assert (removal.removed, removal.total, removal.physical) == (7, 28, False)
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


def test_a_large_model_with_grouped_queries_is_planned_in_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mistral-7B's shape on the meta device: 32 layers of 32 heads in 8 groups; only the text's pass is left out."""
    from transformers import MistralConfig, MistralForCausalLM

    model = empty_model(MistralConfig(), MistralForCausalLM)
    noise = numpy.random.default_rng(0)
    distances = [squareform(noise.random(32 * 31 // 2))[None] for _ in range(32)]
    monkeypatch.setattr("pruning.removal.heads.budgets.head_distances", lambda *_: distances)
    start = time.perf_counter()
    plans = balanced_heads(request_of(model, 0.25))
    assert why_not_physical(model, plans) is None
    assert [len(plan.removed) for plan in plans] == [8] * 32
    assert sum(len(plan.removed) for plan in imbalanced_heads(request_of(model, 0.25))) == 32 * 8
    assert time.perf_counter() - start < 1


def test_the_total_counts_heads_that_no_text_runs_through() -> None:
    """As of weights and neurons: of a model that also sees, the decoder's heads are not all."""
    removal = prune(build_tiny("llava"), "heads-balanced-zero", 0.5, calibration=WINDOWS).removal
    heads = [attention.heads for layer in inspect(build_tiny("llava")).all_layers for attention in layer.attentions]
    assert (removal.removed, removal.total) == (4, sum(heads)) == (4, 20)
