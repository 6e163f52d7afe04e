import pytest

from data_processing.trees.canonical import ModuleRow, canonical_tree
from tests.data_processing.module_trees import Module, decoder, linear, norm, rows_of, stack


def test_parameterless_modules_and_what_holds_only_such_are_left_out() -> None:
    empty = Module(children={"dropout": Module("Dropout"), "inner": Module(children={"act": Module("GELU")})})
    tree = canonical_tree(rows_of(Module(children={"empty": empty, "fc": linear(2, 3)})))
    assert [node.name for node in tree] == ["", "fc"]


def test_library_leaves_keep_their_kind_and_other_classes_lose_theirs() -> None:
    tree = canonical_tree(rows_of(decoder()))
    kinds = {node.name: node.kind for node in tree}
    assert kinds["q_proj"] == "Linear"
    assert kinds["embed_tokens"] == "Embedding"
    assert kinds["norm"] == kinds["self_attn"] == kinds["layers"] == ""
    assert "rotary_emb" not in kinds and "act_fn" not in kinds


def test_torch_rms_norm_and_a_models_own_are_the_same() -> None:
    own = rows_of(Module(children={"norm": norm(4)}))
    torch_class = rows_of(Module(children={"norm": Module("RMSNorm", {"weight": (4,)})}))
    assert canonical_tree(own) == canonical_tree(torch_class)


def test_only_members_of_a_container_are_numbered() -> None:
    tree = canonical_tree(rows_of(Module(children={"layers": stack(linear(2, 2)), "fc1": linear(2, 2)})))
    assert [(node.name, node.numbered) for node in tree] == [
        ("", False),
        ("layers", False),
        ("", True),
        ("fc1", False),
    ]


def test_the_roots_own_parameters_belong_to_the_root() -> None:
    root = ModuleRow("s", 0, "", None, "module", '{"scale": [4]}', 1)
    child = ModuleRow("s", 1, "fc", None, "Linear", '{"weight": [2, 4]}', 1)
    tree = canonical_tree([child, root])
    assert tree[0].parameters[0].shape == (4,)
    assert tree[1].parent == 0


def test_a_module_without_its_parent_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"stands before its parent"):
        canonical_tree([ModuleRow("s", 0, "a.b", "a", "Linear", '{"weight": [1]}', 1)])
