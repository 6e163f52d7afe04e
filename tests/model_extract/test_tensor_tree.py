"""Trees from tensor names: the same as those of the built model, for modules that own parameters."""

import gzip
import json
import math
import random
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from model_extract import tensor_tree
from model_extract.formats.tensors import Tensor
from model_extract.tensor_tree import MAX_DEPTH, describe_tensors, folded_tree_of, tree_of
from model_extract.tree import Node, fold, unfold
from pipeline.settings import ROOT
from tests.model_extract.formats.refusals import reason_of
from tests.model_extract.structure_oracles import added_up, expanded_names

REAL = ROOT.parent / "shared/data/tensor_indexes.jsonl.gz"
# Few parts, so that layers are often equal; a number with a zero in front is a name like any other.
PARTS = st.sampled_from(["a", "b2", "b10", "0", "1", "2", "3", "10", "01"])
NAMES = st.lists(PARTS, min_size=1, max_size=5).map(".".join)
TENSORS = st.dictionaries(NAMES, st.lists(st.integers(0, 3), max_size=2), max_size=25).map(
    lambda shapes: [Tensor(name, "F32", tuple(shape)) for name, shape in shapes.items()]
)


def walk(node: Node, path: str = "") -> list[tuple[str, Node]]:
    below = [pair for child in node.children for pair in walk(child, f"{path}.{child.name}".lstrip("."))]
    return [(path, node), *below]


@given(TENSORS, st.randoms(use_true_random=False))
def test_every_tensor_is_a_parameter_of_the_module_that_its_name_says(
    tensors: list[Tensor], order: random.Random
) -> None:
    tree = tree_of(tensors)
    found = {f"{path}.{name}".lstrip("."): shape for path, node in walk(tree) for name, shape in node.shapes}
    assert found == {tensor.name: tensor.shape for tensor in tensors}
    assert sum(node.n_parameters for _, node in walk(tree)) == sum(math.prod(tensor.shape) for tensor in tensors)
    modules = {tensor.name.rsplit(".", k)[0] for tensor in tensors for k in range(1, tensor.name.count(".") + 1)}
    assert Counter(path for path, _ in walk(tree) if path) == Counter(modules)
    shuffled = order.sample(tensors, len(tensors))
    assert tree_of(shuffled) == tree
    assert folded_tree_of(shuffled) == folded_tree_of(tensors)
    assert unfold(folded_tree_of(tensors)) == tree


@given(TENSORS)
def test_folding_is_that_of_every_other_tree(tensors: list[Tensor]) -> None:
    plain = [tensor for tensor in tensors if "01" not in tensor.name.split(".")]
    assert folded_tree_of(plain) == fold(tree_of(plain))


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.dense = nn.Linear(width, width)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(()))
        self.layers = nn.ModuleList([Block(4) for _ in range(11)] + [Block(2)])
        self.head = nn.Sequential(nn.Linear(4, 3, bias=False), nn.ReLU(), nn.Linear(3, 2))


def tensors_of(model: nn.Module) -> list[Tensor]:
    return [Tensor(name, "F32", tuple(value.shape)) for name, value in model.state_dict().items()]


def test_a_models_state_gives_its_modules() -> None:
    structure = describe_tensors(tensors_of(Model()), "header", {"architecture": "x"}, hidden_size=4)
    rows = {row.path: row for row in structure.modules}
    assert list(rows) == [
        "",
        "head",
        "head.0",
        "head.2",
        "layers",
        "layers.0-10",
        "layers.0-10.dense",
        "layers.11",
        "layers.11.dense",
    ]
    assert (rows["layers"].class_name, rows["layers"].kind) == ("ModuleList", "container")
    assert (rows["head"].class_name, rows["head"].kind) == ("ModuleList", "container")
    assert (rows["layers.0-10"].class_name, rows["layers.0-10"].kind) == ("unknown", "module")
    assert (rows["layers.0-10"].repeats, rows["layers.0-10"].parameter_shapes) == (11, '{"scale": [4]}')
    assert (rows[""].n_parameters, rows[""].parameter_shapes) == (1, '{"temperature": []}')
    n_parameters = sum(value.numel() for value in Model().parameters())
    assert added_up(list(structure.modules)) == structure.summary.n_parameters == n_parameters
    assert (structure.summary.n_layers, structure.summary.max_depth, structure.summary.hidden_size) == (12, 3, 4)
    assert structure.summary.n_modules == sum(expanded_names(list(structure.modules)).values()) == 28
    assert structure.traits == {"architecture": "x", "dtype": "F32"}
    assert structure.summary.provenance == "header"


def test_natural_order_puts_two_before_ten() -> None:
    names = ["b10.w", "b2.w", "a.10.w", "a.9.w", "a.x.w", "a.01.w", "a.1.w"]
    tree = tree_of([Tensor(name, "F32", (1,)) for name in names])
    assert [child.name for child in tree.children] == ["a", "b2", "b10"]
    assert [child.name for child in tree.children[0].children] == ["01", "1", "9", "10", "x"]


def test_what_decides_the_structure_decides_its_id() -> None:
    base = [Tensor("a.w", "F32", (2, 3)), Tensor("b.w", "F32", (2,))]
    same = describe_tensors(base, "header", {}).summary.structure_id
    assert describe_tensors(base[::-1], "header", {}).summary.structure_id == same
    others = [
        describe_tensors(base, "gguf", {}),
        describe_tensors(base, "header", {"rank": "8"}),
        describe_tensors(base, "header", {}, hidden_size=2),
        describe_tensors([base[0], Tensor("b.w", "F32", (3,))], "header", {}),
        describe_tensors([base[0], Tensor("c.w", "F32", (2,))], "header", {}),
        describe_tensors([Tensor("a.w", "F16", (2, 3)), base[1]], "header", {}),
    ]
    assert len({same, *(other.summary.structure_id for other in others)}) == 7
    assert all(row.structure_id == same for row in describe_tensors(base, "header", {}).modules)


@pytest.mark.parametrize(
    "names",
    [
        ["a.w", "a.w"],
        [""],
        ["a."],
        [".w"],
        ["a..w"],
        ["a.w\n"],
        ["a\x1b[31m.w"],
        ["a\ud800.w"],
        [".".join("a" * (MAX_DEPTH + 2))],
        ["." * 900],
        [".".join("a" * 500)],
    ],
    ids=lambda names: f"{len(names)} {names[0][:9]!r}",
)
def test_names_that_make_no_tree_are_refused(names: list[str]) -> None:
    assert reason_of(tree_of, [Tensor(name, "F32", (1,)) for name in names]) == "bad_header"


def test_more_modules_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_tree, "MAX_MODULES", 12)
    names = [f"{n}.{m}.w" for n in range(3) for m in range(3)]
    assert reason_of(tree_of, [Tensor(name, "F32", (1,)) for name in names]) is None
    assert reason_of(tree_of, [Tensor(name, "F32", (1,)) for name in [*names, "4.w"]]) == "bad_header"


def test_the_deepest_name_passes() -> None:
    assert reason_of(tree_of, [Tensor(".".join("a" * (MAX_DEPTH + 1)), "F32", (1,))]) is None


def test_more_parameters_than_the_store_counts_are_refused() -> None:
    huge = [Tensor(name, "F32", (2**62,)) for name in ("a.w", "b.w", "c.w")]
    assert reason_of(describe_tensors, huge, "header", {}) == "bad_header"
    assert describe_tensors(huge[:1], "header", {}).summary.n_parameters == 2**62


@given(st.lists(st.builds(Tensor, st.text(alphabet=".a0\n\ud800é"), st.just("F32"), st.just((1,))), max_size=6))
def test_any_names_give_a_tree_or_a_reason(tensors: list[Tensor]) -> None:
    allowed = (None, "bad_header") if tensors else ("no_weights",)
    assert reason_of(describe_tensors, tensors, "header", {}) in allowed


@pytest.mark.skipif(not REAL.exists(), reason="the shared data are not there")
def test_the_largest_real_names_make_a_small_folded_tree() -> None:
    indexes = [json.loads(line)["index"]["weight_map"] for line in gzip.decompress(REAL.read_bytes()).splitlines()]
    largest = max(indexes, key=len)
    structure = describe_tensors([Tensor(name, "BF16", (2,)) for name in largest], "header", {})
    assert structure.summary.n_parameters == 2 * len(largest) > 80_000
    assert structure.summary.n_modules == len({path for name in largest for path in _ancestors(name)})
    assert len(structure.modules) < 100


def _ancestors(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]
