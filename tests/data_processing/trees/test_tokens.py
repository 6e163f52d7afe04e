from dataclasses import replace

from data_processing.trees.canonical import ModuleRow, canonical_tree
from data_processing.trees.tokens import Bag, token_bag
from tests.data_processing.module_trees import Module, decoder, encoder, linear, rows_of


def bag(root: Module) -> Bag:
    return token_bag(canonical_tree(rows_of(root)))


def test_tokens_are_readable_places_and_contents_with_unfolded_counts() -> None:
    found = bag(decoder(layers=4))
    assert found["self_attn.q_proj: weight[2]"] == 4
    assert found["self_attn holds k_proj, o_proj, q_proj, v_proj"] == 4
    assert found["layers.input_layernorm: weight[1]"] == 4
    assert found["embed_tokens: weight[2]"] == 1
    assert found["layers holds numbered members"] == 1


def test_a_bias_shows_in_the_token() -> None:
    only = bag(decoder(bias=True)).keys() - bag(decoder()).keys()
    assert only == {f"self_attn.{name}_proj: bias[1] weight[2]" for name in "qkv"}


def test_the_bodys_attribute_and_the_heads_name_do_not_count() -> None:
    model = decoder()
    renamed = replace(model, children={"trunk": model.children["model"], "score": model.children["lm_head"]})
    assert bag(model) == bag(renamed)
    assert bag(model)["head: weight[2]"] == 1


def test_a_head_more_is_a_token_more() -> None:
    model = decoder()
    with_two = replace(model, children={**model.children, "value_head": linear(1, 8, bias=True)})
    assert bag(with_two).keys() - bag(model).keys() == {"head: bias[1] weight[2]"}


def test_without_one_body_the_roots_children_are_the_model() -> None:
    found = bag(encoder())
    assert found["model holds embeddings, encoder, pooler"] == 1
    assert not [token for token in found if token.startswith("head")]


def test_class_names_and_sizes_do_not_count() -> None:
    assert bag(decoder(width=8, prefix="A")) == bag(decoder(width=16, prefix="B"))


def test_parameters_of_the_model_itself_are_a_token() -> None:
    root = ModuleRow("s", 0, "", None, "module", '{"scale": [8]}', 1)
    rows = [root, *rows_of(Module(children={"up": linear(8, 8)}))]
    assert token_bag(canonical_tree(rows)) == {"model: scale[1]": 1, "model holds up": 1, "up: weight[2]": 1}
