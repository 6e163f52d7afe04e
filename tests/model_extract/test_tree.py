"""Folding: nothing lost, nothing counted twice."""

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers.pytorch_utils import Conv1D

from model_extract.tree import (
    MiscountError,
    block_of,
    check_count,
    count_modules,
    count_parameters,
    depth,
    fold,
    kind_of,
    longest_block_run,
    module_rows,
    read_tree,
    unfold,
)
from tests.model_extract.structure_oracles import expanded_names


def leaves() -> st.SearchStrategy[nn.Module]:
    sizes = st.integers(1, 2)
    return st.one_of(
        st.builds(nn.Linear, sizes, sizes, bias=st.booleans()),
        st.builds(nn.LayerNorm, sizes),
        st.builds(nn.Dropout),
    )


def trees() -> st.SearchStrategy[nn.Module]:
    def containers(children: st.SearchStrategy[nn.Module]) -> st.SearchStrategy[nn.Module]:
        several = st.lists(children, min_size=1, max_size=5)
        names = st.dictionaries(st.sampled_from(["attn", "mlp", "norm", "0", "1", "7"]), children, min_size=1)
        repeated = st.builds(lambda child, times: nn.ModuleList([child] * times), children, st.integers(1, 3))
        return st.one_of(st.builds(nn.ModuleList, several), st.builds(nn.ModuleDict, names), repeated)

    return containers(st.recursive(leaves(), containers, max_leaves=12))


@settings(max_examples=120, deadline=None)
@given(trees())
def test_a_folded_tree_holds_every_module_and_every_parameter_once(model: nn.Module) -> None:
    tree = read_tree(model)
    folded = fold(tree)
    rows = module_rows(folded, "s")
    modules = [name for name, _ in model.named_modules() if name]
    assert expanded_names(rows) == Counter(modules)
    assert count_modules(folded) == len(modules)
    assert count_parameters(folded) == sum(parameter.numel() for parameter in model.parameters())
    assert unfold(folded) == tree
    assert fold(folded) == folded
    assert depth(folded) == max(name.count(".") + 1 for name in modules)
    assert [row.position for row in rows] == list(range(len(rows)))


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width, bias=False)
        self.norm = nn.LayerNorm(width)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))
        self.embed = nn.Embedding(10, 4)
        self.layers = nn.ModuleList([Block(4), Block(4), Block(4), Block(2)])
        self.head = nn.Linear(4, 10, bias=False)
        self.head.weight = self.embed.weight


def test_rows_of_a_worked_example() -> None:
    rows = {row.path: row for row in module_rows(fold(read_tree(Model())), "s")}
    assert list(rows) == [
        "",
        "embed",
        "layers",
        "layers.0-2",
        "layers.0-2.dense",
        "layers.0-2.norm",
        "layers.3",
        "layers.3.dense",
        "layers.3.norm",
        "head",
    ]
    assert (rows[""].depth, rows[""].n_parameters, rows[""].parent) == (0, 3, None)
    assert (rows["layers.0-2"].repeats, rows["layers.0-2"].parent, rows["layers.0-2"].kind) == (3, "layers", "module")
    assert (rows["layers.0-2.dense"].repeats, rows["layers.0-2.dense"].n_parameters) == (1, 16)
    assert rows["layers.0-2.norm"].parameter_shapes == '{"weight": [4], "bias": [4]}'
    assert (rows["head"].n_parameters, rows["head"].parameter_shapes) == (0, '{"weight": [10, 4]}')
    assert longest_block_run(read_tree(Model())) == 4


def test_a_miscount_is_an_error_of_its_own() -> None:
    tree = fold(read_tree(Model()))
    check_count(tree, 3 + 40 + 3 * (16 + 8) + 8)
    with pytest.raises(MiscountError, match="123 parameters, the model 124"):
        check_count(tree, 124)


def test_experts_beside_each_other_are_no_layers() -> None:
    layer = nn.ModuleDict({"experts": nn.ModuleList([Block(4) for _ in range(8)])})
    assert longest_block_run(read_tree(nn.ModuleDict({"layers": nn.ModuleList([layer])}))) == 0


class ModelsOwnLinear(nn.Linear):
    """As NonDynamicallyQuantizableLinear or a scaled embedding: a library class with a twist."""


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        (nn.Linear(1, 1), "Linear"),
        (ModelsOwnLinear(1, 1), "Linear"),
        (Conv1D(2, 3), "Conv1D"),
        (nn.Conv1d(1, 1, 1), "Conv1d"),
        (nn.ModuleList(), "container"),
        (nn.Sequential(), "container"),
        (Block(2), "module"),
    ],
)
def test_kind_is_the_library_class_behind_a_module(module: nn.Module, kind: str) -> None:
    assert kind_of(module) == kind


@pytest.mark.parametrize(
    ("path", "block"),
    [
        ("lm_head", "base"),
        ("model.norm", "model"),
        ("model.layers.0-31.mlp.up_proj", "layers.0-31"),
        ("encoder.block.0.layer.1", "encoder"),
        ("transformer.h.0.attn", "transformer"),
        ("decoder.3.fc1", "decoder.3"),
        ("model.layers.0", "layers"),
    ],
)
def test_block_is_the_first_part_that_says_so(path: str, block: str) -> None:
    assert block_of(path) == block
