"""Cheap scores against damage, from rows of the store: the right rows, turned the right way, nothing else."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from scipy.stats import rankdata

from pruning.analyses.proxies import TARGETS, TRUTHS, compare_proxies
from pruning.analyses.scores import CHEAP_SCORES
from store import Store
from store.records import AnalysisRecord, ProxyRecord, RedundancyRecord, SourceName
from tests.pruning.test_rank_correlation import spearman

RUN = "20261101T100000.000000-cccccc"
LAYERS = range(6)
HEADS = range(2)
KL = (0.9, 0.2, 0.3, 0.1, 0.5, 0.7)
# A score that orders the layers as KL does, but for one pair.
NEARLY = (0.9, 0.3, 0.2, 0.1, 0.5, 0.7)


def insert(
    store: Store,
    analysis: str,
    rows: list[dict[str, Any]],
    model: str = "m",
    *,
    source: SourceName = "reference",
    revision: str = "1",
) -> None:
    key = f"{source}-{model}-{revision}-{analysis}"
    outcome = AnalysisRecord(
        RUN,
        key,
        source,
        model,
        revision,
        analysis,
        1,
        None,
        "{}",
        "{}",
        0,
        "cpu",
        "done",
        None,
        None,
        len(rows),
        1.0,
        None,
    )
    store.insert([outcome], [
        RedundancyRecord(RUN, model, revision, analysis, 1, f"part {index}", unit="1", seed=0, analysis_key=key, **row)
        for index, row in enumerate(rows)
    ])  # fmt: skip


def ablate(store: Store, model: str = "m", target: str = "layer", values: tuple[float, ...] = KL) -> None:
    insert(
        store, "ablation",
        [{"measure": "kl", "value": value, "target": target, "layer": layer} for layer, value in enumerate(values)],
        model,
    )  # fmt: skip


def only(records: list[ProxyRecord], proxy: str, model: str | None = "m", target: str = "layer") -> ProxyRecord:
    [found] = [row for row in records if (row.proxy, row.model_id, row.target) == (proxy, model, target)]
    return found


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open(None) as opened:
        yield opened


def test_a_score_of_single_layers_is_compared(store: Store) -> None:
    ablate(store)
    blocks = [(layer, layer + size, value) for size in (0, 1) for layer, value in enumerate(NEARLY[: 6 - size])]
    insert(store, "blocks", [
        {"measure": "bi", "value": value + 9 * (last - layer), "target": "layer", "layer": layer, "other_layer": last}
        for layer, last, value in blocks
    ])  # fmt: skip
    found = compare_proxies(store, RUN)
    assert {(row.proxy, row.truth, row.target) for row in found} == {("bi", "kl", "layer")}
    for model in ("m", None):
        row = only(found, "bi", model)
        assert (row.n_components, row.n_models, row.run_id) == (6, 1, RUN)
        assert row.spearman == pytest.approx(spearman(KL, NEARLY))
        assert row.ci_low is not None
        assert row.ci_high is not None
        assert row.ci_low < spearman(KL, NEARLY) <= row.ci_high


@pytest.mark.parametrize(
    ("analysis", "measure", "proxy", "sign"),
    [("cka", "cka", "1 - CKA", -1), ("states", "mean_cosine", "1 - mean cosine", -1),
     ("states", "relative_difference", "relative difference", 1)],
)  # fmt: skip
def test_states_just_before_and_after_a_layer_count(
    analysis: str, measure: str, proxy: str, sign: int, store: Store
) -> None:
    ablate(store)
    pairs = [(low, high) for low, high in product(range(7), repeat=2) if low <= high]
    insert(store, analysis, [
        {"measure": measure, "value": NEARLY[low] if high == low + 1 else 9.0 * high, "layer": low, "other_layer": high}
        for low, high in pairs
    ])  # fmt: skip
    row = only(compare_proxies(store, RUN), proxy)
    assert row.spearman == pytest.approx(sign * spearman(KL, NEARLY))
    assert row.n_components == 6


def test_the_rank_of_a_part_is_the_mean_over_its_matrices(store: Store) -> None:
    ranks = {
        (role, layer): ((7 * layer + 3 * index) % 11) / 11
        for layer in LAYERS
        for index, role in enumerate(("query", "key", "value", "output", "up", "down", "router"))
    }
    insert(store, "rank", [
        {"measure": "relative_effective_rank", "variant": variant, "target": role, "layer": layer,
         "value": value if variant == "original" else -value}
        for (role, layer), value in ranks.items() for variant in ("original", "mean")
    ])  # fmt: skip
    insert(store, "ablation", [
        {"measure": "kl", "value": value, "target": target, "layer": layer}
        for target in ("layer", "attention", "mlp") for layer, value in enumerate(KL)
    ])  # fmt: skip
    roles = {"attention": {"query", "key", "value", "output"}, "mlp": {"up", "down"}}
    roles["layer"] = {role for role, _ in ranks}
    found = compare_proxies(store, RUN)
    for target, mine in roles.items():
        means = [sum(ranks[role, layer] for role in mine) / len(mine) for layer in LAYERS]
        assert only(found, "effective rank", target=target).spearman == pytest.approx(spearman(KL, means))


def test_heads_have_their_own_scores(store: Store) -> None:
    places = [(layer, head) for layer in LAYERS for head in HEADS]
    damage = {place: ((5 * index) % 12) / 12 for index, place in enumerate(places)}
    scores = {
        "importance": {place: value**2 for place, value in damage.items()},
        "entropy": {place: -value for place, value in damage.items()},
        "nearest_distance": dict.fromkeys(places, 0.5),
    }
    insert(store, "ablation", [
        {"measure": "kl", "value": value, "target": "head", "layer": layer, "head": head}
        for (layer, head), value in damage.items()
    ])  # fmt: skip
    insert(store, "heads", [
        {"measure": measure, "value": value, "target": "head", "layer": layer, "head": head}
        for measure, values in scores.items() for (layer, head), value in values.items()
    ])  # fmt: skip
    insert(store, "rank", [
        {"measure": "relative_effective_rank", "variant": "heads", "target": role, "layer": layer, "head": head,
         "value": value + shift}
        for role, shift in (("query", 0.0), ("key", 1.0), ("value", -1.0), ("output", 0.5))
        for (layer, head), value in damage.items()
    ])  # fmt: skip
    found = compare_proxies(store, RUN)
    assert only(found, "head importance", target="head").spearman == pytest.approx(1)
    assert only(found, "attention focus", target="head").spearman == pytest.approx(1)
    assert only(found, "effective rank", target="head").spearman == pytest.approx(1)
    constant = only(found, "distance to next head", target="head")
    assert (constant.spearman, constant.ci_low, constant.ci_high, constant.n_components) == (None, None, None, 12)
    assert only(found, "distance to next head", None, "head").spearman is None


def test_models_are_pooled_after_ranking(store: Store) -> None:
    sides: dict[str, tuple[list[float], list[float]]] = {}
    for number, model in enumerate(("a", "b", "short")):
        values = tuple(100.0 * number + ((3 + 2 * number) * layer) % 7 for layer in LAYERS)[: 3 if number == 2 else 6]
        ablate(store, model, "mlp", tuple(KL[: len(values)]))
        insert(store, "weights", [
            {"measure": "norm", "value": value, "target": "mlp", "layer": layer} for layer, value in enumerate(values)
        ], model)  # fmt: skip
        sides[model] = ([*values], [*KL[: len(values)]])
    found = compare_proxies(store, RUN)
    short = only(found, "weight norm", "short", "mlp")
    assert (short.spearman, short.ci_low, short.n_components, short.n_models) == (None, None, 3, 1)
    pooled = only(found, "weight norm", None, "mlp")
    assert (pooled.n_components, pooled.n_models) == (12, 2)
    ranks = [[*rankdata(sides["a"][side]), *rankdata(sides["b"][side])] for side in (0, 1)]
    assert pooled.spearman == pytest.approx(spearman(*ranks))


def test_parts_without_a_score_or_without_damage_are_left_out(store: Store) -> None:
    ablate(store, values=KL[:5])
    insert(store, "weights", [
        {"measure": "norm", "value": value, "target": "layer", "layer": layer} for layer, value in enumerate(NEARLY)
    ])  # fmt: skip
    insert(store, "weights", [{"measure": "norm", "value": 1.0, "target": "layer", "layer": 0}], "never ablated")
    found = compare_proxies(store, RUN)
    assert {row.model_id for row in found} == {"m", None}
    assert only(found, "weight norm").n_components == 5


def test_models_of_one_name_from_two_sources_are_two(store: Store) -> None:
    sources: tuple[SourceName, ...] = ("directory", "hub")
    for source, scores in zip(sources, (KL, NEARLY), strict=True):
        insert(store, "ablation", [
            {"measure": "kl", "value": value, "target": "layer", "layer": layer} for layer, value in enumerate(KL)
        ], source=source)  # fmt: skip
        insert(store, "weights", [
            {"measure": "norm", "value": value, "target": "layer", "layer": layer} for layer, value in enumerate(scores)
        ], source=source)  # fmt: skip
    found = {(row.source, row.model_id): row for row in compare_proxies(store, RUN)}
    assert found.keys() == {("directory", "m"), ("hub", "m"), (None, None)}
    assert found["directory", "m"].spearman == pytest.approx(1)
    assert found["hub", "m"].spearman == pytest.approx(spearman(KL, NEARLY))
    assert found[None, None].n_models == 2


def test_scores_of_another_revision_say_nothing_of_its_damage(store: Store) -> None:
    ablate(store)
    insert(store, "weights", [
        {"measure": "norm", "value": value, "target": "layer", "layer": layer} for layer, value in enumerate(NEARLY)
    ], revision="2")  # fmt: skip
    assert compare_proxies(store, RUN) == []


def test_an_empty_store_gives_nothing(store: Store) -> None:
    assert compare_proxies(store, RUN) == []


def test_the_records_go_into_the_store(store: Store) -> None:
    ablate(store)
    insert(store, "weights", [
        {"measure": "norm", "value": 1.0, "target": "layer", "layer": layer} for layer in LAYERS
    ])  # fmt: skip
    records = compare_proxies(store, RUN)
    store.insert(records)
    assert store.rows("SELECT model_id, spearman FROM current_proxies ORDER BY 1 NULLS LAST") == [
        ("m", None), (None, None),
    ]  # fmt: skip


def test_every_score_has_a_name_and_rows_of_its_own() -> None:
    assert len({score.name for score in CHEAP_SCORES}) == len(CHEAP_SCORES)
    assert len({(score.analysis, score.measure) for score in CHEAP_SCORES}) == len(CHEAP_SCORES)
    assert {*TRUTHS} == {"kl", "loss_increase"}
    assert len(TARGETS) == 4
