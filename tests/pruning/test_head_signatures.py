"""What tells heads apart beside plain loops: signatures, clusters and budgets by pairs."""

import copy
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import cut_tree, linkage
from scipy.spatial.distance import squareform

from pruning import inspect, prune
from pruning.errors import UnsupportedModelError
from pruning.removal.heads.budgets import member_distances, pair_budgets
from pruning.removal.heads.clusters import clusters, medoid
from pruning.removal.heads.plan import places_of
from pruning.removal.heads.signatures import head_distances, head_importance
from pruning.removal.heads.stability import cluster_stability
from tests.pruning.architectures import build_tiny
from tests.pruning.head_models import WINDOWS, answer, request_of


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


def test_groups_are_as_far_apart_as_their_heads_on_average() -> None:
    distances = squareform(numpy.array([1.0, 2, 3, 4, 5, 6]))
    assert member_distances(distances, ((0, 1), (2, 3)))[0, 1] == (2 + 5) / 2


def test_clusters_of_the_same_text_are_stable() -> None:
    model = build_tiny("gpt2")
    assert cluster_stability(request_of(model, 0.5, (WINDOWS[0], WINDOWS[0]))) == 1
    assert -0.5 <= cluster_stability(request_of(model, 0.5)) < 1
    with pytest.raises(UnsupportedModelError, match="two windows; got 1"):
        cluster_stability(request_of(model, 0.5, WINDOWS[:1]))
