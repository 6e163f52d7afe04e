"""Minimal pairs: does a model find the sentence that is right likelier than one that is not? (BLiMP, arXiv 1912.00582)

They come from a file, or for models of the reference language from its grammar, where every verb agrees in number with
a noun before it that shows its own: the wrong sentence has the same verb in the other number.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.evaluation.observe import window_losses
from pruning.evaluation.records import Measurement
from pruning.models import load_tokenizer
from pruning.reference.language import LANGUAGE_VERSION
from pruning.reference.splits import split_documents
from pruning.reference.vocabulary import BOS_ID, TOKEN_IDS, VERBS, verb_form
from pruning.texts.reference import speaks_reference_language

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

REFERENCE_PAIRS = 200
_OTHER_NUMBER = {
    TOKEN_IDS[verb_form(verb, number)]: TOKEN_IDS[verb_form(verb, 1 - number)] for verb in VERBS for number in (0, 1)
}
_END_OF_SENTENCE = TOKEN_IDS["."]


@dataclass(frozen=True)
class Pair:
    """Token ids of a sentence that is right and of one that is not; each has at least two."""

    good: tuple[int, ...]
    bad: tuple[int, ...]


def pair_accuracy(model: "PreTrainedModel", pairs: Sequence[Pair]) -> Measurement:
    """Return the share of pairs whose right sentence has the higher log-likelihood; an equal one counts half.

    `n` is the number of pairs. Raises `NotFiniteError`.
    """
    losses = window_losses(model, [sentence for pair in pairs for sentence in (pair.good, pair.bad)])
    if not all(map(isfinite, losses)):
        raise NotFiniteError(f"{type(model).__name__}: its loss on a minimal pair is NaN or infinite")
    won = sum(
        1.0 if good < bad else 0.5 if good == bad else 0.0 for good, bad in zip(losses[::2], losses[1::2], strict=True)
    )
    return Measurement(won / len(pairs), "1", len(pairs))


def pairs_for(model: "PreTrainedModel", file: str | None) -> tuple[Pair, ...]:
    """Return the pairs of a task file, or those of the reference language for a model that speaks it.

    The tokenizer is the one in the folder that the model came from. Raises `UsageError` for the file and
    `UnsupportedModelError` for a model without a folder, or without pairs.
    """
    name = model.name_or_path or ""
    folder = Path(name)
    if not name or not folder.is_dir():
        raise UnsupportedModelError(
            f"{type(model).__name__}: pair_accuracy needs the tokenizer in the folder that the model came from; it "
            f"names {name!r}"
        )
    if file is not None:
        return read_pairs(Path(file), load_tokenizer(folder))
    if not speaks_reference_language(folder):
        raise UnsupportedModelError(
            f"{type(model).__name__}: pair_accuracy needs a task file of minimal pairs; only models of the reference "
            "language have their own"
        )
    return reference_pairs(REFERENCE_PAIRS)


def read_pairs(file: Path, tokenizer: "PreTrainedTokenizerBase") -> tuple[Pair, ...]:
    """Return the pairs of a JSON-lines file, {"good": sentence, "bad": sentence} a line, other keys left alone.

    Special tokens are added as the tokenizer does. Raises `UsageError` naming the line.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"expected a JSON-lines file of minimal pairs in {str(file)!r}: {error}") from error
    pairs = tuple(_read(line, f"{file}, line {number}", tokenizer) for number, line in enumerate(lines, 1) if line)
    if not pairs:
        raise UsageError(f"expected minimal pairs in {str(file)!r}, got none")
    return pairs


def reference_pairs(count: int, seed: int = 0) -> tuple[Pair, ...]:
    """Return the first `count` different pairs from held-out documents of the reference language.

    Each is the beginning of a document up to the end of the sentence of one verb, chosen by the document's hash.
    """
    return tuple(islice(_different_pairs(seed), count))


def _different_pairs(seed: int) -> Iterator[Pair]:
    seen: set[Pair] = set()
    for document in split_documents("evaluation", seed):
        pair = _pair_of(document.token_ids)
        if pair is not None and pair not in seen:
            seen.add(pair)
            yield pair


def _pair_of(tokens: Sequence[int]) -> Pair | None:
    verbs = [place for place, token in enumerate(tokens) if token in _OTHER_NUMBER]
    if not verbs:
        return None
    text = f"{LANGUAGE_VERSION}/{' '.join(map(str, tokens))}"
    drawn = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
    place = verbs[drawn % len(verbs)]
    end = tokens.index(_END_OF_SENTENCE, place) + 1
    before, after = (BOS_ID, *tokens[:place]), tokens[place + 1 : end]
    return Pair((*before, tokens[place], *after), (*before, _OTHER_NUMBER[tokens[place]], *after))


def _read(line: str, where: str, tokenizer: "PreTrainedTokenizerBase") -> Pair:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: expected a JSON object: {error}") from error
    texts = [found.get(key) for key in ("good", "bad")] if isinstance(found, dict) else []
    if not texts or not all(isinstance(text, str) for text in texts):
        raise UsageError(f'{where}: expected {{"good": sentence, "bad": sentence}}, got {line[:80]}')
    good, bad = (tuple(tokenizer(text, verbose=False)["input_ids"]) for text in texts)
    if min(len(good), len(bad)) < 2:
        raise UsageError(f"{where}: expected sentences of at least two tokens, got {len(good)} and {len(bad)}")
    return Pair(good, bad)
