from dataclasses import replace
from hashlib import blake2b
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_processing.trees.canonical import canonical_tree
from data_processing.trees.fingerprints import Fingerprints, fingerprints
from tests.data_processing.module_trees import Module, decoder, encoder, from_transformers, linear, rows_of, stack


def hashes(root: Module) -> Fingerprints:
    return fingerprints(canonical_tree(rows_of(root)))


def changed(one: Fingerprints, other: Fingerprints) -> set[str]:
    return {level for level in ("exact", "layout", "family", "body") if getattr(one, level) != getattr(other, level)}


def test_worked_example_of_the_documentation() -> None:
    def digest(text: str) -> str:
        return blake2b(text.encode(), digest_size=16).hexdigest()

    model = Module(children={"embed": Module("Embedding", {"weight": (10, 4)}), "layers": stack(block(3))})
    expected = {}
    for level, embedding, weight in (
        ("exact", "10,4", "4,4"),
        ("layout", "d0,d1", "d1,d1"),
        ("family", "2", "2"),
    ):
        count = {"exact": "3", "layout": "3", "family": "n"}[level]
        leaf = digest(f'[2,"{level}","Linear(weight[{weight}])",[]]')
        layer = digest(f'[2,"{level}","",["{leaf}*2"]]')
        layers = digest(f'[2,"{level}","",["{layer}*{count}"]]')
        embed = digest(f'[2,"{level}","Embedding(weight[{embedding}])",[]]')
        expected[level] = digest(f'[2,"{level}","",["{embed}*1","{layers}*1"]]')
    matrix = digest('[2,"body","[2]",[]]')
    layers = digest(f'[2,"body","",["{digest(f"""[2,"body","",["{matrix}*2"]]""")}*n"]]')
    parts = ",".join(f'"{part}*1"' for part in sorted((matrix, layers)))
    expected["body"] = digest(f'[2,"body","",[{parts}]]')
    assert hashes(model) == Fingerprints(**expected)
    assert hashes(model) == GOLDEN


# The same numbers stand in docs/FINGERPRINTS.md; a change of them is a new HASH_VERSION.
GOLDEN = Fingerprints(
    exact="84971a956b45c1c82d664f490176030a",
    layout="21f1940261434dc47eeb2efaedc17e57",
    family="760558d000988aacfb75ac24abc39ce2",
    body="2ceeb2a1d854b4e278bca3e5a87990ae",
)


def block(repeats: int) -> Module:
    return Module(children={"up": linear(4, 4), "down": linear(4, 4)}, repeats=repeats)


@given(prefix=st.text(max_size=8))
def test_renamed_classes_change_nothing(prefix: str) -> None:
    assert hashes(decoder()) == hashes(decoder(prefix=prefix))


def test_renamed_attributes_change_nothing() -> None:
    model = Module(children={"body": stack(block(2)), "fc": linear(3, 4)})
    renamed = Module(children={"trunk": stack(block(2)), "classifier": linear(3, 4)})
    assert hashes(model) == hashes(renamed)


def test_order_of_parameters_in_the_record_changes_nothing() -> None:
    one = Module(children={"fc": Module("Linear", {"weight": (2, 3), "bias": (2,)})})
    other = Module(children={"fc": Module("Linear", {"bias": (2,), "weight": (2, 3)})})
    assert hashes(one) == hashes(other)


@given(factor=st.integers(2, 9))
def test_width_changes_the_exact_hash_alone(factor: int) -> None:
    narrow = Module(children={"layers": stack(block(2))})
    wide = Module(children={"layers": stack(_scaled(block(2), factor))})
    assert changed(hashes(narrow), hashes(wide)) == {"exact"}


@given(layers=st.integers(2, 40).filter(lambda layers: layers != 4))
def test_depth_changes_exact_and_layout(layers: int) -> None:
    assert changed(hashes(decoder()), hashes(decoder(layers=layers))) == {"exact", "layout"}


def test_grouped_queries_stay_in_the_family() -> None:
    assert changed(hashes(decoder()), hashes(decoder(heads=2))) == {"exact", "layout"}


def test_a_bias_is_another_family() -> None:
    assert changed(hashes(decoder()), hashes(decoder(bias=True))) == {"exact", "layout", "family", "body"}


def test_heads_kinds_and_order_do_not_move_the_body() -> None:
    model = decoder()
    headless = model.children["model"]
    other_head = replace(model, children={**model.children, "lm_head": Module("Conv1D", {"weight": (8, 2, 3)})})
    backwards = replace(model, children=dict(reversed(list(model.children.items()))))
    assert len({hashes(one).body for one in (model, headless, other_head, backwards)}) == 1
    assert changed(hashes(model), hashes(other_head)) == {"exact", "layout", "family"}


def test_three_projections_are_not_two() -> None:
    """Counts of named siblings are part of the plan: a gated MLP is no plain one."""
    plain = Module(children={"mlp": Module(children={"up": linear(4, 4), "down": linear(4, 4)})})
    gated = Module(children={"mlp": Module(children={name: linear(4, 4) for name in ("gate", "up", "down")})})
    assert changed(hashes(plain), hashes(gated)) == {"exact", "layout", "family", "body"}


def test_alternating_layers_are_one_family_at_any_depth() -> None:
    other = Module(children={"fc": linear(4, 4, bias=True)})
    short, long = (Module(children={"layers": stack(*[block(1), other] * pairs)}) for pairs in (1, 3))
    assert changed(hashes(short), hashes(long)) == {"exact", "layout"}


def test_runs_that_stage_1_did_not_fold_hash_like_folded_ones() -> None:
    folded = Module(children={"layers": stack(block(3))})
    unfolded = Module(children={"layers": stack(block(1), block(1), block(1))})
    assert hashes(folded) == hashes(unfolded)


def _scaled(module: Module, factor: int) -> Module:
    shapes = {name: tuple(size * factor for size in shape) for name, shape in module.shapes.items()}
    children = {name: _scaled(child, factor) for name, child in module.children.items()}
    return replace(module, shapes=shapes, children=children)


@pytest.fixture(scope="module")
def real() -> dict[str, Fingerprints]:
    causal = ("llama", "mistral", "granite", "helium", "smollm3", "qwen2", "gpt2")
    found = {name: hashes(from_transformers(name)) for name in causal}
    return found | {"bert": hashes(from_transformers("bert", "AutoModelForMaskedLM"))}


def test_llama_mistral_granite_helium_smollm3_meet(real: dict[str, Fingerprints]) -> None:
    assert len({real[name].family for name in ("llama", "mistral", "granite", "helium", "smollm3")}) == 1


def test_bert_gpt2_and_qwen2_do_not(real: dict[str, Fingerprints]) -> None:
    assert len({real[name].family for name in ("llama", "qwen2", "bert", "gpt2")}) == 4


def test_fingerprints_take_under_2_ms_a_model() -> None:
    rows = rows_of(encoder())
    started = process_time()
    for _ in range(50):
        fingerprints(canonical_tree(rows))
    assert (process_time() - started) / 50 < 0.002
