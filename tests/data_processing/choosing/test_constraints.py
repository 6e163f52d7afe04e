from typing import Any

import pytest

from data_processing.choosing.constraints import Constraint, Rules, describe_lacks, eligible, lacks
from tests.data_processing.models import model

RULES = Rules("k-medoids", licenses=("apache-2.0", "MIT"), max_params=100)
GOOD = {"has_weights": True, "license": "mit", "n_parameters": 100}


@pytest.mark.parametrize(
    ("changed", "lacked"),
    [
        ({}, ()),
        ({"gated": False, "license": "Apache-2.0"}, ()),
        ({"n_parameters": 101}, ("size",)),
        ({"n_parameters": None}, ("size",)),
        ({"gated": True}, ("open",)),
        ({"has_weights": False}, ("weights",)),
        ({"license": "other"}, ("licence",)),
        ({"license": None}, ("licence",)),
        ({"license": None, "gated": True, "n_parameters": None}, ("licence", "open", "size")),
    ],
)
def test_what_a_model_lacks(changed: dict[str, Any], lacked: tuple[Constraint, ...]) -> None:
    assert lacks(model("a/a", **GOOD | changed), RULES) == lacked


def test_without_a_limit_and_a_list_unknown_size_and_licence_are_no_lack() -> None:
    assert lacks(model("a/a", has_weights=True), Rules("k-medoids")) == ()


def test_the_size_is_passed_over_first_then_the_gate_then_weights_then_the_licence() -> None:
    forbidden = model("forbidden", **GOOD | {"license": None})
    weightless = model("weightless", **GOOD | {"has_weights": False})
    gated = model("gated", **GOOD | {"gated": True})
    large = model("large", **GOOD | {"n_parameters": 101})
    good = model("good", **GOOD)
    models = [forbidden, weightless, gated, large, good]
    while models:
        assert eligible(models, RULES) == [models[-1]]
        models.pop()
    assert eligible([], RULES) == []


def test_what_no_member_meets_gives_up_nothing_else() -> None:
    small, large = model("small", gated=True, n_parameters=5), model("large", gated=True, n_parameters=500)
    assert eligible([large, small], Rules("k-medoids", max_params=100)) == [small]
    assert eligible([large, small], Rules("k-medoids", max_params=1)) == [large, small]


def test_the_words_tell_one_from_all_and_show_no_control_characters() -> None:
    bad = model("bad", gated=True, license="\x1b[31mred", n_parameters=2000)
    rules = Rules("k-medoids", licenses=("mit",), max_params=1000)
    assert describe_lacks(bad, [bad], rules) == (
        "its licence (\\x1b[31mred) is none of mit",
        "it has no reachable weights",
        "it is gated",
        "its 2,000 parameters are over the limit of 1,000",
    )
    unknown = model("unknown", gated=True)
    assert describe_lacks(unknown, [bad, unknown], rules) == (
        "no member has a licence of mit",
        "no member has reachable weights",
        "every member is gated",
        "no member is known to have at most 1,000 parameters",
    )
    good = model("good", has_weights=True, license="mit", n_parameters=7)
    assert describe_lacks(unknown, [good, unknown], rules)[-1] == "its size is unknown, the limit is 1,000 parameters"
    assert describe_lacks(good, [good, unknown], rules) == ()
