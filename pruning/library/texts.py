"""A user's text as the protocol takes it: windows of token ids."""

from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pruning.errors import UnsupportedModelError
from pruning.library.given import Given
from pruning.reference.splits import SHORTEST_WINDOW
from pruning.texts import NO_TEXT, Text, reference_text
from pruning.texts.file import file_pieces
from pruning.texts.records import Pieces
from pruning.texts.windows import Windows, first_windows, hash_of_token_ids, token_windows

# "reference" is the reference language, any other string is itself the text, a path is a file of text.
TextLike = Text | str | Path | Sequence[str] | Iterable[Iterable[int]]
EVALUATION_WINDOWS = 96
CALIBRATION_WINDOWS = 64
WINDOW_TOKENS = 128
_LONGEST_NAME = 255


def evaluation_text(given: Given, text: TextLike, tokens: int, most: int | None, mask_token: int | None = None) -> Text:
    """Return the text that a model is measured on: at most the first `most` windows; None = all, 96 of the language.

    Raises as `read_windows` does.
    """
    if isinstance(text, Text):
        _check_lengths(given, token_windows(given.model, text.windows))
        return text
    if is_reference(text):
        check_speaks(given)
        return reference_text("evaluation", most or EVALUATION_WINDOWS, window_length(given, tokens))
    windows = read_windows(given, text, tokens, most)
    return text_of(windows, mask_token_for(given, text) if mask_token is None else mask_token)


def text_of(windows: Windows, mask_token: int | None) -> Text:
    """Return windows as a text."""
    return Text(windows, hash_of_token_ids(windows), None, "the text given", mask_token=mask_token)


def mask_token_for(given: Given, text: TextLike) -> int | None:
    """Return what hides a token, as the tokenizer says that was given or that cuts the words; None = unknown."""
    if given.given_tokenizer is None and _pieces(text) is None:
        return None
    found = given.tokenizer.mask_token_id
    return found if isinstance(found, int) else None


def read_windows(given: Given, text: TextLike, tokens: int, most: int | None) -> Windows:
    """Return at most the first `most` windows: those given, or words in windows of `tokens`, the context at most.

    Raises `UsageError` for what is no text, for a text that fills no window and for windows over the context.
    """
    pieces = _pieces(text)
    if pieces is None:
        ids: Any = text.windows if isinstance(text, Text) else text
        windows = token_windows(given.model, ids)[:most]
        _check_lengths(given, windows)
        return windows
    length = window_length(given, tokens)
    windows = first_windows(pieces, given.tokenizer, length, most)
    if not windows:
        raise UsageError(f"the text is too short: expected at least one window of {length} tokens")
    return token_windows(given.model, windows)


def window_length(given: Given, tokens: int) -> int:
    """Return the length of windows for a model, its context at most. Raises `UsageError` for too few tokens."""
    length = int(min(tokens, given.context))
    if length < SHORTEST_WINDOW:
        raise UsageError(f"expected windows of at least {SHORTEST_WINDOW} tokens, got {length}")
    return length


def is_reference(text: object) -> bool:
    """Return whether a text is the reference language."""
    return isinstance(text, str) and text == "reference"


def check_speaks(given: Given) -> None:
    """Raise `UnsupportedModelError` when the reference language is no text for a model."""
    if not given.speaks_reference_language():
        raise UnsupportedModelError(NO_TEXT)


def _pieces(text: TextLike) -> Pieces | None:
    """Return words as a source gives them; None for what is no words. Raises `UsageError` for the name of a file."""
    if isinstance(text, Path):
        return file_pieces(text)
    if isinstance(text, str):
        if len(text) <= _LONGEST_NAME and Path(text).is_file():
            raise UsageError(f"a string is itself the text; give Path({text!r}) for what is in that file")
        return Pieces(_each([text]), whole=False)
    if not isinstance(text, Sequence) or not text:
        return None
    words = [each for each in text if isinstance(each, str)]
    return Pieces(_each(words), whole=True) if len(words) == len(text) else None


def _each(texts: Sequence[str]) -> Generator[str, None, None]:
    yield from texts


def _check_lengths(given: Given, windows: Windows) -> None:
    if not windows:
        raise UsageError("expected at least one window of token ids, got none")
    longest = max(map(len, windows))
    if longest > given.context:
        raise UsageError(f"expected windows within the model's context of {given.context} tokens, got {longest}")
