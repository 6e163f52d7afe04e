from itertools import combinations
from random import Random

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_processing.choosing.constraints import Rules
from data_processing.choosing.representatives import CHOICES_PER_FAMILY, Choice, Space, choose
from data_processing.choosing.selection import Objective
from data_processing.corpus import ModelRow
from tests.data_processing.models import model

MEDOIDS, CENTRE = Rules("k-medoids"), Rules("k-centre")
OBJECTIVES: tuple[Objective, ...] = ("k-medoids", "k-centre")


def line(**positions: float) -> Space:
    """Structures on a line, at most 1 apart."""
    at = numpy.array(list(positions.values()))
    return Space({name: row for row, name in enumerate(positions)}, abs(at[:, None] - at))


def ids(choices: list[Choice]) -> list[str]:
    return [choice.model.model_id for choice in choices]


ONE_PLACE = line(s=0)
SPREAD = line(a=0.0, b=0.1, c=0.2, d=1.0)


def spread_members(**values: object) -> list[ModelRow]:
    return [model(name, structure_id=name, has_weights=True, **values) for name in "abcd"]


def test_the_middle_stands_for_a_family_and_the_next_adds_most() -> None:
    chosen = choose(spread_members(), SPREAD, MEDOIDS)
    assert ids(chosen) == ["b", "d", "a", "c"]
    assert [choice.mean_distance for choice in chosen] == pytest.approx([0.275, 0.05, 0.025, 0.0])
    assert chosen[0].reason == (
        "mean distance 0.275 to 4 models, least of 4 eligible; first by id of 2 that serve as well; "
        "4 of 4 members have weights"
    )
    assert chosen[1].reason == "lowers the mean distance from 0.275 to 0.050, the most that one can add"


def test_the_centre_has_the_least_greatest_distance_then_the_farthest_first() -> None:
    chosen = choose(spread_members(), SPREAD, CENTRE)
    assert ids(chosen) == ["c", "d", "a", "b"]
    assert {choice.objective for choice in chosen} == {"k-centre"}
    assert [choice.reason for choice in chosen[:2]] == [
        "farthest of 4 models at 0.800, least of 4 eligible; 4 of 4 members have weights",
        "nearest to the farthest model; the farthest was at 0.800, is at 0.200",
    ]


def test_downloads_pull_the_choice_and_unknown_ones_do_not() -> None:
    members = spread_members()
    members[3] = model("d", structure_id="d", has_weights=True, downloads=10)
    assert ids(choose(members, SPREAD, MEDOIDS))[0] == "d"
    assert ids(choose(spread_members(downloads=0), SPREAD, MEDOIDS)) == ids(choose(spread_members(), SPREAD, MEDOIDS))


def test_members_that_may_not_be_chosen_still_count() -> None:
    members = [model("free", structure_id="d", has_weights=True)] + [
        model(name, structure_id=name, has_weights=name == "c") for name in "abc"
    ]
    chosen = choose(members, SPREAD, MEDOIDS)
    assert ids(chosen) == ["c", "free"]
    assert chosen[0].mean_distance == pytest.approx((0.2 + 0.1 + 0.8) / 4)
    assert "least of 2 eligible; 2 of 4 members have weights" in chosen[0].reason


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_one_structure_is_decided_by_downloads_then_size_then_id(objective: Objective) -> None:
    members = [
        model("d", structure_id="s", n_parameters=3),
        model("c", structure_id="s", n_parameters=2),
        model("b", structure_id="s", n_parameters=2),
        model("a", structure_id="s"),
        model("z", structure_id="s", downloads=7),
    ]
    chosen = choose(members, ONE_PLACE, Rules(objective))
    assert ids(chosen) == ["z", "b", "c", "d", "a"]
    assert [choice.rank for choice in chosen] == [1, 2, 3, 4, 5]
    assert {choice.mean_distance for choice in chosen} == {0.0}
    lack = "no member has reachable weights"
    assert [choice.reason for choice in chosen] == [
        f"same structure as all 5 members; most downloaded of 5 that serve as well; {lack}",
        f"next by preference; first by id of 4 that serve as well; {lack}",
        f"next by preference; smallest of 3 that serve as well; {lack}",
        f"next by preference; smallest of 2 that serve as well; {lack}",
        f"next by preference; {lack}",
    ]


def test_the_only_member() -> None:
    [chosen] = choose([model("a", structure_id="s", has_weights=True)], ONE_PLACE, MEDOIDS)
    assert chosen.reason == "the only member"
    assert chosen.mean_distance == 0.0
    [named] = choose([model("a")], ONE_PLACE, MEDOIDS)
    assert named.reason == "the only member; it has no reachable weights"
    assert named.mean_distance is None


def test_members_without_a_structure_are_chosen_only_where_none_has_one() -> None:
    named = [model("x", downloads=9, has_weights=True), model("y", downloads=10)]
    placed = model("p", structure_id="s")
    [chosen] = choose([*named, placed], ONE_PLACE, MEDOIDS)
    assert chosen.model == placed
    assert chosen.reason.startswith("the only member with a structure; 1 of 3 members have weights; it has no")
    [first] = choose(named, ONE_PLACE, MEDOIDS)
    assert first.model.model_id == "x"
    assert first.reason == "none of 2 members has a structure; 1 of 2 members have weights"


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_reference_models_win_where_only_they_have_weights(objective: Objective) -> None:
    """Offline: library types without weights and the models that this project trained, some of them adapted."""
    builtin = [
        model(name, source="builtin", structure_id=place, n_parameters=7 * 10**9)
        for name, place in [("llama", "a"), ("mistral", "b"), ("granite", "b"), ("helium", "c")]
    ]
    reference = model(
        "reference/llama-wide",
        source="reference",
        structure_id="d",
        n_parameters=4 * 10**6,
        has_weights=True,
        license="apache-2.0",
    )
    rules = Rules(objective, licenses=("apache-2.0", "mit"), max_params=200 * 10**6)
    [chosen] = choose([*builtin, reference], SPREAD, rules)
    assert chosen.model == reference
    assert chosen.model.has_weights and chosen.lacks == ()
    assert chosen.reason.endswith(", the only eligible one; 1 of 5 members have weights")


def test_where_none_is_eligible_the_choice_says_what_it_lacks_and_stays_true_to_the_facts() -> None:
    members = [
        model("big", structure_id="s", has_weights=True, n_parameters=10**10),
        model("small", structure_id="s", n_parameters=5, downloads=99),
    ]
    [chosen] = choose(members, ONE_PLACE, Rules("k-medoids", max_params=10**9))
    assert chosen.model.model_id == "big" and chosen.model.has_weights
    assert chosen.lacks == ("size",)
    assert chosen.reason == (
        "same structure as all 2 members; 1 of 2 members have weights; "
        "its 10,000,000,000 parameters are over the limit of 1,000,000,000"
    )
    far = [*members, model("far", structure_id="t", n_parameters=10**10, has_weights=True)]
    reason = choose(far, line(s=0, t=1), Rules("k-medoids", max_params=10**9))[0].reason
    assert "least of 2 candidates" in reason


def test_another_structure_comes_before_a_second_model_of_one_and_at_most_five_do() -> None:
    members = [model(f"s{number}", structure_id="s", downloads=100 - number) for number in range(9)]
    members.append(model("other", structure_id="t"))
    chosen = choose(members, line(s=0, t=0.5), MEDOIDS)
    assert ids(chosen) == ["s0", "other", "s1", "s2", "s3"]
    assert len(chosen) == CHOICES_PER_FAMILY


def test_a_structure_outside_the_space_is_an_error() -> None:
    with pytest.raises(KeyError):
        choose([model("a", structure_id="elsewhere")], ONE_PLACE, MEDOIDS)


@st.composite
def families(draw: st.DrawFn) -> list[ModelRow]:
    optional = st.one_of(st.none(), st.integers(0, 3))
    return [
        model(
            f"m{number}",
            structure_id=draw(st.sampled_from([None, "a", "b", "c", "d"])),
            downloads=draw(optional),
            n_parameters=draw(optional),
            has_weights=draw(st.booleans()),
            gated=draw(st.one_of(st.none(), st.booleans())),
            license=draw(st.sampled_from([None, "mit", "other"])),
        )
        for number in range(draw(st.integers(1, 7)))
    ]


rules = st.builds(Rules, st.sampled_from(OBJECTIVES), st.sampled_from([(), ("mit",)]), st.sampled_from([None, 0, 2]))


@given(families(), rules, st.randoms(use_true_random=False))
def test_the_order_of_members_does_not_matter(family: list[ModelRow], told: Rules, random: Random) -> None:
    shuffled = random.sample(family, len(family))
    assert choose(shuffled, SPREAD, told) == choose(family, SPREAD, told)


@given(families(), rules)
def test_the_first_choice_is_the_best_of_those_that_lack_as_little(family: list[ModelRow], told: Rules) -> None:
    chosen = choose(family, SPREAD, told)
    assert len({choice.model for choice in chosen}) == len(chosen) >= 1
    placed = [one for one in family if one.structure_id is not None]
    total = sum(one.downloads or 0 for one in placed)

    def badness(candidate: ModelRow) -> tuple[float, float]:
        away = [abs(_at(one) - _at(candidate)) for one in placed]
        shares = [(1 / len(placed) + (one.downloads or 0) / total) / 2 if total else 1 / len(placed) for one in placed]
        mean = sum(share * one for share, one in zip(shares, away, strict=True))
        return (0.0, mean) if told.objective == "k-medoids" else (max(away), mean)

    least = min(_lacked(one, told) for one in placed or family)
    alternatives = [one for one in placed or family if _lacked(one, told) == least]
    assert all(choice.model in alternatives for choice in chosen)
    assert len(chosen) == min(len(alternatives), CHOICES_PER_FAMILY)
    assert all((choice.mean_distance is None) == (not placed) for choice in chosen)
    if placed:
        assert badness(chosen[0].model) == pytest.approx(min(map(badness, alternatives)))


def _at(one: ModelRow) -> float:
    return {"a": 0.0, "b": 0.1, "c": 0.2, "d": 1.0}[one.structure_id or ""]


def _lacked(one: ModelRow, told: Rules) -> tuple[bool, ...]:
    """Return whether licence, weights, openness and size are lacked: the least tuple lacks what matters least."""
    return (
        bool(told.licenses) and one.license not in told.licenses,
        not one.has_weights,
        bool(one.gated),
        told.max_params is not None and (one.n_parameters is None or one.n_parameters > told.max_params),
    )


@given(st.permutations("abcd"), st.integers(1, 4))
def test_further_choices_save_their_share_of_the_best(order: list[str], count: int) -> None:
    chosen = choose([model(name, structure_id=name) for name in order], SPREAD, MEDOIDS)
    at = [0.0, 0.1, 0.2, 1.0]
    best = min(sum(min(abs(one - other) for other in some) for one in at) / 4 for some in combinations(at, count))
    mean = chosen[count - 1].mean_distance
    assert mean is not None and 1 - mean >= (1 - 1 / numpy.e) * (1 - best)
