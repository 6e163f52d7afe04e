"""Promises of the papers: the interval is Welch's, and the verdict follows it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from analysis.losses import Losses, LossRow
from analysis.promises import PROMISES, SeedRow, outcomes, welch
from analysis.section import Answers
from analysis.sections.prune.promises import PROMISES_SECTION
from pruning.methods import METHODS
from tests.analysis.conftest import Built

DRAWS = st.lists(st.floats(1, 4), min_size=2, max_size=6, unique=True)


def rows(method: str, *perplexities: float, ratio: float = 0.5, model: str = "m") -> list[SeedRow]:
    return [SeedRow("reference", model, method, ratio, seed, value, ratio) for seed, value in enumerate(perplexities)]


def test_promises_are_of_methods_that_there_are() -> None:
    assert {name for promise in PROMISES for name in (promise.better, promise.worse)} <= {*METHODS.names()}


@given(first=DRAWS, second=DRAWS)
def test_the_interval_is_welchs(first: list[float], second: list[float]) -> None:
    difference, margin = welch(first, second)
    expected = ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert margin is not None
    assert difference - margin == pytest.approx(expected.low, rel=1e-6, abs=1e-9)
    assert difference + margin == pytest.approx(expected.high, rel=1e-6, abs=1e-9)


def test_what_was_drawn_once_is_exact() -> None:
    """One sample t-interval of 1, 2, 3 around its mean: 2 +- 4.303 / sqrt(3)."""
    difference, margin = welch([5.0], [1.0, 2.0, 3.0])
    assert difference == 3.0
    assert margin == pytest.approx(4.302652 / math.sqrt(3), rel=1e-6)
    assert welch([5.0], [1.0]) == (4.0, None)


@pytest.mark.parametrize(
    ("magnitude", "random", "verdict"),
    [
        ((2.0,), (4.0, 4.1, 3.9), "kept"),
        ((2.0,), (2.0, 2.9, 2.1), "kept on average"),
        ((2.0,), (1.9, 2.1, 1.8), "broken on average"),
        ((4.0,), (2.0, 2.1, 1.9), "broken"),
        ((2.0,), (3.0,), "kept in one draw"),
        ((3.0,), (2.0,), "broken in one draw"),
        ((3.0,), (3.0,), "broken in one draw"),
    ],
)
def test_verdicts(magnitude: tuple[float, ...], random: tuple[float, ...], verdict: str) -> None:
    (found,) = outcomes([*rows("magnitude", *magnitude), *rows("random", *random)])
    assert found.verdict == verdict
    assert found.relative == pytest.approx(
        math.exp(sum(map(math.log, magnitude)) / len(magnitude) - sum(map(math.log, random)) / len(random))
    )


def test_a_promise_of_no_more_is_kept_by_equal_numbers() -> None:
    (found,) = outcomes([*rows("wanda", 2.0, 2.0), *rows("magnitude", 2.0)])
    assert (found.verdict, found.low, found.high) == ("kept", 1.0, 1.0)


def test_only_equal_models_and_ratios_are_compared() -> None:
    assert outcomes([*rows("magnitude", 2.0), *rows("random", 3.0, ratio=0.25), *rows("random", 3.0, model="n")]) == []


def test_methods_that_removed_unequally_are_not_compared() -> None:
    unequal = [SeedRow("reference", "m", "random", 0.5, 0, 3.0, removed_fraction=0.3)]
    assert outcomes([*rows("magnitude", 2.0), *unequal]) == []


def test_losses_by_window_make_the_interval() -> None:
    """Equal differences on all windows leave the chance of seeds alone: Student's interval of ln 2, ln 3, ln 4."""
    losses = [LossRow("reference", "m", "magnitude", 0.5, 0, [1.0] * 8, [10] * 8)]
    drawn = [(seed, math.log(value)) for seed, value in enumerate((2.0, 3.0, 4.0))]
    losses += [LossRow("reference", "m", "random", 0.5, seed, [1 + 10 * nats] * 8, [10] * 8) for seed, nats in drawn]
    (found,) = outcomes([*rows("magnitude", 1.1), *rows("random", 2.2, 3.3, 4.4)], Losses(losses))
    difference, margin = welch([0.0], [nats for _, nats in drawn])
    assert margin is not None and found.low and found.high
    assert found.relative == pytest.approx(math.exp(difference))
    assert (math.log(found.low), math.log(found.high)) == pytest.approx(
        (difference - margin, difference + margin), abs=0.01
    )


def test_the_section_says_where_a_promise_is_kept(full: Built) -> None:
    text = str(PROMISES_SECTION.render(Answers(full.store)))
    assert "magnitude < random" in text
    assert "kept on 5 of 5 models (the interval decides on 0)" in text
