"""The earlier miner's similarity against its definition with difflib, bit for bit."""

import random
from dataclasses import fields
from difflib import SequenceMatcher
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_processing.similarity.sequence import (
    SEQUENCES,
    ModuleSequence,
    SequenceMatch,
    SequenceRow,
    read_sequences,
    sequence_pairs,
)
from model_extract.tree import block_of, fold, module_rows, read_tree
from store import Store
from store.records import ModuleRecord, StructureRecord

THRESHOLDS = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 0.85, 0.9999999, 1.0])


def slow_match(one: ModuleSequence, other: ModuleSequence) -> SequenceMatch:
    """The definition of METHODS 1 as it reads, with the order of arguments that the module states."""
    first, second = sorted((one, other), key=lambda found: (len(found.types), found.types))
    lengths = len(first.types), len(second.types)
    mean = sum(lengths) / 2
    if max(lengths) and Fraction(max(lengths) - min(lengths), max(lengths)) > Fraction(3, 10):
        return SequenceMatch(0.0, 0, mean)
    matcher = SequenceMatcher(None, first.types, second.types, autojunk=False)
    most = max(one.blocks, other.blocks)
    alike = 1.0 - abs(one.blocks - other.blocks) / most if most else 1.0
    matching = sum(block.size for block in matcher.get_matching_blocks())
    return SequenceMatch(0.7 * matcher.ratio() + 0.3 * alike, matching, mean)


def slow_pairs(sequences: dict[str, ModuleSequence], threshold: float) -> dict[tuple[str, str], SequenceMatch]:
    matches = {pair: slow_match(sequences[pair[0]], sequences[pair[1]]) for pair in combinations(sorted(sequences), 2)}
    return {pair: match for pair, match in matches.items() if match.similarity >= threshold}


def spelled(text: str, blocks: int = 1) -> ModuleSequence:
    return ModuleSequence(tuple(text), blocks)


@st.composite
def alike_sequences(draw: st.DrawFn) -> ModuleSequence:
    """Layers written out with something before, between and behind: runs that match in many places."""
    layer = draw(st.sampled_from(["ab", "aab", "abcb", "abab"]))
    parts = [draw(st.text("abcx", max_size=3)), layer * draw(st.integers(0, 4)), draw(st.text("abcy", max_size=4))]
    return spelled("".join([*parts, layer * draw(st.integers(0, 3))]), draw(st.integers(0, 4)))


corpora = st.dictionaries(
    st.text("0123456789", min_size=1, max_size=3),
    alike_sequences() | st.builds(spelled, st.text("abc", max_size=12), st.integers(0, 4)),
    max_size=7,
)


@given(sequences=corpora, threshold=THRESHOLDS)
def test_pairs_are_those_of_the_plain_definition(sequences: dict[str, ModuleSequence], threshold: float) -> None:
    found = sequence_pairs(sequences, threshold)
    assert found == slow_pairs(sequences, threshold)
    assert list(found) == sorted(found)


@given(sequences=corpora, threshold=THRESHOLDS, seed=st.integers(0, 99))
def test_no_order_and_no_id_matters(sequences: dict[str, ModuleSequence], threshold: float, seed: int) -> None:
    expected = sequence_pairs(sequences, threshold)
    ids = list(sequences)
    random.Random(seed).shuffle(ids)
    assert sequence_pairs({one: sequences[one] for one in ids}, threshold) == expected
    renamed = {f"r{one}": sequences[one] for one in ids}
    assert sorted(map(repr, sequence_pairs(renamed, threshold).values())) == sorted(map(repr, expected.values()))


def test_worked_example() -> None:
    # 10 and 8 modules: 20 % shorter. Matching: "abab" and "cd", 6 of 18 halves; 4 against 3 blocks.
    one, other = spelled("abababxxcd", 4), spelled("ababyycd", 3)
    match = sequence_pairs({"1": one, "2": other}, 0.5)["1", "2"]
    assert (match.matching, match.mean_length) == (6, 9.0)
    assert match.similarity == pytest.approx(0.7 * 12 / 18 + 0.3 * 0.75)


def test_exactly_30_percent_shorter_is_compared_and_more_is_not() -> None:
    lengths = {"7": 7, "10": 10, "11": 11}
    found = sequence_pairs({name: spelled("a" * length) for name, length in lengths.items()}, 0.01)
    assert set(found) == {("10", "7"), ("10", "11")}


def test_the_shorter_sequence_comes_first_so_the_value_has_no_order() -> None:
    one, other = spelled("tide"), spelled("diet")
    ratios = {SequenceMatcher(None, *pair, autojunk=False).ratio() for pair in (("tide", "diet"), ("diet", "tide"))}
    assert len(ratios) == 2, "difflib's own answer depends on the order"
    assert sequence_pairs({"1": one, "2": other}, 0.0) == sequence_pairs({"2": one, "1": other}, 0.0)


def test_long_periodic_sequences_are_matched_in_seconds() -> None:
    # 1,500 layers, in each of which one module was inserted: as many runs, each found without reading on.
    one, other = spelled("abccccdeefgh" * 1500), spelled("abccccdeefghe" * 1500)
    match = sequence_pairs({"1": one, "2": other}, 0.85)["1", "2"]
    assert match.matching == 12 * 1500


@pytest.fixture(scope="module")
def models() -> dict[str, tuple[ModuleSequence, list[ModuleRecord]]]:
    """Real structures: sequences read from `named_modules()`, and the folded rows that stage 1 stores."""
    import torch
    from transformers import AutoConfig, AutoModel

    found = {}
    for model_type in ("bert", "roberta", "electra", "distilbert", "gpt2", "llama", "mistral", "qwen2", "opt", "vit"):
        for layers in (3, 4, 6):
            size = {"n_layers" if model_type == "distilbert" else "num_hidden_layers": layers}
            with torch.device("meta"):
                model = AutoModel.from_config(AutoConfig.for_model(model_type, **size))
            named = [(name, type(module).__name__) for name, module in model.named_modules() if name]
            sequence = ModuleSequence(tuple(kind for _, kind in named), len({block_of(name) for name, _ in named}))
            structure_id = f"{model_type}-{layers}"
            found[structure_id] = sequence, module_rows(fold(read_tree(model)), structure_id)
    return found


def test_real_structures_against_difflib_and_from_the_store(
    models: dict[str, tuple[ModuleSequence, list[ModuleRecord]]],
) -> None:
    expected = {name: sequence for name, (sequence, _) in models.items()}
    with Store.open(None) as store:
        structures = [StructureRecord("r", name, "config", 1, 1, 1, None, 1) for name in models]
        store.insert(structures, [row for _, rows in models.values() for row in rows])
        assert read_sequences(store, models) == expected
        assert read_sequences(store, ["llama-3"]) == {"llama-3": expected["llama-3"]}
    for threshold in (0.4, 0.85):
        found = sequence_pairs(expected, threshold)
        assert found == slow_pairs(expected, threshold) and len(found) > 3


def test_structures_without_known_classes_or_modules_have_no_sequence() -> None:
    row = ModuleRecord("header", 0, "a", None, 1, "base", "unknown", "module", 0, "{}", 1)
    root = ModuleRecord("root", 0, "", None, 0, "base", "Model", "module", 1, '{"scale": [1]}', 1)
    with Store.open(None) as store:
        structures = [("header", "header"), ("root", "config"), ("empty", "config")]
        store.insert([StructureRecord("r", one, of, 1, 1, 1, None, 1) for one, of in structures], [row, root])  # pyright: ignore[reportArgumentType]
        assert read_sequences(store, ["header", "root", "empty"]) == {}
    assert sequence_pairs({}, 0.85) == {}


def test_the_query_gives_the_fields_of_its_row() -> None:
    with Store.open(None) as store:
        described = store.rows(f"DESCRIBE {SEQUENCES.sql()}", {"structures": ["s"]})
        assert [column[0] for column in described] == [field.name for field in fields(SequenceRow)]
