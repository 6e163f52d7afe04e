"""`explain`: worked examples by hand, the whole text of a small pair, and what must hold for any two trees."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from typer.testing import CliRunner

from data_processing.__main__ import app
from data_processing.answers import explain as answer
from data_processing.answers.alignment import heaviest_pairs, longest_rising, names_alike
from data_processing.answers.difference import DiffNode
from data_processing.answers.difference_objects import objects
from data_processing.answers.explain import Described, ExplainedModel, Explanation, explain
from data_processing.answers.module_trees import ExplainedRow
from data_processing.answers.side_by_side import render
from store import Query, Store
from store.records import ExtractionRecord, ModuleRecord, SightingRecord, StructureRecord, TraitRecord
from tests.data_processing.module_trees import Module, decoder, encoder, layer_norm, linear, norm, rows_of, stack

SWAPPED = {"only_a": "only_b", "only_b": "only_a"}


def explained_rows(root: Module) -> list[ExplainedRow]:
    """Return the rows of a tree with their classes; a library leaf's class is its kind."""

    def classes(module: Module) -> Iterator[str]:
        for child in module.children.values():
            yield child.class_name or child.kind
            yield from classes(child)

    return [
        ExplainedRow(
            row.structure_id, row.position, row.path, row.parent, name, row.kind, row.parameter_shapes, row.repeats
        )
        for row, name in zip(rows_of(root), classes(root), strict=True)
    ]


def described(model_id: str, root: Module, **values: Any) -> Described:
    traits = values.pop("traits", {})
    numbers = replace(ExplainedModel("config", None, 1, 1, n_layers=4, hidden_size=8), **values)
    return Described(model_id, numbers, traits, explained_rows(root))


def compared(left: Module, right: Module, **values: Any) -> Explanation:
    return explain(described("a", left, **values), described("b", right, **values), 0.85)


def plain(explanation: Explanation, width: int = 100, **options: bool) -> str:
    return "\n".join(line.plain for line in render(explanation, width, **options))


def by_path(explanation: Explanation) -> dict[str, DiffNode]:
    return {node.module.path: node for node in explanation.nodes}


def changes(explanation: Explanation, path: str) -> set[tuple[str, str | None, str | None]]:
    return {(change.aspect, change.left, change.right) for change in by_path(explanation)[path].changes}


def kinds(explanation: Explanation) -> dict[str, str]:
    return {node.module.path: node.kind for node in explanation.nodes if node.kind != "same"}


GOLDEN = """\
llama and qwen2: alike in part (0.69): qwen2 has a bias in q_proj, k_proj and v_proj

llama  LlamaForCausalLM                       qwen2  Qwen2ForCausalLM
───────────────────────────────────────────   ───────────────────────────────────────────
model  LlamaModel                             model  Qwen2Model
  embed_tokens  Embedding                       embed_tokens  Embedding
  layers  container                             layers  container
    0-3  LlamaDecoderLayer  x4                    0-3  Qwen2DecoderLayer  x4
      self_attn  LlamaAttention                     self_attn  Qwen2Attention
        q_proj  Linear(weight)              ~         q_proj  Linear(weight, bias)
        k_proj  Linear(weight)              ~         k_proj  Linear(weight, bias)
        v_proj  Linear(weight)              ~         v_proj  Linear(weight, bias)
        ... 2 equal modules
      ... 7 equal modules
  norm  AnyRMSNorm                              norm  AnyRMSNorm
lm_head  Linear                               lm_head  Linear
~ changed

traits      position: rotary | learned
            only qwen2 says: sliding_window 4096
            equal: activation silu
numbers     parameters: 6,738,415,616 | 12,049,846,272
            equal: modules 56, layers 4, width 8
levels      exact: different  (plan and sizes)
            layout: different  (plan at any width)
            plan: different  (any width and depth: the family hash)
            body: different  (plan without heads, kinds and order)
similarity  0.688: shared weight 53 of 77
            only in llama: self_attn.k_proj: weight[2]
              self_attn.q_proj: weight[2]
              self_attn.v_proj: weight[2]
            only in qwen2: self_attn.k_proj: bias[1] weight[2]
              self_attn.q_proj: bias[1] weight[2]
              self_attn.v_proj: bias[1] weight[2]"""


def llama_and_qwen2() -> tuple[Described, Described]:
    traits = {"activation": "silu", "position": "rotary"}
    left = described(
        "llama", decoder(), architecture="LlamaForCausalLM", n_parameters=6738415616, n_modules=56, traits=traits
    )
    right = described(
        "qwen2",
        decoder(bias=True, prefix="Qwen2"),
        architecture="Qwen2ForCausalLM",
        n_parameters=12049846272,
        n_modules=56,
        traits=traits | {"position": "learned", "sliding_window": "4096"},
    )
    return left, right


def test_the_whole_text_of_two_small_trees() -> None:
    assert plain(explain(*llama_and_qwen2(), 0.85), width=89) == GOLDEN


def test_the_bias_of_q_k_and_v_and_nothing_else() -> None:
    found = compared(decoder(), decoder(bias=True))
    places = [f"model.layers.0-3.self_attn.{name}_proj" for name in "qkv"]
    assert kinds(found) == dict.fromkeys(places, "changed")
    assert [changes(found, place) for place in places] == [{("parameter", None, "bias")}] * 3


def masked(name: str, embeddings: Mapping[str, Module], head: tuple[str, Module], vocabulary: int) -> Module:
    """A bert-like model with a head: `embeddings` in their order, the vocabulary's first."""
    word = Module("Embedding", {"weight": (vocabulary, 8)}, class_name="Embedding")
    layers = Module(children={"layer": stack(Module(children={"dense": linear(8, 8, bias=True)}, repeats=2))})
    body = Module(children={"embeddings": Module(children={"word_embeddings": word, **embeddings}), "encoder": layers})
    return Module(children={name: body, head[0]: head[1]})


def bert_and_roberta() -> tuple[Module, Module]:
    position, dropout = Module("Embedding", {"weight": (51, 8)}), Module("Dropout")
    transform = Module(children={"dense": linear(8, 8, bias=True), "LayerNorm": layer_norm(8)})
    predictions = Module(shapes={"bias": (30,)}, children={"transform": transform, "decoder": linear(30, 8, bias=True)})
    flat = {"dense": linear(8, 8, bias=True), "layer_norm": layer_norm(8), "decoder": linear(50, 8, bias=True)}
    cls = Module(children={"predictions": predictions})
    head = Module(shapes={"bias": (50,)}, children=flat)
    bert = {"position_embeddings": position, "LayerNorm": layer_norm(8), "dropout": dropout}
    roberta = {"LayerNorm": layer_norm(8), "dropout": dropout, "position_embeddings": position}
    return masked("bert", bert, ("cls", cls), 30), masked("roberta", roberta, ("lm_head", head), 50)


def test_the_position_embedding_is_moved_and_the_heads_meet_below_their_wrapper() -> None:
    found = compared(*bert_and_roberta())
    assert kinds(found) == {
        "bert": "renamed",
        "bert.embeddings.word_embeddings": "changed",
        "bert.embeddings.position_embeddings": "moved",
        "cls": "only_a",
        "cls.predictions": "changed",
        "cls.predictions.transform": "only_a",
        "cls.predictions.transform.dense": "moved",
        "cls.predictions.transform.LayerNorm": "moved",
        "cls.predictions.decoder": "changed",
    }
    moved = changes(found, "bert.embeddings.position_embeddings")
    assert moved == {("order", "after word_embeddings", "after dropout")}
    assert changes(found, "cls.predictions") == {
        ("size", "bias 30", "bias 50"),
        ("place", "cls", ""),
        ("name", "predictions", "lm_head"),
    }
    assert "position_embeddings in another order" in found.verdict
    assert "position_embeddings (after word_embeddings)" in plain(found, width=140)


def test_a_stack_is_found_inside_what_the_other_side_does_not_have() -> None:
    wrapped = Module(children={"encoder": Module(children={"layer": stack(block(6))})})
    bare = Module(children={"h": stack(block(2))})
    found = compared(wrapped, bare)
    assert kinds(found) == {"encoder": "only_a", "encoder.layer": "moved", "encoder.layer.0-5": "changed"}
    assert changes(found, "encoder.layer.0-5") == {("repeats", "6", "2")}


def block(repeats: int, **attributes: Module) -> Module:
    return Module(children=attributes or {"up": linear(8, 4), "down": linear(4, 8)}, repeats=repeats)


def test_of_equal_modules_the_one_with_a_word_of_the_name_corresponds() -> None:
    left = Module(children={"attn_gate": linear(4, 4)})
    found = compared(left, Module(children={"proj": linear(4, 4), "gate": linear(4, 4)}))
    assert kinds(found) == {"attn_gate": "renamed", "proj": "only_b"}


def test_what_was_found_inside_a_wrapper_is_not_given_away_when_the_wrapper_is_found_elsewhere() -> None:
    pair = Module(children={"a": linear(4, 4), "b": linear(8, 4)})
    left = Module(children={"p": Module(children={"w": pair})})
    right = Module(children={"p": Module(children={"a": linear(4, 4)}), "q": Module(children={"w": pair})})
    found = by_path(compared(left, right))
    assert {path: node.right and node.right.path for path, node in found.items() if node.left} == {
        "": "",
        "p": "p",
        "p.w": "q.w",
        "p.w.a": "p.a",
        "p.w.b": "q.w.b",
    }
    assert {path for path, node in found.items() if not node.left} == {"q", "q.w.a"}


def test_what_the_right_side_alone_has_stands_behind_what_precedes_it_there() -> None:
    left = Module(children={"a": linear(4, 4), "b": layer_norm(4)})
    between = Module(children={"first": norm(4), "a": linear(4, 4), "new": norm(4), "b": layer_norm(4)})
    assert list(by_path(compared(left, between))) == ["", "first", "a", "new", "b"]
    wrapped = Module(children={"w": Module(children={"a": linear(4, 4)}), "b": layer_norm(4)})
    flat = Module(children={"a": linear(4, 4), "new": norm(4), "b": layer_norm(4)})
    assert list(by_path(compared(wrapped, flat))) == ["", "w", "w.a", "new", "b"]


def test_equal_modules_are_counted_unfolded() -> None:
    left = decoder(layers=4)
    right = replace(left, children={**left.children, "lm_head": linear(101, 8, bias=True)})
    # The body, its embedding, container and norm, and in each layer itself, 6 of attention, 5 of the MLP and 2 norms.
    assert f"... {4 + 4 * (1 + 6 + 5 + 2)} equal modules" in plain(compared(left, right))


def test_a_class_of_another_kind_and_a_module_that_only_one_side_has() -> None:
    left = Module(children={"fc": linear(8, 4), "act": Module(class_name="SiLUActivation"), "ln": norm(8)})
    right = Module(children={"fc": replace(linear(8, 4), kind="Conv1D"), "act": Module("GELU"), "gate": linear(4, 4)})
    found = compared(left, right)
    assert changes(found, "fc") == {("kind", "Linear", "Conv1D")}
    assert changes(found, "act") == {("kind", "SiLUActivation", "GELU")}
    assert kinds(found) == {"fc": "changed", "act": "changed", "ln": "only_a", "gate": "only_b"}


def test_a_models_name_in_a_class_is_no_difference() -> None:
    left, right = (
        Module(
            children={"body": Module(children={"rope": Module(class_name=f"{name}Rotary")}, class_name=f"{name}Model")}
        )
        for name in ("Llama", "GPTNeoX")
    )
    assert kinds(compared(left, right)) == {}


def test_a_renamed_parameter_of_a_models_own_class() -> None:
    left, right = (Module(children={"ln": Module(shapes={name: (8,)})}) for name in ("weight", "gamma"))
    assert changes(compared(left, right), "ln") == {("parameter", "weight", "gamma")}


def test_sizes_are_grouped_by_what_becomes_of_a_dimension() -> None:
    left, right = decoder(width=8, layers=4), decoder(width=16, layers=2)
    found = explain(described("a", left), described("b", right, hidden_size=16, n_layers=2), 0.85)
    sizes = {(one.left, one.right): (one.count_left, one.count_right) for one in found.resizings}
    # In a layer: 4 projections of attention, 3 of the MLP, 2 norms; beside them embedding, last norm and head.
    assert sizes == {(8, 16): (9 * 4 + 3, 9 * 2 + 3), (24, 48): (3 * 4, 3 * 2)}
    assert found.resizings[1].names == ("gate_proj", "up_proj", "down_proj")
    folded, listed = plain(found), plain(found, sizes=True)
    assert "0-3  LlamaDecoderLayer  x4" in folded and "q_proj  Linear" not in folded
    assert "... 13 modules, 9 of them in another size" in folded
    assert "q_proj  Linear(weight 8 x 8)" in listed and "q_proj  Linear(weight 16 x 16)" in listed
    assert "8 -> 16 (the width)  in 39 | 21 modules: q_proj, k_proj" in folded


@pytest.mark.parametrize(
    ("right", "values", "verdict"),
    [
        (decoder(), {}, "the same architecture at the same size"),
        (decoder(width=16), {"hidden_size": 16}, "the same plan, other width"),
        (decoder(layers=2), {"n_layers": 2}, "the same plan, other depth"),
        (decoder(16, 2), {"hidden_size": 16, "n_layers": 2}, "the same plan, other width and depth"),
        (decoder(heads=2), {}, "the same plan, other sizes inside the blocks or of the vocabulary"),
        (decoder(heads=2), {"traits": {"act": "gelu"}}, "the same plan, .* vocabulary; act differs"),
        (encoder(), {}, r"different \(0.00\): b has a bias in .*; AnyRMSNorm in a is LayerNorm in b .*; only a has .*"),
        (decoder(bias=True), {}, r"alike in part \(0.69\): b has a bias in q_proj, k_proj and v_proj"),
    ],
)
def test_the_verdict_follows_from_the_hashes(right: Module, values: dict[str, Any], verdict: str) -> None:
    left = described("a", decoder(), traits={"act": "silu"})
    found = explain(left, described("b", right, **({"traits": {"act": "silu"}} | values)), 0.85)
    assert re.fullmatch(verdict, found.verdict)


def test_the_threshold_decides_what_is_called_similar() -> None:
    left, right = described("a", decoder()), described("b", decoder(bias=True))
    assert explain(left, right, 0.6).verdict.startswith("similar (0.69)")
    assert explain(left, right, 0.7).verdict.startswith("alike in part (0.69)")


def test_a_tensor_header_is_compared_by_its_tensors() -> None:
    header = Module(
        children={
            "lm_head": replace(linear(101, 8), kind="module", class_name="unknown"),
            "model": as_header(decoder().children["model"]),
        }
    )
    found = explain(described("a", decoder()), described("b", header, provenance="header"), 0.85)
    assert kinds(found) == {} and found.note is not None
    assert found.equal_levels["body"] and found.verdict == "similar (1.00), with bodies of the same plan"
    assert "rotary_emb" not in str(found.nodes)


def as_header(module: Module) -> Module:
    """Return what a tensor header tells of a module: names in alphabetical order, no kinds, nothing empty."""
    children = {name: as_header(child) for name, child in sorted(module.children.items())}
    kept = {name: child for name, child in children.items() if child.shapes or child.children}
    kind = module.kind if module.kind == "container" else "module"
    return replace(module, kind=kind, class_name="unknown", children=kept)


def test_what_one_side_alone_has_is_shortened_unless_everything_is_asked_for() -> None:
    tower = Module(children={f"part{index}": linear(4, 4) for index in range(7)})
    left = Module(children={"fc": linear(8, 8)})
    found = compared(left, Module(children={"fc": linear(8, 8), "tower": tower}))
    assert "tower  module  with 7 modules inside" in plain(found) and "part3  " not in plain(found)
    assert "part3  Linear" in plain(found, everything=True)


HOSTILE = "[bold]x[/bold]\x1b[31m\u202e::error"


def test_text_from_outside_is_neither_markup_nor_escape_codes() -> None:
    left = Module(children={HOSTILE.replace(".", ""): linear(8, 8)})
    names = described(HOSTILE, left, architecture=HOSTILE, traits={HOSTILE: HOSTILE})
    found = explain(names, described("b", Module(children={"fc": linear(8, 4, bias=True)})), 0.85)
    text = plain(found, width=200)
    assert "[bold]x[/bold]\\x1b[31m\\u202e" in text
    assert not {"\x1b", "\u202e"} & set(text)
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())


@pytest.mark.parametrize("width", [20, 33, 60, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    wide = Module(children={"模型" * 20: linear(8, 8), "fc": linear(8, 4)})
    for left, right in ((decoder(), decoder(bias=True)), bert_and_roberta(), (wide, encoder())):
        for line in render(compared(left, right, architecture="A" * 90), width, sizes=True):
            assert cell_len(line.plain) <= width, line.plain


# What must hold for any two trees.

LEAVES = st.sampled_from(
    [linear(4, 4), linear(8, 4), linear(4, 4, bias=True), norm(4), layer_norm(4), Module("Dropout"), Module("GELU")]
)
NAMES = st.sampled_from(["attn", "attention", "mlp", "fc", "norm", "layers", "h", "q_proj"])


def _grown(children: st.SearchStrategy[Module]) -> st.SearchStrategy[Module]:
    named = st.dictionaries(NAMES, children, max_size=4)
    runs = st.lists(st.tuples(children, st.integers(1, 4)), min_size=1, max_size=3)
    return named.map(lambda members: Module(children=members, class_name="Own")) | runs.map(_numbered)


def _numbered(runs: list[tuple[Module, int]]) -> Module:
    members, at = {}, 0
    for module, repeats in runs:
        members[str(at)] = replace(module, repeats=repeats)
        at += repeats
    return Module("container", children=members)


TREES = st.dictionaries(NAMES, st.recursive(LEAVES, _grown, max_leaves=12), max_size=4).map(
    lambda members: Module(children=members)
)


@given(TREES, TREES, st.sampled_from(["config", "header"]))
def test_every_module_of_both_trees_stands_in_exactly_one_node(left: Module, right: Module, provenance: str) -> None:
    found = compared(left, right, provenance=provenance)
    for side, root in (("left", left), ("right", right)):
        modules = [getattr(node, side) for node in found.nodes]
        shown = sorted(module.path for module in modules if module is not None)
        told = root if provenance == "config" else as_header(root)
        assert shown == sorted(["", *(row.path for row in rows_of(told))])
    assert all(node.parent < index for index, node in enumerate(found.nodes))


@given(TREES, TREES)
def test_the_explanation_of_b_and_a_is_the_mirrored_one(left: Module, right: Module) -> None:
    one, other = compared(left, right), compared(right, left)
    assert summary(one, mirrored=False) == summary(other, mirrored=True)
    assert {(one.left, one.right) for one in one.resizings} == {(two.right, two.left) for two in other.resizings}


def summary(explanation: Explanation, *, mirrored: bool) -> set[tuple[Any, ...]]:
    found = set()
    for node in explanation.nodes:
        pair = (node.left and node.left.path, node.right and node.right.path)
        changed = frozenset(
            (one.aspect, *((one.right, one.left) if mirrored else (one.left, one.right))) for one in node.changes
        )
        kind = SWAPPED.get(node.kind, node.kind) if mirrored else node.kind
        found.add((*(reversed(pair) if mirrored else pair), kind, changed))
    return found


@given(TREES)
def test_a_tree_does_not_differ_from_itself(tree: Module) -> None:
    found = compared(tree, tree)
    assert kinds(found) == {} and not found.resizings
    assert found.verdict == "the same architecture at the same size"
    assert [fields["what"] for fields in objects(found, sizes=True)] == ["verdict"]


@given(st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), max_size=5))
def test_the_heaviest_pairs_in_order_against_all_of_them(weights: list[list[int]]) -> None:
    def heaviest() -> int:
        cells = [(row, column) for row in range(len(weights)) for column in range(3)]
        best = 0
        for size in range(min(len(weights), 3) + 1):
            for chosen in combinations(cells, size):
                if all(one[0] < two[0] and one[1] < two[1] for one, two in pairwise(chosen)):
                    best = max(best, sum(weights[row][column] for row, column in chosen))
        return best

    pairs = heaviest_pairs(range(len(weights)), range(3), weights)
    assert sorted(pairs) == pairs == sorted(pairs, key=lambda pair: pair[1])
    assert sum(weights[row][column] for row, column in pairs) == heaviest()


@given(st.permutations(range(7)))
def test_a_longest_rising_sequence_against_all_of_them(numbers: list[int]) -> None:
    kept = [number for number in numbers if number in longest_rising(numbers)]
    rising = [chosen for size in range(8) for chosen in combinations(numbers, size) if list(chosen) == sorted(chosen)]
    assert kept == sorted(kept) and len(kept) == max(map(len, rising))


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("attn", "self_attention", True),
        ("LayerNorm", "layer_norm", True),
        ("q", "q_proj", True),
        ("mlp", "attn", False),
        ("ln_1", "dense", False),
    ],
)
def test_names_with_a_word_in_common(one: str, other: str, alike: bool) -> None:
    assert names_alike(one, other) is names_alike(other, one) is alike


def test_long_lists_are_matched_by_plan_alone() -> None:
    left, right = (
        Module(children={f"{side}{index}": Module("Linear", {f"p{index}": (4, 4)}) for index in range(400)})
        for side in ("x", "y")
    )
    found = compared(left, right)
    assert len(found.nodes) == 401
    assert all(node.right and node.left and node.left.name[1:] == node.right.name[1:] for node in found.nodes[1:])


# The command.


@pytest.fixture
def store_path(tmp_path: Path) -> str:
    path = tmp_path / "a.duckdb"
    with Store.open(path) as store:
        for name, tree in {"llama": decoder(), "qwen2": decoder(bias=True, prefix="Qwen2")}.items():
            _fill(store, name, tree)
    return str(path)


def _fill(store: Store, name: str, tree: Module) -> None:
    modules = [
        ModuleRecord(
            structure_id=name,
            position=row.position,
            path=row.path,
            parent=row.parent,
            depth=row.path.count(".") + 1,
            block="base",
            class_name=row.class_name,
            kind=row.kind,
            n_parameters=0,
            parameter_shapes=row.parameter_shapes,
            repeats=row.repeats,
        )
        for row in explained_rows(tree)
    ]
    store.insert(
        [SightingRecord("r1", name, "builtin", "1")],
        [
            ExtractionRecord(
                "r1",
                name,
                "builtin",
                "1",
                "extracted",
                None,
                "config",
                None,
                0.1,
                structure_id=name,
                architecture="Any",
            )
        ],
        [StructureRecord("r1", name, "config", 9, 100, 4, 8, 5)],
        modules,
        [TraitRecord(name, "activation", "silu" if name == "llama" else "gelu")],
    )


def test_the_command_prints_two_columns(store_path: str) -> None:
    found = CliRunner(env={"COLUMNS": "90"}).invoke(app, ["explain", "llama", "qwen2", "--store", store_path])
    assert found.exit_code == 0
    assert found.stdout.startswith(
        "llama and qwen2: alike in part (0.69): qwen2 has a bias in q_proj, k_proj and v_proj\n"
    )
    assert "        q_proj  Linear(weight)              ~         q_proj  Linear(weight, bias)\n" in found.stdout
    assert "activation: silu | gelu" in found.stdout and "\x1b" not in found.stdout
    assert all(len(line) <= 90 for line in found.stdout.splitlines())


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_on_a_terminal_unless_they_are_unwanted(store_path: str, no_color: str, coloured: bool) -> None:
    env = {"FORCE_COLOR": "1", "TERM": "xterm", "NO_COLOR": no_color}
    found = CliRunner(env=env).invoke(app, ["explain", "llama", "qwen2", "--store", store_path], color=True)
    assert ("\x1b[33m" in found.stdout) is coloured


def test_the_command_writes_one_json_object_a_difference(store_path: str) -> None:
    found = CliRunner().invoke(app, ["explain", "llama", "qwen2", "--store", store_path, "--json"])
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert [line["what"] for line in lines] == ["verdict", "module", "module", "module", "trait"]
    assert lines[0]["equal"] == {"exact": False, "layout": False, "plan": False, "body": False}
    assert lines[1]["b"]["path"] == "model.layers.0-3.self_attn.q_proj"
    assert lines[1]["changes"] == [{"aspect": "parameter", "a": None, "b": "bias"}]
    assert lines[4] == {"event": "result", "what": "trait", "name": "activation", "a": "silu", "b": "gelu"}


def test_an_unknown_model_is_a_usage_error_with_near_matches(store_path: str) -> None:
    found = CliRunner().invoke(app, ["explain", "llama", "qwen3", "--store", store_path])
    assert found.exit_code == 2 and "Did you mean qwen2" in found.stderr


def test_the_export_writes_beside_the_store_unless_told_otherwise(store_path: str, tmp_path: Path) -> None:
    early = CliRunner().invoke(app, ["export", "--store", store_path])
    assert early.exit_code == 1 and "data_processing run" in early.stderr
    assert CliRunner().invoke(app, ["run", "--store", store_path]).exit_code == 0
    for arguments, folder in (([], tmp_path), (["--output", str(tmp_path / "out")], tmp_path / "out")):
        found = CliRunner().invoke(app, ["export", "--store", store_path, *arguments])
        assert found.exit_code == 0, found.stderr
        assert (folder / "process_with_architecture" / "families.csv").exists()


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        (answer.EXPLAINED_MODULES, {"structure": "s"}),
        (answer.EXPLAINED_MODEL, {"structure": "s", "model": "m"}),
    ],
    ids=["modules", "model"],
)
def test_queries_describe_as_their_rows(query: Query[Any], parameters: dict[str, str]) -> None:
    with Store.open(None) as empty:
        cursor = empty.connection.execute(f"DESCRIBE {query.sql()}", parameters)
        assert [row[0] for row in cursor.fetchall()] == [field.name for field in fields(query.row)]


def test_every_query_file_is_described() -> None:
    described_files = {value.path.name for value in vars(answer).values() if isinstance(value, Query)}
    assert described_files == {path.name for path in Path(answer.__file__).with_name("queries").glob("*.sql")}
