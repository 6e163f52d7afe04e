from typing import get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_processing.corpus import ModelRow
from data_processing.naming.known import known_names
from data_processing.naming.lineage import Evidence, class_base_name, name_models
from store.records import NameRecord
from tests.data_processing.models import model

KNOWN = known_names()


def named(*models: ModelRow) -> dict[str, tuple[str, str]]:
    return {one.model.model_id: (one.base_name, one.evidence) for one in name_models(models, KNOWN)}


def test_parent_before_type_before_name() -> None:
    found = named(
        model("a/gpt2-like", base_model="meta-llama/Llama-2-7b", model_type="mistral"),
        model("a/bert-like", model_type="roberta"),
        model("a/bert-plain"),
    )
    assert found == {
        "a/gpt2-like": ("llama", "base_model"),
        "a/bert-like": ("roberta", "model_type"),
        "a/bert-plain": ("bert", "name"),
    }


def test_a_listed_parents_type_counts_through_generations_whatever_the_case() -> None:
    found = named(
        model("a/root", model_type="opt"),
        model("b/child", base_model="A/Root"),
        model("c/grandchild", base_model="b/CHILD"),
    )
    assert found["c/grandchild"] == ("opt", "base_model")


def test_self_reference_circles_and_unknown_parents_fall_back() -> None:
    found = named(
        model("a/selfish", base_model="a/selfish", model_type="bert"),
        model("a/one", base_model="a/two", model_type=None),
        model("a/two", base_model="a/one", model_type=None),
        model("a/orphan", base_model="x/frobnicator", model_type="t5"),
    )
    assert found["a/selfish"] == ("bert", "model_type")
    assert found["a/one"] == ("one", "name")
    assert found["a/two"] == ("two", "name")
    assert found["a/orphan"] == ("t5", "model_type")


def test_a_merge_inherits_from_none() -> None:
    found = named(model("a/blend", base_model="x/llama-7b", base_model_relation="merge", model_type="mistral"))
    assert found["a/blend"] == ("mistral", "model_type")


def test_each_evidence_gives_way_to_the_one_before_it() -> None:
    everything = {
        "base_model": "x/bert-base",
        "adapter_base": "x/gpt2",
        "gguf_architecture": "falcon",
        "model_type": "t5",
        "architecture": "OPTForCausalLM",
    }
    expected = [
        ("bert", "base_model"),
        ("gpt2", "adapter_config"),
        ("falcon", "gguf"),
        ("t5", "model_type"),
        ("opt", "architecture"),
        ("whisper", "name"),
    ]
    for left_out, result in enumerate(expected):
        kept = dict(list(everything.items())[left_out:])
        assert named(model("a/whisper-like", **kept)) == {"a/whisper-like": result}


def test_an_architecture_that_is_no_known_class_leaves_it_to_the_name() -> None:
    found = named(model("a/bert-x", architecture="FrobnicatorForCausalLM"), model("a/t5-x", architecture="\x1b[31m"))
    assert found == {"a/bert-x": ("bert", "name"), "a/t5-x": ("t5", "name")}


@pytest.mark.parametrize(
    ("architecture", "family"),
    [
        ("BertForMaskedLM", "bert"),
        ("XLMRobertaForTokenClassification", "xlm-roberta"),
        ("DebertaV2Model", "deberta-v2"),
        ("Qwen2MoeForCausalLM", "qwen2-moe"),
        ("Qwen2ForCausalLM", "qwen2"),
        ("GPT2LMHeadModel", "gpt2"),
        ("LLaMAForCausalLM", "llama"),
        ("Frobnicator", None),
        ("", None),
    ],
)
def test_classes(architecture: str, family: str | None) -> None:
    assert class_base_name(architecture, KNOWN) == family


def test_gguf_files_that_call_several_families_alike_are_told_apart_by_their_names() -> None:
    found = named(
        model("a/Mistral-7B-GGUF", gguf_architecture="llama"),
        model("a/gemma-like-GGUF", gguf_architecture="llama"),
        model("a/x-GGUF", gguf_architecture="qwen2moe"),
        model("a/y-GGUF", gguf_architecture="frob_nicator"),
    )
    assert found == {
        "a/Mistral-7B-GGUF": ("mistral", "gguf"),
        "a/gemma-like-GGUF": ("llama", "gguf"),
        "a/x-GGUF": ("qwen2-moe", "gguf"),
        "a/y-GGUF": ("frob-nicator", "gguf"),
    }


def test_a_merge_whose_parents_agree_inherits() -> None:
    found = named(
        model("a/agree", base_model="x/llama-7b", base_models="x/llama-7b\ny/vicuna-7b", base_model_relation="merge"),
        model("a/bert", base_model="x/llama-7b", base_models="x/llama-7b\ny/t5-small", base_model_relation="merge"),
        model("a/half", base_model="x/llama-7b", base_models="x/llama-7b\ny/frobnicator", base_model_relation="merge"),
    )
    assert found["a/agree"] == ("llama", "base_model")
    assert found["a/bert"] == ("bert", "name")
    assert found["a/half"] == ("half", "name")


def test_the_nearest_ancestor_whose_files_tell_comes_before_older_ones() -> None:
    found = named(
        model("a/root", model_type="bert"),
        model("a/middle", model_type="t5", base_model="a/root"),
        model("a/child", base_model="a/middle"),
        model("b/bert-root"),
        model("b/gpt2-middle", base_model="b/bert-root"),
        model("b/child", base_model="b/gpt2-middle"),
    )
    assert found["a/child"] == ("t5", "base_model")
    assert found["b/child"] == ("bert", "base_model")  # of names the oldest: it is the one that others build on


def test_renamed_parents_are_found_by_name_where_all_of_that_name_agree() -> None:
    found = named(
        model("new/Frob-7B", model_type="opt"),
        model("a/child", base_model="old/frob-7b"),
        model("x/blub", model_type="opt"),
        model("y/blub", model_type="t5"),
        model("a/second", base_model="z/blub"),
        model("x/my_model", model_type="opt"),
        model("a/third", base_model="z/my_model"),
    )
    assert found["a/child"] == ("opt", "base_model")
    assert found["a/second"] == ("blub", "base_model")  # no type, only the parent's own word
    assert found["a/third"] == ("my_model", "base_model")  # a template's name says nothing of other owners' models


def test_a_model_is_no_witness_for_its_parent_of_the_same_name() -> None:
    found = named(model("a/frob", base_model="b/frob", model_type="t5"))
    assert found["a/frob"] == ("t5", "model_type")


def test_ids_that_differ_only_in_case_are_two_models() -> None:
    found = named(
        model("a/Frob", model_type="opt"),
        model("a/frob", base_model="a/Frob"),
        model("b/child", base_model="A/FROB"),
        model("b/other", base_model="a/frob"),
    )
    assert found["a/frob"] == ("opt", "base_model")
    assert found["b/child"] == ("opt", "base_model")
    assert found["b/other"] == ("opt", "base_model")


def test_children_of_an_unknown_parent_are_called_as_it_is_unless_they_say_what_they_are() -> None:
    found = named(
        model("a/one-lora", adapter_base="./Frobnicator-7b"),
        model("a/two", base_model="https://example.org/x/frobnicator-7b"),
        model("a/bert-three", base_model="x/frobnicator-7b"),
    )
    assert found["a/one-lora"] == ("frobnicator", "adapter_config")
    assert found["a/two"] == ("frobnicator", "base_model")
    assert found["a/bert-three"] == ("bert", "name")


def test_a_long_chain_takes_a_bounded_number_of_generations() -> None:
    chain = [model(f"a/m{index}", base_model=f"a/m{index + 1}") for index in range(3_000)]
    found = named(*chain, model("a/m3000", model_type="opt"))
    assert found["a/m2999"] == ("opt", "base_model")
    assert found["a/m0"][1] == "base_model"
    assert found["a/m0"][0] != "opt"


@given(data=st.data())
def test_the_order_of_models_does_not_matter_and_every_graph_ends(data: st.DataObject) -> None:
    ids = ("a/x", "A/x", "b/x", "b/bert", "c/y", "c/t5-z")
    parents = st.none() | st.sampled_from([*ids, "q/X", "d/gpt2", "a/x\nc/y"])
    models = []
    for model_id in ids:
        several = data.draw(parents)
        kind = data.draw(st.sampled_from([None, "opt", "t5"]))
        relation = data.draw(st.sampled_from([None, "merge"]))
        single = several.splitlines()[0] if several else None
        models.append(
            model(model_id, base_model=single, base_models=several, base_model_relation=relation, model_type=kind)
        )
    shuffled = data.draw(st.permutations(models))
    assert named(*models) == named(*shuffled)
    assert [one.model for one in name_models(shuffled, KNOWN)] == shuffled


def test_every_evidence_can_be_stored() -> None:
    assert set(get_args(Evidence)) <= set(get_args(get_type_hints(NameRecord)["evidence"]))
