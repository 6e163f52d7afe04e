"""The reference language as a source: for models that use its tokenizer, with a known entropy."""

from dataclasses import replace
from functools import cache
from math import inf
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pruning.json_file import read_object
from pruning.reference import Split, windows
from pruning.reference.splits import SHORTEST_WINDOW
from pruning.reference.vocabulary import TOKEN_IDS
from pruning.texts.records import Text

NO_TEXT = (
    "no text for this model: the reference language is for models with its tokenizer and a context of at least "
    f"{SHORTEST_WINDOW} tokens"
)
CONTEXT_FIELDS = ("max_position_embeddings", "n_positions")


def speaks_reference_language(folder: Path) -> bool:
    """Return whether the tokenizer in a checkpoint folder has the reference language's vocabulary."""
    try:
        model = read_object(folder / "tokenizer.json").get("model")
    except UsageError:
        return False
    return isinstance(model, dict) and model.get("vocab") == dict(TOKEN_IDS)


def text_for(folder: Path, split: Split, count: int, tokens: int, seed: int = 0) -> Text | None:
    """Return text for the model in a folder, in windows no longer than its context; None when there is none.

    Each seed draws a text of its own.
    """
    longest = min(tokens, context_of(folder))
    if longest < SHORTEST_WINDOW or not speaks_reference_language(folder):
        return None
    return replace(reference_text(split, count, int(longest), seed), mask_token=_mask_token(folder))


def _mask_token(folder: Path) -> int | None:
    """Return the id of the token that a tokenizer adds to the language's to hide others; None = it adds none."""
    try:
        named = read_object(folder / "tokenizer_config.json").get("mask_token")
    except UsageError:
        return None
    content = named.get("content") if isinstance(named, dict) else named
    added = read_object(folder / "tokenizer.json").get("added_tokens")
    ids = [each.get("id") for each in added or () if isinstance(each, dict) and each.get("content") == content]
    return next((token for token in ids if type(token) is int and token >= 0), None)


def check_window(tokens: int) -> None:
    """Raise `UsageError` for windows that hold no document of the reference language."""
    if tokens < SHORTEST_WINDOW:
        raise UsageError(
            f"--window-tokens: expected at least {SHORTEST_WINDOW} for the reference language, got {tokens}"
        )


@cache
def reference_text(split: Split, count: int, tokens: int, seed: int = 0) -> Text:
    """Return the first `count` windows of a split of the reference language. Raises `UsageError` for short windows."""
    check_window(tokens)
    found = windows(split, count, tokens, seed)
    return Text(found.token_ids, found.text_hash, found.floor_nats_per_token)


def context_of(folder: Path) -> float:
    """Return the longest input of the model in a folder, tokens; infinite when neither config nor tokenizer names one.

    The tokenizer's counts, too: of a RoBERTa's 514 positions its first two are for padding.
    """
    config, tokenizer = _object(folder / "config.json"), _object(folder / "tokenizer_config.json")
    named = [*(config.get(name) for name in CONTEXT_FIELDS), tokenizer.get("model_max_length")]
    return min((size for size in named if type(size) is int), default=inf)


def _object(file: Path) -> dict[str, Any]:
    """Return the object in a file of JSON, an empty one where there is none."""
    try:
        return read_object(file)
    except UsageError:
        return {}
