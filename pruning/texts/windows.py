"""Text as windows of token ids: packed, each of one length, nothing drawn at random."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from hashlib import blake2b
from itertools import islice
from operator import index
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pruning.texts.records import Pieces

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Windows = tuple[tuple[int, ...], ...]


def token_windows(model: "PreTrainedModel", given: Iterable[Iterable[int]]) -> Windows:
    """Return windows of token ids, given as lists, arrays or tensors, as integers.

    Raises `UsageError` for what is none, for an empty window and for a token that the model does not have.
    """
    try:
        windows = tuple(tuple(index(token) for token in window) for window in given)
    except (TypeError, ValueError) as error:
        raise UsageError("expected windows of token ids, such as tokenizer(texts)['input_ids']") from error
    if not all(windows):
        raise UsageError("expected windows of at least one token id, got an empty one")
    size = getattr(model.config.get_text_config(), "vocab_size", None)
    odd = next((token for window in windows for token in window if token < 0 or (size and token >= size)), None)
    if odd is not None:
        known = f"0 to {size - 1}" if size else "0 or more"
        raise UsageError(f"expected token ids of the model, {known}, got {odd}")
    return windows


def packed_windows(
    pieces: Pieces,
    tokenizer: "PreTrainedTokenizerBase",
    *,
    length: int,
    skip: int,
    count: int,
    name: str,
    stride: int | None = None,
) -> Windows:
    """Return the `count` windows of `length` tokens that follow the first `skip` windows that do not overlap.

    A window begins `stride` tokens after the one before, None = `length`. Documents stand one after another, each with
    the end-of-sequence token where the tokenizer has one; no other special token is added. Raises `UsageError` when the
    text is too short and for a stride that is not 1 to `length`.
    """
    step = checked_stride(stride, length)
    needed = (skip + 1) * length + (count - 1) * step
    with closing(pieces.texts):  # what is not read to its end holds a file or a client
        tokens = list(islice(_token_ids(pieces, tokenizer), needed))
    if len(tokens) < needed:
        before = f" after {skip} of evaluation" if skip else ""
        raise UsageError(
            f"{name} is too short: expected {needed:,} tokens ({count} windows of {length}{before}), got "
            f"{len(tokens):,}; give more text, or fewer or shorter windows"
        )
    return sliding_windows(tokens[skip * length :], length, step)


def first_windows(pieces: Pieces, tokenizer: "PreTrainedTokenizerBase", length: int, most: int | None) -> Windows:
    """Return the windows of `length` tokens that a text fills, at most the first `most`; None = all of them."""
    tokens = None if most is None else most * length
    with closing(pieces.texts):
        return sliding_windows([*islice(_token_ids(pieces, tokenizer), tokens)], length, length)


def sliding_windows(token_ids: Sequence[int], length: int, stride: int) -> Windows:
    """Return the windows of `length` tokens that begin every `stride` tokens; what fills no window is left out."""
    return tuple(tuple(token_ids[first : first + length]) for first in range(0, len(token_ids) - length + 1, stride))


def checked_stride(stride: int | None, length: int) -> int:
    """Return the stride, None = `length`. Raises `UsageError` for one that leaves tokens out or goes nowhere."""
    if stride is not None and not 1 <= stride <= length:
        raise UsageError(f"stride: expected 1 to the window's {length} tokens, got {stride}")
    return length if stride is None else stride


def _token_ids(pieces: Pieces, tokenizer: "PreTrainedTokenizerBase") -> Iterator[int]:
    end = tokenizer.eos_token_id if pieces.whole else None
    for text in pieces.texts:
        yield from tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        if isinstance(end, int):
            yield end


def hash_of_token_ids(windows: Windows, stride: int | None = None) -> str:
    """Return blake2b (32 hexadecimal digits) of the token ids: one line a window, separated by single spaces.

    Windows that overlap have a last line with their stride: other tokens of the same windows are scored.
    """
    lines = "\n".join(" ".join(map(str, window)) for window in windows)
    if stride is not None:
        lines += f"\nstride {stride}"
    return blake2b(lines.encode(), digest_size=16).hexdigest()
