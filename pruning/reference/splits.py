"""Training, calibration and evaluation text: disjoint, without end, and cut into windows of whole documents.

A document belongs to the split that its hash names, and to no other. Each split samples its own stream and keeps
what belongs to it, so no document of one split can occur in another, however much text is drawn.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from struct import pack
from typing import Literal, get_args

from pruning.reference.language import LANGUAGE_VERSION, Document, documents
from pruning.reference.vocabulary import BOS_ID, VOCABULARY

Split = Literal["train", "calibration", "evaluation"]
SPLITS: tuple[Split, ...] = get_args(Split)
SHORTEST_WINDOW = 16

_SPLIT_OF_REMAINDER: tuple[Split, ...] = ("train", "train", "calibration", "evaluation")


@dataclass(frozen=True)
class ReferenceText:
    """Windows of one split, with what a perfect model of the language would score on them."""

    split: Split
    token_ids: tuple[tuple[int, ...], ...]
    """Windows of different lengths: BOS, then whole documents, each with its EOS."""
    floor_nats_per_token: float
    """-log p of exactly these documents over the number of predicted tokens (all but BOS, EOS included)."""
    text_hash: str
    """blake2b of the words of all windows, 32 hexadecimal digits."""
    language_version: str

    @property
    def predicted_tokens(self) -> int:
        """How many tokens a model predicts in these windows: all but the BOS of each."""
        return sum(len(window) - 1 for window in self.token_ids)


@dataclass(frozen=True)
class Window:
    """A window and the log-probability (nats) of its documents."""

    token_ids: tuple[int, ...]
    log_probability: float


def split_of(document: Document) -> Split:
    """The one split that a document belongs to: half of all go to training, a quarter to each other split."""
    digest = blake2b(pack(f"<{len(document.token_ids)}H", *document.token_ids), digest_size=4).digest()
    return _SPLIT_OF_REMAINDER[digest[0] % len(_SPLIT_OF_REMAINDER)]


def split_documents(split: Split, seed: int = 0) -> Iterator[Document]:
    """The documents of a split without end; every (split, seed) has a random stream of its own."""
    name = f"{LANGUAGE_VERSION}/{split}/{seed}"
    rng = Random(int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big"))  # noqa: S311 - text, not secrets
    return (document for document in documents(rng) if split_of(document) == split)


def stream_windows(split: Split, tokens: int = 128, seed: int = 0) -> Iterator[Window]:
    """Windows without end, each filled with whole documents until the next one does not fit.

    A document longer than a window (possible below 66 tokens) is left out.
    """
    window, log_probability = [BOS_ID], 0.0
    for document in split_documents(split, seed):
        size = len(document.token_ids)
        if size >= tokens:
            continue
        if len(window) + size > tokens:
            yield Window(tuple(window), log_probability)
            window, log_probability = [BOS_ID], 0.0
        window += document.token_ids
        log_probability += document.log_probability


def windows(split: Split, count: int, tokens: int = 128, seed: int = 0) -> ReferenceText:
    """The first `count` windows of a split, at most `tokens` long; more windows begin with the same ones.

    Each seed has a text of its own.

    Raises ValueError for an unknown split, a count below 1 or windows shorter than 16 tokens.
    """
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    if count < 1:
        raise ValueError(f"count: expected at least 1 window, got {count}")
    if tokens < SHORTEST_WINDOW:
        raise ValueError(f"tokens: expected at least {SHORTEST_WINDOW} a window, got {tokens}")
    stream = stream_windows(split, tokens, seed)
    chosen = [next(stream) for _ in range(count)]
    token_ids = tuple(window.token_ids for window in chosen)
    predicted = sum(len(window) - 1 for window in token_ids)
    return ReferenceText(
        split=split,
        token_ids=token_ids,
        floor_nats_per_token=-sum(window.log_probability for window in chosen) / predicted,
        text_hash=hash_of_windows(token_ids),
        language_version=LANGUAGE_VERSION,
    )


def hash_of_windows(token_ids: tuple[tuple[int, ...], ...]) -> str:
    """blake2b (32 hexadecimal digits) of the text: one line a window, words separated by single spaces."""
    text = "\n".join(" ".join(VOCABULARY[token] for token in window) for window in token_ids)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def prompts(count: int) -> tuple[str, ...]:
    """Beginnings of documents for text generation: the first half of each of the first calibration documents."""
    stream = split_documents("calibration")
    chosen = (next(stream).text.split() for _ in range(count))
    return tuple(" ".join(words[: (len(words) + 1) // 2]) for words in chosen)
