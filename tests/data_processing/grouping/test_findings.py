"""Contradictions: hand-made corpora with the list that a person would write, then what holds for any corpus."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_processing import corpus
from data_processing.grouping.findings import find_contradictions
from data_processing.grouping.subjects import Finding, Shape, Subject
from data_processing.naming.known import known_names
from data_processing.naming.lineage import Evidence, NamedModel
from data_processing.naming.names import parse_name
from data_processing.similarity.jaccard import overlap
from data_processing.trees.canonical import canonical_tree
from data_processing.trees.fingerprints import fingerprints
from data_processing.trees.tokens import token_bag
from store import Store
from store.records import FindingRecord, StructureRecord, TraitRecord
from tests.data_processing.models import model
from tests.data_processing.module_trees import Module, decoder, encoder, linear, rows_of

KNOWN = known_names()


def shape(tree: Module | None = None, **values: Any) -> Shape:
    """A structure of the config's view: 4 layers of width 8 unless told otherwise."""
    canonical = canonical_tree(rows_of(tree or decoder()))
    plain = Shape("s", "config", 1000, 4, 8, {}, fingerprints(canonical), token_bag(canonical))
    return replace(plain, **values)


def traits(**values: str) -> Shape:
    return shape(traits=values)


def subject(
    model_id: str,
    base_name: str,
    cluster: str | None,
    found: Shape | None,
    evidence: Evidence = "name",
    **values: Any,
) -> Subject:
    row = model(model_id, **values)
    named = NamedModel(row, parse_name(model_id, KNOWN), base_name, evidence)
    return Subject(named, cluster, None if found is None else found.provenance, found)


def findings(*subjects: Subject) -> list[Finding]:
    return find_contradictions(subjects, KNOWN)


def told(found: Iterable[Finding]) -> list[tuple[str, str | None, str, str]]:
    return [(one.model_id, one.other_model_id, one.said, one.found) for one in found]


LLAMA, BERT = shape(decoder()), shape(encoder())
SEVEN = subject("meta/llama-7b", "llama", "decoders", LLAMA, downloads=900)
CHAT = subject("b/llama-chat", "llama", "decoders", LLAMA, downloads=5)


def test_a_name_whose_structure_is_another_familys() -> None:
    found = findings(
        SEVEN,
        CHAT,
        subject("google/bert-base", "bert", "encoders", BERT, downloads=800),
        subject("c/llama-ner", "llama", "encoders", BERT, downloads=3),
        subject("d/llama-gated", "llama", None, None),
    )
    similarity = overlap(BERT.bag, LLAMA.bag).similarity
    assert found == [
        Finding("name_structure", "hub", "c/llama-ner", "meta/llama-7b", "llama (from the name)", "bert", similarity)
    ]
    assert similarity < 0.2


@pytest.mark.parametrize(
    ("evidence", "words"),
    [("base_model", "its base model"), ("gguf", "its GGUF file"), ("name", "the name")],
)
def test_a_structure_like_no_name_is_said_so_with_the_evidence(evidence: Evidence, words: str) -> None:
    found = findings(SEVEN, CHAT, subject("c/odd", "llama", "odd", BERT, evidence))
    assert told(found) == [("c/odd", "meta/llama-7b", f"llama (from {words})", "unlike llama, and like no other name")]


def test_one_odd_model_does_not_contradict_all_others_however_well_known() -> None:
    found = findings(subject("tests/tiny-llama", "llama", "odd", BERT, downloads=10**6), SEVEN, CHAT)
    assert [(one.model_id, one.other_model_id) for one in found] == [("tests/tiny-llama", "meta/llama-7b")]


def test_of_equally_many_the_best_known_models_cluster_is_the_names_home() -> None:
    found = findings(subject("b/llama-2", "llama", "odd", BERT, downloads=8), SEVEN)
    assert [one.model_id for one in found] == ["b/llama-2"]


def test_names_that_share_a_plan_do_not_contradict_it() -> None:
    """llama, mistral and granite meet in one cluster: each is at home there."""
    assert findings(*(subject(name, name, "decoders", LLAMA) for name in ("llama", "mistral", "granite"))) == []


def test_the_commonest_name_at_home_is_what_was_found() -> None:
    shared = [subject(f"a/mistral-{index}", "mistral", "decoders", LLAMA) for index in range(3)]
    found = findings(SEVEN, CHAT, *shared, subject("c/bert", "bert", "decoders", LLAMA), *berts(2))
    assert told(found) == [("c/bert", "a/bert-0", "bert (from the name)", "mistral")]


def berts(count: int) -> list[Subject]:
    return [subject(f"a/bert-{index}", "bert", "encoders", BERT) for index in range(count)]


def test_a_name_that_strayed_into_a_cluster_does_not_name_it() -> None:
    """More models of the cluster are named bert than llama, but bert is at home elsewhere."""
    strayed = [subject(f"c/bert-{index}", "bert", "decoders", LLAMA) for index in range(3)]
    found = findings(SEVEN, CHAT, *strayed, *berts(4))
    assert [(one.model_id, one.found) for one in found] == [(f"c/bert-{index}", "llama") for index in range(3)]


def test_a_type_with_several_plans_is_one_finding_for_each_that_is_another_types_home() -> None:
    def typed(model_id: str, base_name: str, cluster: str, found: Shape, downloads: int | None = None) -> Subject:
        return subject(model_id, base_name, cluster, found, "model_type", downloads=downloads)

    found = findings(
        *(typed(f"a/t5-{index}", "t5", "plain", LLAMA) for index in range(5)),
        *(typed(f"a/v1_1-{index}", "t5", "gated", BERT, index) for index in range(3)),
        *(typed(f"a/alone-{index}", "t5", "own", BERT) for index in range(2)),
        typed("google/mt5", "mt5", "gated", BERT),
    )
    assert told(found) == [("a/v1_1-2", "a/t5-0", "t5 (from model_type)", "mt5")]


def test_a_header_that_is_not_what_the_type_builds_is_a_finding() -> None:
    def custom(model_id: str, cluster: str, found: Shape) -> Subject:
        return subject(model_id, "llama", cluster, replace(found, provenance="header"), "model_type")

    found = findings(custom("a/1", "decoders", LLAMA), custom("a/2", "decoders", LLAMA), custom("c/odd", "odd", BERT))
    assert told(found) == [("c/odd", "a/1", "llama (from model_type)", "unlike llama, and like no other name")]


def test_views_are_not_compared_with_one_another() -> None:
    header = replace(LLAMA, provenance="header")
    assert findings(SEVEN, subject("b/llama", "llama", "of headers", header)) == []


def test_a_header_that_is_mapped_to_a_config_is_compared_with_configs() -> None:
    header = replace(BERT, provenance="header")
    mapped = replace(subject("b/llama", "llama", "encoders", header), view="config")
    assert [one.model_id for one in findings(SEVEN, CHAT, mapped)] == ["b/llama"]


def test_components_and_adapters_have_no_findings_and_are_compared_with_nothing() -> None:
    gelu = replace(BERT, traits={"activation": "gelu"})
    found = findings(
        subject("a/part", "llama", "decoders", traits(activation="relu"), reason="component", downloads=9),
        subject("a/lora", "llama", "decoders", traits(activation="silu"), is_delta=True, downloads=8),
        subject("b/llama", "llama", "odd", gelu),
        subject("c/child", "llama", "odd", BERT, base_model="a/lora", base_model_relation="finetune"),
    )
    assert found == []


DEEPER, WIDER = shape(decoder(layers=6), n_layers=6), shape(decoder(width=16), hidden_size=16)
HEADER = shape(provenance="header", hidden_size=None)
PACKED = shape(encoder(), provenance="header", traits={"quantisation": "awq"})


def with_pooler(tree: Module) -> Module:
    """The body with something that stands once, as bert has a pooler for some tasks only."""
    body = tree.children["model"]
    widened = replace(body, children={**body.children, "pooler": linear(8, 8)})
    return replace(tree, children={**tree.children, "model": widened})


def with_head(tree: Module, labels: int) -> Module:
    return replace(tree, children={**tree.children, "lm_head": linear(labels, 8, bias=True)})


@pytest.mark.parametrize(
    ("child", "parent", "expected"),
    [
        (LLAMA, LLAMA, None),
        (shape(with_head(decoder(), 3)), LLAMA, None),
        (shape(with_pooler(decoder())), LLAMA, None),
        (shape(with_pooler(decoder(layers=6)), n_layers=6), LLAMA, "same plan, 6 instead of 4 layers"),
        (shape(n_parameters=5000), LLAMA, None),  # a longer vocabulary
        (shape(decoder(heads=2)), LLAMA, None),  # the stream is as wide
        (DEEPER, LLAMA, "same plan, 6 instead of 4 layers"),
        (WIDER, LLAMA, "same plan, width 16 instead of 8"),
        (replace(WIDER, n_layers=6), LLAMA, "same plan, 6 instead of 4 layers, width 16 instead of 8"),
        (BERT, LLAMA, "other plan: similarity 0.00"),
        (shape(with_pooler(decoder(layers=1)), n_layers=1), shape(decoder(layers=1), n_layers=1), "other plan: "),
        (HEADER, LLAMA, None),
        (HEADER, replace(HEADER, n_parameters=1999), None),
        (HEADER, replace(HEADER, n_parameters=2000), "same plan, 1,000 instead of 2,000 parameters"),
        (replace(BERT, provenance="header"), HEADER, "other plan: similarity 0.00"),
        (replace(DEEPER, provenance="header"), LLAMA, "same plan, 6 instead of 4 layers"),
        (replace(BERT, provenance="header"), LLAMA, None),
        (PACKED, HEADER, None),
        (HEADER, PACKED, None),
        (replace(PACKED, provenance="gguf"), shape(provenance="gguf"), "other plan: similarity 0.00"),
        (replace(PACKED, provenance="config"), LLAMA, "other plan: similarity 0.00"),
    ],
)
def test_children_of_another_shape(child: Shape, parent: Shape, expected: str | None) -> None:
    found = findings(
        subject("a/parent", "x", None, parent),
        subject("b/child", "y", None, child, base_model="a/Parent", base_model_relation="finetune"),
    )
    if expected is None:
        assert found == []
        return
    (one,) = found
    assert astuple(one)[:5] == ("child_shape", "hub", "b/child", "a/parent", "finetune of a/parent")
    assert one.found.startswith(expected)
    assert one.similarity == overlap(child.bag, parent.bag).similarity


def test_a_bias_in_every_layer_is_another_plan_and_its_similarity_is_rounded_down() -> None:
    child = shape(decoder(bias=True))
    (one,) = findings(
        subject("a/parent", "x", None, LLAMA), subject("b/child", "y", None, child, base_model="a/parent")
    )
    similarity = overlap(child.bag, LLAMA.bag).similarity
    said = float(one.found.removeprefix("other plan: similarity "))
    assert said <= similarity < said + 0.01
    assert one.said == "made from a/parent"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"base_model": "a/parent"}, "a/parent"),
        ({"base_model": "A/PARENT", "base_model_relation": "quantized"}, "a/parent"),
        ({"base_model": "a/parent", "source": "directory"}, "a/parent"),
        ({"base_model": "local", "source": "directory"}, "local"),
        ({"base_model": "local"}, None),
        ({"base_model": "a/parent", "base_model_relation": "merge"}, None),
        ({"base_model": "a/parent", "base_model_relation": "adapter"}, None),
        ({"base_model": "gpt2"}, None),  # a type's default config is not the model of that name on the Hub
        ({"base_model": "b/child"}, None),
        ({"base_model": "a/gated"}, None),
        ({"base_model": "a/unknown"}, None),
        ({"base_model": None}, None),
    ],
)
def test_which_model_is_the_parent(values: dict[str, Any], expected: str | None) -> None:
    found = findings(
        subject("a/parent", "x", None, LLAMA),
        subject("local", "x", None, LLAMA, source="directory"),
        subject("gpt2", "x", None, LLAMA, source="builtin"),
        subject("a/gated", "x", None, None),
        subject("b/child", "x", None, DEEPER, **values),
    )
    assert [one.other_model_id for one in found] == ([] if expected is None else [expected])


def test_of_parents_whose_ids_differ_only_in_case_the_best_known_counts() -> None:
    found = findings(
        subject("a/Parent", "x", None, DEEPER),
        subject("a/parent", "x", None, LLAMA, downloads=1),
        subject("b/child", "x", None, DEEPER, base_model="A/PARENT"),
    )
    assert [one.other_model_id for one in found] == ["a/parent"]


def test_a_child_unlike_its_parent_is_not_told_twice() -> None:
    child = subject("c/frob", "llama", "encoders", BERT, "base_model", base_model="meta/llama-7b")
    assert [one.kind for one in findings(SEVEN, CHAT, child)] == ["child_shape"]
    orphan = subject("c/frob", "llama", "encoders", BERT, "base_model", base_model="meta/elsewhere")
    assert [one.kind for one in findings(SEVEN, CHAT, orphan)] == ["name_structure"]
    misnamed = subject("c/llama", "llama", "encoders", BERT, "name", base_model="meta/llama-7b")
    assert [one.kind for one in findings(SEVEN, CHAT, misnamed)] == ["child_shape", "name_structure"]


def test_traits_are_one_finding_for_each_other_value_not_for_each_pair() -> None:
    others = [
        subject(f"b/{index:02}", "x", "c", traits(activation=value), downloads=index, structure_id=f"s{index}")
        for index, value in enumerate(("silu", "gelu", "relu") * 10)
    ]
    found = findings(subject("a/best", "x", "c", traits(activation="silu"), downloads=99, structure_id="s"), *others)
    assert told(found) == [
        ("b/28", "a/best", "activation silu, as a/best of the same layout", "activation gelu"),
        ("b/29", "a/best", "activation silu, as a/best of the same layout", "activation relu"),
    ]
    assert [(one.kind, one.similarity) for one in found] == [("other_traits", 1.0)] * 2


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (traits(causal="true"), traits(causal="false"), ["causal"]),
        (traits(position="rotary", norm="rms"), traits(position="alibi", norm="layer"), ["norm", "position"]),
        (traits(activation="swish"), traits(activation="silu"), []),
        (traits(activation="gelu"), traits(activation="gelu_new"), ["activation"]),
        (traits(activation="gelu_fast"), traits(activation="gelu_pytorch_tanh"), []),
        (traits(activation="gelu"), traits(), []),
        (traits(sliding_window="4096"), traits(), ["sliding_window"]),
        (traits(sliding_window="4096"), shape(provenance="header"), []),
        (traits(tied_embeddings="true", dtype="F16"), traits(tied_embeddings="false", dtype="F32"), []),
        (traits(attention_heads="8"), traits(attention_heads="4"), ["attention_heads"]),
        (traits(attention_heads="8"), shape(decoder(width=16), traits={"attention_heads": "4"}), []),
        (traits(causal="true"), shape(decoder(width=16), traits={"causal": "false"}), ["causal"]),
        (traits(causal="true"), shape(decoder(layers=6), traits={"causal": "false"}), []),
    ],
)
def test_which_traits_are_another_function(one: Shape, other: Shape, expected: list[str]) -> None:
    found = findings(
        subject("a/one", "x", "c", one, structure_id="s1", downloads=2),
        subject("b/other", "x", "c", other, structure_id="s2", downloads=1),
    )
    assert [finding.found.split()[0] for finding in found] == expected
    assert all(finding.model_id == "b/other" for finding in found)


def test_a_number_of_heads_is_compared_at_one_size() -> None:
    (one,) = findings(
        subject("a/one", "x", "c", traits(attention_heads="8"), structure_id="s1", downloads=2),
        subject("b/other", "x", "c", traits(attention_heads="4"), structure_id="s2"),
    )
    assert (one.said, one.found) == ("attention_heads 8, as a/one of the same size", "attention_heads 4")


def test_a_finding_is_a_row_of_the_store_without_its_run() -> None:
    assert [field.name for field in fields(Finding)] == [field.name for field in fields(FindingRecord)][1:]


def test_shapes_are_read_with_their_traits() -> None:
    query = (Path(corpus.__file__).with_name("queries") / "shapes.sql").read_text(encoding="utf-8")
    with Store.open(None) as store:
        store.insert(
            [
                StructureRecord("r", "s2", "header", 9, 200, 0, None, 5),
                StructureRecord("r", "s1", "config", 9, 100, 4, 8, 5),
            ],
            [TraitRecord("s1", "causal", "true"), TraitRecord("s1", "activation", "silu")],
        )
        assert store.rows(query) == [
            ("s1", "config", 100, 4, 8, {"activation": "silu", "causal": "true"}),
            ("s2", "header", 200, 0, None, {}),
        ]


# Structure id -> cluster and structure; equal ids are equal structures, as in a store.
STRUCTURES: dict[str | None, tuple[str | None, Shape | None]] = {
    None: (None, None),
    "relu": ("decoders", traits(activation="relu", causal="true")),
    "silu": ("decoders", traits(activation="silu")),
    "wide": ("decoders", replace(WIDER, traits={"activation": "gelu"})),
    "deep": ("decoders", DEEPER),
    "bert": ("encoders", BERT),
    "bert-causal": ("encoders", replace(BERT, traits={"causal": "true"})),
    "odd": ("odd", shape(decoder(bias=True))),
    "header": ("headers", HEADER),
}
IDS = ("a/llama-1", "a/llama-2", "b/Llama-2", "b/bert-1", "b/mistral", "c/frob", "c/child", "c/other")


@st.composite
def corpora(draw: st.DrawFn) -> list[Subject]:
    drawn = []
    for model_id in draw(st.lists(st.sampled_from(IDS), unique=True)):
        structure_id = draw(st.sampled_from(list(STRUCTURES)))
        one = subject(
            model_id,
            draw(st.sampled_from(["llama", "bert"])),
            *STRUCTURES[structure_id],
            draw(st.sampled_from(["name", "base_model", "model_type"])),
            structure_id=structure_id,
            downloads=draw(st.sampled_from([None, 1, 2])),
            base_model=draw(st.sampled_from([None, *IDS])),
            base_model_relation=draw(st.sampled_from([None, "finetune", "merge"])),
            reason=draw(st.sampled_from([None, None, None, "component"])),
        )
        drawn.append(one)
    return drawn


@given(drawn=corpora(), seed=st.integers(0, 9))
def test_the_order_of_models_does_not_matter(drawn: list[Subject], seed: int) -> None:
    shuffled = list(drawn)
    random.Random(seed).shuffle(shuffled)
    assert findings(*shuffled) == findings(*drawn)


@given(drawn=corpora())
def test_findings_are_bounded_by_models_and_by_values(drawn: list[Subject]) -> None:
    found = findings(*drawn)
    by_model = Counter((one.kind, one.model_id) for one in found if one.kind != "other_traits")
    assert all(count == 1 for count in by_model.values())
    shapes = {one.named.model.structure_id: one.shape for one in drawn if one.shape is not None}
    values = sum(1 + len(held.traits) for held in shapes.values())  # 1: a window, or that there is none
    assert sum(one.kind == "other_traits" for one in found) <= max(0, values - 1)


@given(drawn=corpora())
def test_findings_are_about_whole_models_with_structures_that_differ(drawn: list[Subject]) -> None:
    by_id = {one.named.model.model_id: one for one in drawn}
    for found in findings(*drawn):
        one, other = by_id[found.model_id], by_id[found.other_model_id or ""]
        assert not one.named.model.is_part and not other.named.model.is_part
        assert one.shape is not None and other.shape is not None
        assert found.similarity == overlap(one.shape.bag, other.shape.bag).similarity
        assert found.kind != "name_structure" or one.cluster != other.cluster
        assert found.kind != "name_structure" or one.named.base_name == other.named.base_name
        assert found.kind != "other_traits" or one.shape.hashes.layout == other.shape.hashes.layout
        assert one.named.model.structure_id != other.named.model.structure_id


@given(drawn=corpora())
def test_a_corpus_of_one_structure_contradicts_nothing(drawn: list[Subject]) -> None:
    cluster, held = STRUCTURES["silu"]
    same = [
        replace(
            one,
            named=replace(one.named, model=replace(one.named.model, structure_id="silu")),
            cluster=cluster,
            view="config",
            shape=held,
        )
        for one in drawn
    ]
    assert findings(*same) == []
