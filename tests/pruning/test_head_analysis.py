"""The analysis of heads beside loops over the maps that the model returns, and what it holds meanwhile."""

import copy
from itertools import combinations
from math import log
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score
from torch.multiprocessing.reductions import StorageWeakRef

from pipeline.errors import UsageError
from pruning import inspect
from pruning.analyses import ANALYSES, Finding, Piece, Subject
from pruning.analyses.heads import HeadOptions
from pruning.errors import UnsupportedModelError
from pruning.redundancy.heads import head_figures, map_entropies
from pruning.removal.heads.clusters import clusters
from pruning.removal.heads.plan import places_of
from pruning.removal.heads.signatures import head_distances, head_importance
from pruning.removal.heads.stability import adjusted_rand, prompt_stability
from tests.pruning.architectures import build_tiny
from tests.pruning.head_models import WINDOWS


def pieces_of(model: Any, windows: Any = WINDOWS, options: HeadOptions | None = None) -> dict[str, Piece]:
    subject = Subject(model, inspect(model), windows, ())
    pieces = [*ANALYSES["heads"].measure(subject, options or HeadOptions())]
    assert len({piece.component for piece in pieces}) == len(pieces)
    return {piece.component: piece for piece in pieces}


def measured(pieces: dict[str, Piece], component: str) -> dict[str, Finding]:
    assert pieces[component].refusal is None
    return {finding.measure: finding for finding in pieces[component].findings}


def loop_entropies(model: Any, windows: Any) -> list[list[float]]:
    """Return [layer][head] -> the mean entropy of all queries of all windows, each alone and unpadded, in float64."""
    eager = copy.deepcopy(model)
    eager.config._attn_implementation = "eager"
    sums = [[0.0] * 4 for _ in range(2)]
    for window in windows:
        with torch.inference_mode():
            maps = eager(input_ids=torch.tensor([window]), output_attentions=True).attentions
        for layer, head in ((layer, head) for layer in range(2) for head in range(4)):
            rows = maps[layer][0, head].double().tolist()
            sums[layer][head] += sum(-p * log(p) for row in rows for p in row if p > 0)
    queries = sum(map(len, windows))
    return [[value / queries for value in layer] for layer in sums]


@pytest.mark.parametrize("name", ["llama", "gpt2", "bert", "falcon-rw", "openai-gpt"])
def test_entropy_equals_a_loop_and_padding_is_ignored(name: str) -> None:
    model = build_tiny(name)
    before = copy.deepcopy(model.state_dict())
    pieces = pieces_of(model)
    expected = loop_entropies(model, WINDOWS)
    for layer, head in ((layer, head) for layer in range(2) for head in range(4)):
        found = measured(pieces, f"layer {layer} head {head}")["entropy"]
        assert found.value == pytest.approx(expected[layer][head], rel=1e-5)
        assert (found.layer, found.head, found.n, found.unit) == (layer, head, 3, "nats")
    assert model.config._attn_implementation == build_tiny(name).config._attn_implementation
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


def test_known_entropies() -> None:
    maps = torch.tensor([[[1.0, 0, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]], [[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]])
    assert map_entropies(maps).tolist() == pytest.approx([log(2) + log(3), 0])


@pytest.mark.parametrize("signature", ["maps", "contribution"])
def test_distances_importance_and_stability_are_those_of_the_signatures(signature: Any) -> None:
    model = build_tiny("gpt2")
    attentions = [place.attention for place in places_of(inspect(model).main)]
    importance = head_importance(model, attentions, WINDOWS)
    pieces = pieces_of(model, options=HeadOptions(signature=signature))
    assert len(pieces) == 2 * (4 + 6 + 1)
    for layer, windows in enumerate(head_distances(model, attentions, WINDOWS, signature)):
        between = windows.mean(axis=0)
        for head in range(4):
            found = measured(pieces, f"layer {layer} head {head}")
            nearest = min(between[head, other] for other in range(4) if other != head)
            assert found["nearest_distance"].value == pytest.approx(nearest, abs=1e-12)
            assert found["importance"].value == pytest.approx(float(importance[layer][head]))
        for one, other in combinations(range(4), 2):
            pair = measured(pieces, f"layer {layer} heads {one} and {other}")["distance"]
            assert pair.value == pytest.approx(between[one, other], abs=1e-12)
            assert (pair.layer, pair.head, pair.other_head) == (layer, one, other)
        labels = [plain_labels(clusters(each, 2), 4) for each in windows]
        scores = [adjusted_rand_score(one, other) for one, other in combinations(labels, 2)]
        assert measured(pieces, f"layer {layer}")["stability"].value == pytest.approx(sum(scores) / 3, abs=1e-12)


def plain_labels(found: tuple[tuple[int, ...], ...], items: int) -> list[int]:
    return [next(number for number, cluster in enumerate(found) if item in cluster) for item in range(items)]


def test_stability_of_hand_made_clusters() -> None:
    """Two windows part four heads as 01|23, one as 02|13: (1 - 1/2 - 1/2) / 3 = 0."""

    def parted(one: tuple[int, int]) -> Any:
        near = numpy.array([item in one for item in range(4)])
        return (near[:, None] != near[None]).astype(float)

    windows = [parted((0, 1)), parted((2, 3)), parted((0, 2))]
    labels = numpy.array([[0, 0, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1]])
    assert adjusted_rand(labels) == pytest.approx(numpy.array([[1, 1, -0.5], [1, 1, -0.5], [-0.5, -0.5, 1]]))
    assert prompt_stability(windows, 2) == pytest.approx(0, abs=1e-12)
    assert prompt_stability(windows[:2], 2) == 1
    assert prompt_stability(windows, 4) == prompt_stability(windows, 1) == 1


@given(st.integers(1, 7).flatmap(lambda n: st.tuples(*[st.lists(st.integers(0, 3), min_size=n, max_size=n)] * 2)))
@settings(max_examples=50, deadline=None)
def test_adjusted_rand_equals_that_of_sklearn(labels: tuple[list[int], list[int]]) -> None:
    found = adjusted_rand(numpy.array(labels))
    assert found[0, 1] == found[1, 0] == pytest.approx(adjusted_rand_score(*labels), abs=1e-12)


def test_what_has_no_stability_or_no_maps_is_refused_with_the_reason() -> None:
    model = build_tiny("gpt2")
    assert "two windows; got 1" in (pieces_of(model, WINDOWS[:1])["layer 0"].refusal or "")
    few = pieces_of(model, options=HeadOptions(kept_fraction=0.25))
    assert "1 clusters of 4 heads leave no choice; expected 2 to 3" in (few["layer 1"].refusal or "")
    assert measured(few, "layer 1 head 3")
    wrongs: tuple[dict[str, Any], ...] = ({"kept_fraction": 1.0}, {"kept_fraction": 0.0}, {"signature": "map"})
    for wrong in wrongs:
        with pytest.raises(UsageError):
            HeadOptions(**wrong)
    silent = build_tiny("llama")
    silent.model.layers[1].self_attn.register_forward_hook(lambda _, __, output: (output[0], None))
    with pytest.raises(UnsupportedModelError, match=r"looked for a map .*model\.layers\.1\.self_attn returns"):
        pieces_of(silent)
    assert silent.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("prompts", [3, 24])
def test_one_map_is_held_however_many_prompts_there_are(prompts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pruning.batches.BATCH_TOKENS", 18)
    model = build_tiny("llama")
    held: list[StorageWeakRef] = []
    alive: list[int] = []

    def count(_: Any, __: Any, output: Any) -> None:
        held.append(StorageWeakRef(output[1].untyped_storage()))
        alive.append(sum(not each.expired() for each in held))

    attentions = [place.attention for place in places_of(inspect(model).main)]
    modules = [model.get_submodule(attention.path) for attention in attentions]
    model.set_attn_implementation("eager")
    for module in modules:
        module.register_forward_hook(count)
    head_figures(model, attentions, (WINDOWS * prompts)[:prompts])
    assert len(alive) >= 2 * prompts // 3
    assert max(alive) == 1
    assert all(each.expired() for each in held)
