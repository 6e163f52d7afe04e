from data_processing.corpus import ModelRow
from data_processing.naming.lineage import name_models
from data_processing.naming.names import known_names
from tests.data_processing.models import model


def named(*models: ModelRow) -> dict[str, tuple[str, str]]:
    return {one.model.model_id: (one.base_name, one.evidence) for one in name_models(models, known_names())}


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
