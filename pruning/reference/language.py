"""Sampling from the reference language, and its exact entropy.

Everything is drawn with `Random.random()` and inverted cumulative weights, which Python promises to keep, so the
same seed gives the same text on every machine and Python version.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from math import log
from random import Random

from pruning.reference.grammar import START, Nonterminal, Symbol, alternatives
from pruning.reference.vocabulary import TOKEN_IDS, VOCABULARY

LANGUAGE_VERSION = "1"


@dataclass(frozen=True)
class Document:
    """A document and the natural logarithm of its probability; the last token is EOS, BOS is not included."""

    token_ids: tuple[int, ...]
    log_probability: float

    @property
    def text(self) -> str:
        """The words without EOS, separated by single spaces."""
        return " ".join(VOCABULARY[token] for token in self.token_ids[:-1])


@dataclass(frozen=True)
class Expectation:
    """Means over all documents of the language, computed from the grammar."""

    nats_per_document: float
    tokens_per_document: float
    """EOS included."""

    @property
    def nats_per_token(self) -> float:
        """The entropy of a document over its mean length: what a perfect model's mean loss converges to."""
        return self.nats_per_document / self.tokens_per_document


class _Choice:
    """A nonterminal made ready for sampling: cumulative weights and reversed bodies with token ids for words."""

    __slots__ = ("bodies", "cumulative", "log_probabilities", "total")

    def __init__(self, symbol: Nonterminal) -> None:
        options = alternatives(symbol)
        self.cumulative = list(accumulate(weight for weight, _ in options))
        self.total = self.cumulative[-1]
        self.bodies = [tuple(_encoded(part) for part in reversed(body)) for _, body in options]
        self.log_probabilities = [log(weight / self.total) for weight, _ in options]


def _encoded(symbol: Symbol) -> int | Nonterminal:
    return TOKEN_IDS[symbol] if isinstance(symbol, str) else symbol


_choice = cache(_Choice)


def sample_document(rng: Random) -> Document:
    """One document. Leftmost derivation with one `rng.random()` for each nonterminal with more than one option."""
    pending: list[int | Nonterminal] = [START]
    token_ids: list[int] = []
    log_probability = 0.0
    while pending:
        symbol = pending.pop()
        if isinstance(symbol, int):
            token_ids.append(symbol)
            continue
        choice = _choice(symbol)
        if len(choice.bodies) == 1:
            pending.extend(choice.bodies[0])
            continue
        index = bisect_right(choice.cumulative, rng.random() * choice.total)
        log_probability += choice.log_probabilities[index]
        pending.extend(choice.bodies[index])
    return Document(tuple(token_ids), log_probability)


def documents(rng: Random) -> Iterator[Document]:
    """Documents without end."""
    while True:
        yield sample_document(rng)


@cache
def expectation(symbol: Symbol = START) -> Expectation:
    """Mean nats and mean tokens of what a symbol becomes, by recursion over the grammar (which has no cycle)."""
    if isinstance(symbol, str):
        return Expectation(0.0, 1.0)
    options = alternatives(symbol)
    total = sum(weight for weight, _ in options)
    nats = tokens = 0.0
    for weight, body in options:
        parts = [expectation(part) for part in body]
        probability = weight / total
        nats += probability * (sum(part.nats_per_document for part in parts) - log(probability))
        tokens += probability * sum(part.tokens_per_document for part in parts)
    return Expectation(nats, tokens)
