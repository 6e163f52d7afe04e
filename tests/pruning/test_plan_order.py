"""What comes first, what it will take, how a plan is cut: on made-up experiments."""

import itertools
import json
import re
from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pruning.experiments.cost import CostRow, costs_of
from pruning.experiments.order import BASELINES, by_information
from pruning.experiments.shards import check_shards, cut, matrix
from pruning.experiments.specification import DENSE, Experiment, Specification, TextSizes
from pruning.methods import METHODS

RATIOS = (0.1, 0.25, 0.4, 0.5, 0.6, 0.75)
SCOPES = {scope: [each for each in METHODS if each.scope == scope] for scope in {each.scope for each in METHODS}}


def experiment(model: str, method: str, ratio: float, seed: int = 0, seconds: float = 1.0) -> Experiment:
    scope = "none" if method == DENSE else METHODS[method].scope
    specification = Specification(
        model, "directory", "1", method, 1, scope, ratio, seed, None, "none", 1, "cpu", ("perplexity",)
    )
    return Experiment(specification, None, TextSizes(1, 1, 16), seconds=seconds)


@st.composite
def plans(draw: st.DrawFn) -> list[Experiment]:
    """A grid as `make_plan` makes it, with any costs, in any order."""
    models = [f"m{number}" for number in range(draw(st.integers(1, 3)))]
    names = draw(st.lists(st.sampled_from(METHODS.names()), min_size=1, max_size=7, unique=True))
    ratios = draw(st.lists(st.sampled_from(RATIOS), min_size=1, max_size=3, unique=True))
    seeds = draw(st.integers(1, 3))
    costs = st.sampled_from((0.0, 0.5, 2.0, 30.0))
    grid = [experiment(model, DENSE, 0.0, 0, draw(costs)) for model in models]
    for model, name in itertools.product(models, names):
        method = METHODS[name]
        drawn = range(seeds) if method.random or method.calibrated else range(1)
        for ratio in ratios if method.fixed_ratio is None else (method.fixed_ratio,):
            grid += [experiment(model, name, ratio, seed, draw(costs)) for seed in drawn]
    return draw(st.permutations(grid))


def tier(each: Experiment, plan: list[Experiment]) -> int:
    """The tier by the words of the module, from the whole plan."""
    found = each.specification
    ratios = {other.specification.ratio for other in plan if other.specification.method == found.method}
    nearest = sorted(ratios, key=lambda ratio: (abs(round(ratio - 0.5, 6)), ratio))[0]
    if found.method == DENSE:
        return 0
    return 2 + found.seed if found.seed else (1 if found.ratio == nearest else 2)


@given(plans())
def test_the_order_is_a_permutation_in_tiers_and_runs_of_one_model(plan: list[Experiment]) -> None:
    ordered = by_information(plan)
    assert sorted(each.specification.key for each in ordered) == sorted(each.specification.key for each in plan)
    assert ordered == by_information(reversed(plan))
    tiers = [tier(each, plan) for each in ordered]
    assert tiers == sorted(tiers)
    for _, rows in itertools.groupby(zip(tiers, ordered, strict=True), key=lambda pair: pair[0]):
        runs = [model for model, _ in itertools.groupby(each.specification.model_id for _, each in rows)]
        assert len(runs) == len({*runs})


@given(plans())
def test_a_scope_begins_with_its_baseline(plan: list[Experiment]) -> None:
    """Wherever the work is stopped, no method was measured at a ratio before the baselines of its scope were."""
    place = {each.specification.key: number for number, each in enumerate(by_information(plan))}
    baselines = defaultdict[object, list[int]](list)
    for each in plan:
        found = each.specification
        if found.method in BASELINES and found.seed == 0:
            baselines[found.model_id, found.scope, found.ratio].append(place[found.key])
    for each in plan:
        found = each.specification
        before = baselines[found.model_id, found.scope, found.ratio]
        if found.method not in BASELINES:
            assert all(number < place[found.key] for number in before)


def test_the_order_in_full() -> None:
    names = ("wanda", "magnitude", "random", "depth-angular", "depth-last")
    plan = [experiment("big", DENSE, 0, seconds=9), experiment("small", DENSE, 0)]
    for model, factor in (("big", 10.0), ("small", 1.0)):
        for name, seconds in zip(names, (3, 1, 2, 1.5, 0.5), strict=True):
            for ratio, seed in itertools.product((0.25, 0.6), (0, 1) if name == "random" else (0,)):
                plan.append(experiment(model, name, ratio, seed, seconds * factor))
    found = [
        f"{found.model_id} {found.method} {found.ratio} {found.seed}"
        for found in (each.specification for each in by_information(plan))
    ]
    model = ["depth-last", "random", "depth-angular", "magnitude", "wanda"]
    assert by_information([]) == ()
    assert found == [
        *("small dense 0 0", "big dense 0 0"),
        *(f"{size} {name} {ratio} 0" for ratio in (0.6, 0.25) for size in ("small", "big") for name in model),
        *(f"{size} random {ratio} 1" for size in ("small", "big") for ratio in (0.6, 0.25)),
    ]


def test_every_scope_has_a_baseline_that_is_a_method() -> None:
    assert {*METHODS.names()} >= BASELINES
    assert {METHODS[name].scope for name in BASELINES} == {*SCOPES}


def test_costs_of_the_model_then_of_the_method_then_of_anything() -> None:
    costs = costs_of(
        [
            CostRow("wanda", "directory", "small", 2.0, 1_000),
            CostRow("wanda", "directory", "large", 30.0, 100_000),
            CostRow("wanda", "directory", "unknown", 500.0, None),
            CostRow("svd", "hub", "small", 7.0, 1_000),
        ]
    )
    assert costs.seconds("wanda", "directory", "large", 1) == 30
    assert costs.seconds("wanda", "directory", "unknown", 1) == 500
    assert costs.seconds("wanda", "hub", "large", 200_000) == 60  # another model of that name
    assert costs.seconds("wanda", "directory", "new", 9_000) == 18  # by ratio nearer to 1,000 than to 100,000
    assert costs.seconds("wanda", "directory", "new", 10_000) == 20  # as near to both
    assert costs.seconds("wanda", "directory", "new", 11_000) == 30
    assert costs.seconds("svd", "hub", "new", 10) == 7  # what is smaller has what does not shrink
    assert costs.seconds("random", "hub", "new", 50_000) == 1
    assert costs.seconds("random", "hub", "new", 1_000_000) == 5


@given(plans(), st.integers(1, 9))
def test_parts_hold_everything_once_and_cost_about_the_same(plan: list[Experiment], shards: int) -> None:
    parts = cut(plan, shards)
    assert len(parts) <= shards
    assert all(parts)
    keys = [each.specification.key for part in parts for each in part]
    assert sorted(keys) == sorted(each.specification.key for each in plan)
    costs = [sum(max(0.1, each.seconds) for each in part) for part in parts]
    assert max(costs) <= sum(costs) / shards + max(max(0.1, each.seconds) for each in plan) + 1e-9
    models = [model for part in parts for model in dict.fromkeys(each.specification.model_id for each in part)]
    runs = [model for model, _ in itertools.groupby(models)]
    assert len(runs) == len({*runs})


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4, unique=True), st.integers(1, 5))
def test_nothing_but_harmless_names_gets_into_a_matrix(models: list[str], shards: int) -> None:
    plan = [experiment(model, DENSE, 0.0) for model in models]
    text = matrix(plan, shards)
    assert text.isascii()
    assert "\n" not in text
    entries = json.loads(text)["include"]
    assert len({entry["name"] for entry in entries}) == len(entries)
    for entry in entries:
        assert re.fullmatch(r"[A-Za-z0-9._/-]+", entry["name"])
        assert re.fullmatch(r"[A-Za-z0-9._/-]+", entry["model"])
        assert re.fullmatch(r"[0-9a-f]{32}(,[0-9a-f]{32})*", entry["keys"])
    assert sum(entry["experiments"] for entry in entries) == len(plan)
    assert sum(entry["seconds"] for entry in entries) == pytest.approx(len(plan))


def test_a_matrix_has_1_to_256_jobs() -> None:
    plan = [experiment("model", "magnitude", number / 1000) for number in range(1, 999)]
    assert len(cut(plan, 256)) == 256
    assert cut((), 4) == ()
    assert json.loads(matrix((), 4)) == {"include": []}
    free = [replace(each, seconds=0.0) for each in plan]  # all are refused
    assert {len(part) for part in cut(free, 4)} == {249, 250}
    for shards in (0, 257):
        with pytest.raises(UsageError, match="--shards: expected 1 to 256"):
            check_shards(shards)
