"""Comparisons between methods, on worked examples and against slow definitions."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from analysis.comparison import (
    DamageRow,
    best_methods,
    compare_with_baselines,
    headline_ratio,
    headroom,
    judge,
    latency_by_scope,
    mean_latency,
    median_damage,
    pareto_front,
)


def damage_row(method: str = "magnitude", ratio: float = 0.5, damage: float = 2.0, **changes: object) -> DamageRow:
    row = DamageRow(
        "reference", "m", method, "weight", ratio, 1, 96, 8 * damage, None, None, 8.0, damage, damage - 0.1,
        damage + 0.1, 1.0, ratio, 1.0, 1.0, 15,
    )  # fmt: skip
    return replace(row, **changes)


def test_a_method_is_compared_at_the_same_model_and_ratio_only() -> None:
    rows = [
        damage_row("magnitude", 0.5, 2.0),
        damage_row("random", 0.5, 20.0),
        damage_row("magnitude", 0.1, 1.2),
        damage_row("magnitude", 0.5, 3.0, model_id="other"),
    ]
    [found] = compare_with_baselines(rows)
    assert (found.model_id, found.method, found.baseline, found.ratio) == ("m", "magnitude", "random", 0.5)
    assert (found.damage, found.baseline_damage, found.better, found.verdict) == (2.0, 20.0, True, "clearly better")


def test_a_baseline_is_not_compared_with_itself() -> None:
    assert compare_with_baselines([damage_row("random")]) == []


def test_verdicts_follow_the_intervals() -> None:
    base = damage_row("random", damage=2.0)
    assert judge(damage_row(damage=1.7), base) == "clearly better"
    assert judge(damage_row(damage=1.9), base) == "better, intervals overlap"
    assert judge(damage_row(damage=2.0), base) == "equal"
    assert judge(damage_row(damage=2.1), base) == "worse, intervals overlap"
    assert judge(damage_row(damage=2.3), base) == "clearly worse"
    assert judge(damage_row(damage=1.0, damage_high=None), base) == "better, intervals overlap"


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
    assert {method for *_, method in best_methods(rows)} == {"magnitude", "mlp-maxmin"}


def test_best_methods_are_the_least_of_each_ratio_and_ties_all_count() -> None:
    rows = [damage_row("a", 0.5, 2.0), damage_row("b", 0.5, 2.0), damage_row("c", 0.5, 3.0), damage_row("c", 0.1, 9.0)]
    assert {(ratio, method) for *_, ratio, method in best_methods(rows)} == {(0.5, "a"), (0.5, "b"), (0.1, "c")}


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
    assert latency_by_scope(rows, 0.5) == ["layer 0.50 x (60 % of the parameters left)", "weight 1.00 x"]


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
