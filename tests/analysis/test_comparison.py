"""Comparisons between methods, on worked examples and against slow definitions."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.baselines import BASELINES, compare_with_baselines
from analysis.budgets import budget_of, comparable, nearest_comparable
from analysis.comparison import (
    DamageRow,
    best_methods,
    headline_ratio,
    headroom,
    latency_by_scope,
    mean_latency,
    median_damage,
    pareto_front,
    with_paired_intervals,
)
from analysis.losses import Losses, LossRow
from pipeline.settings import load_settings
from pruning.methods import METHODS


def damage_row(method: str = "magnitude", ratio: float = 0.5, damage: float = 2.0, **changes: object) -> DamageRow:
    row = DamageRow(
        "reference", "m", method, "weight", ratio, 1, 96, 8 * damage, None, None, 8.0, damage, damage - 0.1,
        damage + 0.1, 1.0, ratio, 1.0, 1.0, 15,
    )  # fmt: skip
    return replace(row, **changes)


def loss_row(method: str, nats: list[float], ratio: float = 0.5, seed: int = 0) -> LossRow:
    return LossRow("reference", "m", method, ratio, seed, nats, [10] * len(nats))


def test_a_method_is_compared_on_the_same_model_at_the_same_budget_only() -> None:
    rows = [
        damage_row("magnitude", 0.5, 2.0),
        damage_row("random", 0.5, 20.0),
        damage_row("magnitude", 0.1, 1.2),
        damage_row("magnitude", 0.5, 3.0, model_id="other"),
    ]
    same, none = compare_with_baselines(rows)
    assert (same.row, same.baseline, same.baseline_row) == (rows[0], "random", rows[1])
    assert (same.better, same.worse, same.verdict) == (True, False, "better, not paired")
    assert (none.row, none.baseline_row, none.verdict) == (rows[2], None, "not comparable")
    assert not none.better and not none.worse


def test_the_baseline_of_the_nearest_budget_is_taken_whatever_ratio_was_asked() -> None:
    asked = damage_row("heads-importance-remove", 0.1, scope="head", removed_fraction=0.167)
    others = [
        damage_row("heads-random-remove", ratio, scope="head", removed_fraction=budget)
        for ratio, budget in ((0.1, 0.056), (0.25, 0.15), (0.5, 0.17))
    ]
    [found] = compare_with_baselines([*others, asked])
    assert found.baseline_row is others[2]


def test_of_baselines_that_removed_as_much_the_one_of_the_same_asked_ratio_is_taken() -> None:
    """A quarter and a half of grouped query heads can be as many weights."""
    rows = [
        damage_row("heads-random-remove", ratio, scope="head", removed_fraction=0.11112919) for ratio in (0.25, 0.5)
    ]
    asked = damage_row("heads-importance-remove", 0.5, scope="head", removed_fraction=0.11112316)
    [found] = compare_with_baselines([*rows, asked])
    assert found.baseline_row is rows[1]


def test_methods_meet_chance_and_the_trivial_choice_and_the_trivial_choice_meets_chance() -> None:
    rows = [damage_row(method) for method in ("wanda", "random", "magnitude")]
    found = [(item.row.method, item.baseline) for item in compare_with_baselines(rows)]
    assert found == [("wanda", "random"), ("wanda", "magnitude"), ("magnitude", "random")]


def test_budgets_are_comparable_within_the_tolerance_and_in_one_sense() -> None:
    half = damage_row(removed_fraction=0.5)
    assert comparable(half, damage_row(removed_fraction=0.52)) and not comparable(
        half, damage_row(removed_fraction=0.53)
    )
    assert not comparable(damage_row(removed_fraction=None), damage_row(removed_fraction=None))
    low_rank = damage_row(removed_fraction=0.0, removed_share=0.5, removed_as="low_rank")
    assert not comparable(half, low_rank)
    assert comparable(low_rank, replace(low_rank, removed_fraction=0.1, removed_share=0.51))
    assert not comparable(low_rank, replace(low_rank, removed_share=0.25))
    assert not comparable(low_rank, replace(low_rank, removed_as="copies"))
    assert budget_of(replace(half, removed_as="zeros", removed_share=0.9)) == 0.5


@given(st.floats(0, 1), st.lists(st.floats(0, 1), max_size=5))
def test_the_nearest_comparable_is_found_by_looking_at_all(mine: float, others: list[float]) -> None:
    rows = [damage_row(removed_fraction=value) for value in others]
    found = nearest_comparable(damage_row(removed_fraction=mine), rows)
    distances = [abs(value - mine) for value in others]
    if found is None:
        assert min(distances, default=1.0) > 0.02
    else:
        assert rows.index(found) == distances.index(min(distances)) and min(distances) <= 0.02 + 1e-9


def test_verdicts_follow_the_paired_interval() -> None:
    """Windows alternate between easy and hard for both: unpaired intervals would overlap."""
    base = [10.0, 30.0] * 8
    rows = [damage_row("magnitude"), damage_row("random")]
    cases = {
        "clearly better": [value - 1 - 0.1 * (place % 3) for place, value in enumerate(base)],
        "better, interval holds 1": [value + (5 if place % 3 else -11) for place, value in enumerate(base)],
        "equal": base,
        "clearly worse": [value + 1 for value in base],
    }
    for verdict, nats in cases.items():
        losses = Losses([loss_row("magnitude", nats), loss_row("random", base)])
        [found] = compare_with_baselines(rows, losses)
        assert found.verdict == verdict
        assert found.relative and (found.relative.n_windows, found.relative.n_seeds) == (16, 1)


def test_results_on_other_windows_are_not_paired() -> None:
    losses = Losses([loss_row("magnitude", [1.0, 2.0]), loss_row("random", [1.0, 2.0, 3.0])])
    assert losses.relative(("reference", "m", "magnitude", 0.5), ("reference", "m", "random", 0.5)) is None


def test_damage_gets_its_interval_from_the_difference_to_dense_on_the_same_windows() -> None:
    dense = LossRow("reference", "m", "dense", 0.0, 0, [10.0, 30.0, 20.0], [10] * 3)
    losses = Losses(
        [dense, loss_row("magnitude", [11.0, 31.0, 21.0]), loss_row("magnitude", [13.0, 33.0, 23.0], seed=1)]
    )
    rows = [damage_row("magnitude"), damage_row("random")]
    paired, kept = with_paired_intervals(rows, losses)
    assert kept == rows[1]
    assert paired.damage == pytest.approx(math.exp(0.2))
    margin = 12.7062 * 0.1  # Student's t of 1 degree of freedom times the standard error of 0.1 and 0.3
    assert math.log(paired.damage_high or 0) == pytest.approx(0.2 + margin, rel=0.2)


def test_every_scope_of_the_defaults_has_its_baselines_measured() -> None:
    defaults = load_settings().methods
    for scope in {METHODS[name].scope for name in defaults}:
        assert {*BASELINES[scope].names} <= {*defaults}, scope
    assert BASELINES.keys() == {method.scope for method in METHODS}
    for scope, baselines in BASELINES.items():
        assert all(METHODS[name].scope == scope for name in baselines.names)
        assert METHODS[baselines.random].random
        assert not METHODS[baselines.trivial].random
        assert not METHODS[baselines.trivial].calibrated


def test_headroom_is_the_greatest_ratio_within_the_bound() -> None:
    rows = [damage_row(ratio=0.1, damage=1.01), damage_row(ratio=0.25, damage=1.1), damage_row(ratio=0.5, damage=1.2)]
    [found] = headroom(rows, bound=1.1)
    assert (found.ratio, found.damage) == (0.25, 1.1)
    [none] = headroom(rows, bound=1.0)
    assert (none.ratio, none.damage, none.removed_fraction) == (None, None, None)


def test_best_methods_are_apart_by_scope() -> None:
    rows = [
        damage_row("magnitude", damage=2.0),
        damage_row("random", damage=9.0),
        damage_row("mlp-maxmin", damage=1.5, scope="neuron", removed_fraction=0.3),
        damage_row("mlp-random", damage=1.9, scope="neuron", removed_fraction=0.3),
    ]
    assert {method for _, _, method, _ in best_methods(rows)} == {"magnitude", "mlp-maxmin"}


def test_best_methods_are_the_least_of_each_ratio_and_ties_all_count() -> None:
    rows = [damage_row("a", 0.5, 2.0), damage_row("b", 0.5, 2.0), damage_row("c", 0.5, 3.0), damage_row("c", 0.1, 9.0)]
    assert {(ratio, method) for _, _, method, ratio in best_methods(rows)} == {(0.5, "a"), (0.5, "b"), (0.1, "c")}


def test_nothing_is_best_of_rivals_that_it_cannot_be_compared_with() -> None:
    rows = [damage_row("magnitude", damage=1.0), damage_row("random", damage=9.0, removed_fraction=0.523)]
    assert best_methods(rows) == set()
    rows.append(damage_row("wanda", damage=1.1))
    assert {method for _, _, method, _ in best_methods(rows)} == {"magnitude"}
    assert {method for _, _, method, _ in best_methods(rows[:1])} == {"magnitude"}


def test_medians_and_the_headline_ratio() -> None:
    rows = [damage_row("a", 0.5, value, model_id=str(value)) for value in (1.0, 2.0, 9.0)]
    assert median_damage(rows, 0.5) == {"a": 2.0}
    assert headline_ratio([*rows, damage_row("a", 0.4), damage_row("a", 0.6)]) == 0.5
    assert headline_ratio([damage_row(ratio=0.25), damage_row(ratio=0.75)]) == 0.75


def test_mean_latency_is_none_where_it_was_not_measured() -> None:
    rows = [damage_row(latency_left=0.5), damage_row(latency_left=0.7), damage_row(latency_left=None)]
    assert mean_latency(rows, "weight", 0.5) == 0.6
    assert mean_latency(rows, "layer", 0.5) is None


def test_latency_of_a_scope_says_the_parameters_left() -> None:
    rows = [
        damage_row("depth-last", scope="layer", latency_left=0.5, parameters_left=0.6),
        damage_row("random", latency_left=1.0, parameters_left=None),
        damage_row("mlp-random", scope="neuron", latency_left=None),
    ]
    assert latency_by_scope(rows, 0.5) == ["layer 0.50 x (0.60 x)", "weight 1.00 x"]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_the_front_is_what_nothing_dominates(points: list[tuple[float, float]]) -> None:
    # Independent definition: sort by cost then damage; a point is on the front when its damage is below every cheaper
    # point's and it is the least of its own cost.
    on_front = set()
    best = float("inf")
    for cost, damage in sorted(set(points)):
        if damage < best:
            on_front.add((cost, damage))
            best = damage
    assert pareto_front(points) == [point in on_front for point in points]
