"""Text as windows of token ids: packed, each of one length, nothing drawn at random."""

from collections.abc import Iterator
from contextlib import closing
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pruning.texts.records import Pieces

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Windows = tuple[tuple[int, ...], ...]


def packed_windows(
    pieces: Pieces, tokenizer: "PreTrainedTokenizerBase", *, length: int, skip: int, count: int, name: str
) -> Windows:
    """Return the `count` windows of `length` tokens that follow the first `skip`.

    Documents stand one after another, each with the end-of-sequence token where the tokenizer has one; no other special
    token is added. Raises `UsageError` when the text is too short.
    """
    needed = (skip + count) * length
    with closing(pieces.texts):  # what is not read to its end holds a file or a client
        tokens = list(islice(_token_ids(pieces, tokenizer), needed))
    if len(tokens) < needed:
        before = f" after {skip} of evaluation" if skip else ""
        raise UsageError(
            f"{name} is too short: expected {needed:,} tokens ({count} windows of {length}{before}), got "
            f"{len(tokens):,}; give more text, or fewer or shorter windows"
        )
    return tuple(tuple(tokens[first : first + length]) for first in range(skip * length, needed, length))


def _token_ids(pieces: Pieces, tokenizer: "PreTrainedTokenizerBase") -> Iterator[int]:
    end = tokenizer.eos_token_id if pieces.whole else None
    for text in pieces.texts:
        yield from tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        if isinstance(end, int):
            yield end


def hash_of_token_ids(windows: Windows) -> str:
    """Return blake2b (32 hexadecimal digits) of the token ids: one line a window, separated by single spaces."""
    lines = "\n".join(" ".join(map(str, window)) for window in windows)
    return blake2b(lines.encode(), digest_size=16).hexdigest()
