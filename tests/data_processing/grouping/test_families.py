import random

import pytest

from data_processing.grouping.families import Member, Strategy, group_families
from data_processing.naming.known import known_names
from data_processing.naming.lineage import name_models
from tests.data_processing.models import model

PLANS = {  # model id -> (plan, cluster of the plan)
    "llama": ("p1", "p1"),
    "mistral": ("p1", "p1"),
    "a/llama-wide": ("p2", "p1"),
    "a/llama-odd": ("p9", "p9"),
    "gpt2": ("p3", "p3"),
}
IDS = [*PLANS, "b/llama-gated", "b/frobnicator", "b/frobnicator-chat"]


def members() -> list[Member]:
    models = [
        *(
            model(name, structure_id=name if name in PLANS else None, downloads=7 if name == "llama" else None)
            for name in IDS
        ),
        model("llama_part", reason="component"),
    ]
    named = name_models(models, known_names())
    return [Member(one, *PLANS.get(one.model.model_id, (None, None))) for one in named]


def grouped(strategy: Strategy, given: list[Member]) -> dict[str, set[str]]:
    families = group_families(given, strategy, known_names())
    return {family.family_id: {one.member.named.model.model_id for one in family.members} for family in families}


def test_by_name_every_whole_model_has_a_family() -> None:
    assert grouped("name", members()) == {
        "llama": {"llama", "a/llama-wide", "a/llama-odd", "b/llama-gated"},
        "mistral": {"mistral"},
        "gpt2": {"gpt2"},
        "frobnicator": {"b/frobnicator", "b/frobnicator-chat"},
    }


def test_by_architecture_only_structures_count_and_equal_labels_get_a_hash() -> None:
    found = grouped("architecture", members())
    odd = next(family_id for family_id, ids in found.items() if "a/llama-odd" in ids)
    assert odd.startswith("llama-") and len(odd) == len("llama-") + 8
    assert found == {"llama": {"llama", "mistral", "a/llama-wide"}, odd: {"a/llama-odd"}, "gpt2": {"gpt2"}}


def test_by_both_names_place_what_has_no_structure_and_structure_overrules_names() -> None:
    found = grouped("both", members())
    assert found["llama"] == {"llama", "mistral", "a/llama-wide", "b/llama-gated"}
    assert found["frobnicator"] == {"b/frobnicator", "b/frobnicator-chat"}
    assert {"a/llama-odd"} in found.values()


def test_reasons_say_what_decided() -> None:
    families = group_families(members(), "both", known_names())
    reasons = {one.member.named.model.model_id: one.reason for family in families for one in family.members}
    assert reasons["llama"] == "structure"
    assert reasons["a/llama-wide"] == "structure and base name llama"
    assert reasons["a/llama-odd"] == "structure, against its base name llama as llama"
    assert reasons["b/llama-gated"] == "base name llama as llama; no structure of its own"


@pytest.mark.parametrize("strategy", ["name", "architecture", "both"])
def test_the_order_of_models_does_not_matter(strategy: Strategy) -> None:
    expected = group_families(members(), strategy, known_names())
    for seed in range(5):
        shuffled = members()
        random.Random(seed).shuffle(shuffled)
        assert group_families(shuffled, strategy, known_names()) == expected


def test_of_equally_common_names_the_one_that_others_begin_with_names_the_family() -> None:
    models = [model(name, structure_id=name, model_type=name) for name in ("abc9", "qwen3", "qwen3_vl_text", "zeta")]
    same_plan = [Member(one, "p", "p") for one in name_models(models, known_names())]
    assert grouped("architecture", same_plan).keys() == {"qwen3"}
