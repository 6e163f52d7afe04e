from dataclasses import replace

from data_processing.trees.canonical import canonical_tree
from data_processing.trees.tokens import Bag, token_bag
from tests.data_processing.module_trees import Module, decoder, encoder, linear, rows_of


def bag(root: Module) -> Bag:
    return token_bag(canonical_tree(rows_of(root)))


def test_tokens_are_readable_places_and_contents_with_unfolded_counts() -> None:
    found = bag(decoder(layers=4))
    assert found["self_attn.q_proj: Linear(weight)"] == 4
    assert found["self_attn holds k_proj, o_proj, q_proj, v_proj"] == 4
    assert found["layers.input_layernorm: parameters of rank 1"] == 4
    assert found["embed_tokens: Embedding(weight)"] == 1
    assert found["layers holds numbered members"] == 1


def test_a_bias_shows_in_the_token() -> None:
    only = bag(decoder(bias=True)).keys() - bag(decoder()).keys()
    assert only == {f"self_attn.{name}_proj: Linear(bias, weight)" for name in "qkv"}


def test_the_bodys_attribute_and_the_heads_name_do_not_count() -> None:
    model = decoder()
    renamed = replace(model, children={"trunk": model.children["model"], "score": model.children["lm_head"]})
    assert bag(model) == bag(renamed)
    assert bag(model)["head: Linear(weight)"] == 1


def test_a_head_more_is_a_token_more() -> None:
    model = decoder()
    with_two = replace(model, children={**model.children, "value_head": linear(1, 8, bias=True)})
    assert bag(with_two).keys() - bag(model).keys() == {"head: Linear(bias, weight)"}


def test_without_one_body_the_roots_children_are_the_model() -> None:
    found = bag(encoder())
    assert found["model holds embeddings, encoder, pooler"] == 1
    assert not [token for token in found if token.startswith("head")]


def test_class_names_and_sizes_do_not_count() -> None:
    assert bag(decoder(width=8, prefix="A")) == bag(decoder(width=16, prefix="B"))
