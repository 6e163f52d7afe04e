"""Splits and windows: disjoint, repeatable, with the exact floor."""

import subprocess
import sys

import pytest

from pruning.reference import LANGUAGE_VERSION, Split, model_folder, prompts, windows
from pruning.reference.splits import SPLITS, split_documents, split_of, stream_windows
from pruning.reference.vocabulary import BOS_ID, EOS_ID, VOCABULARY

from .test_language import ChartScorer


def documents_of(window: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The documents of a window, each with its EOS."""
    documents: list[tuple[int, ...]] = []
    start = 1
    for position, token in enumerate(window):
        if token == EOS_ID:
            documents.append(window[start : position + 1])
            start = position + 1
    assert start == len(window)
    return documents


def test_splits_share_no_document() -> None:
    seen = {}
    for split in SPLITS:
        stream = split_documents(split)
        seen[split] = {next(stream).token_ids for _ in range(5000)}
    assert not seen["train"] & seen["calibration"]
    assert not seen["train"] & seen["evaluation"]
    assert not seen["calibration"] & seen["evaluation"]


def test_a_training_seed_never_reaches_another_split() -> None:
    for seed in (0, 1, 99):
        stream = split_documents("train", seed)
        assert all(split_of(next(stream)) == "train" for _ in range(500))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("tokens", [32, 128])
def test_windows_hold_whole_documents(split: Split, tokens: int) -> None:
    text = windows(split, 20, tokens)
    assert len(text.token_ids) == 20
    for window in text.token_ids:
        assert window[0] == BOS_ID
        assert len(window) <= tokens
        assert window[-1] == EOS_ID
        assert documents_of(window)
    assert text.predicted_tokens == sum(len(window) - 1 for window in text.token_ids)


def test_windows_are_nearly_full() -> None:
    lengths = [len(window) for window in windows("evaluation", 100).token_ids]
    assert sum(lengths) / len(lengths) > 0.85 * 128


def test_floor_is_that_of_exactly_these_documents() -> None:
    text = windows("evaluation", 6)
    log_probability = sum(
        ChartScorer([VOCABULARY[token] for token in document]).score()[0]
        for window in text.token_ids
        for document in documents_of(window)
    )
    assert text.floor_nats_per_token == pytest.approx(-log_probability / text.predicted_tokens, rel=1e-9)


def test_more_windows_begin_with_the_same_ones() -> None:
    assert windows("calibration", 12).token_ids[:5] == windows("calibration", 5).token_ids


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train", "f73097ade10e15448c3af06cd4dc0840"),
        ("calibration", "20d722f3089d89b3fed6d29e24968ac8"),
        ("evaluation", "53370daa8d66d4a952afca3cf97ba94e"),
    ],
)
def test_text_is_the_same_on_every_machine(split: Split, expected: str) -> None:
    """A change here is a new language: raise LANGUAGE_VERSION and train the models again."""
    text = windows(split, 256)
    assert text.text_hash == expected
    assert text.language_version == LANGUAGE_VERSION == "1"


def test_bad_requests_say_what_was_expected() -> None:
    with pytest.raises(ValueError, match="expected one of train, calibration, evaluation, got 'test'"):
        windows("test", 1)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="at least 1 window, got 0"):
        windows("train", 0)
    with pytest.raises(ValueError, match="at least 16 a window, got 3"):
        windows("train", 1, tokens=3)
    with pytest.raises(ValueError, match="lama"):
        model_folder("lama")


def test_prompts_begin_documents_of_the_language() -> None:
    chosen = prompts(6)
    assert chosen == prompts(8)[:6]
    assert all(word in VOCABULARY for prompt in chosen for word in prompt.split())
    assert all(prompt.split() for prompt in chosen)


def test_stream_never_repeats_itself() -> None:
    stream = stream_windows("train")
    first = [next(stream).token_ids for _ in range(300)]
    assert len(set(first)) == 300


def test_import_is_light() -> None:
    code = (
        "import sys, pruning.reference as r; r.windows('train', 1); print({'torch', 'transformers'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
