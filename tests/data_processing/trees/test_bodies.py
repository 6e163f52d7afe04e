from dataclasses import replace

import pytest

from data_processing.trees.bodies import find_body
from data_processing.trees.canonical import ROOT, canonical_tree
from tests.data_processing.module_trees import Module, decoder, encoder, from_transformers, linear, norm, rows_of, stack


def body_name(root: Module) -> str | None:
    tree = canonical_tree(rows_of(root))
    body = find_body(tree)
    return None if body == ROOT else tree[body].name


def test_the_child_with_stack_and_embedding_is_the_body() -> None:
    assert body_name(decoder()) == "model"


def test_a_model_without_a_head_is_its_own_body() -> None:
    assert body_name(encoder()) is None
    assert body_name(decoder().children["model"]) is None


def test_a_numbered_head_is_no_stack() -> None:
    model = decoder()
    headed = replace(model, children={**model.children, "classifier": stack(linear(8, 8), linear(2, 8))})
    assert body_name(headed) == "model"


def test_two_stacks_have_no_common_body() -> None:
    towers = Module(children={"text_model": decoder().children["model"], "audio_model": decoder().children["model"]})
    assert body_name(towers) is None


def test_stages_that_begin_with_a_convolution_of_images_are_a_body() -> None:
    patches = Module("Conv2d", {"weight": (8, 3, 4, 4)})
    stages = stack(*(Module(children={"patches": patches, "norm": norm(8 * width)}) for width in (1, 2)))
    assert body_name(Module(children={"trunk": stages, "classifier": linear(2, 8)})) == "trunk"


@pytest.mark.parametrize(
    ("model_type", "auto_class", "expected"),
    [
        ("bert", "AutoModelForMaskedLM", "bert"),
        ("bert", "AutoModel", None),
        ("gpt2", "AutoModelForCausalLM", "transformer"),
        ("wav2vec2", "AutoModel", None),
        ("wav2vec2", "AutoModelForCTC", "wav2vec2"),
        ("segformer", "AutoModelForImageClassification", "segformer"),
        ("t5", "AutoModelForSeq2SeqLM", None),
    ],
)
def test_bodies_of_models_that_exist(model_type: str, auto_class: str, expected: str | None) -> None:
    assert body_name(from_transformers(model_type, auto_class)) == expected
