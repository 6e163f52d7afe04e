"""What a model's name says: owner, family and the parts of `naming.grammar` (METHODS 1.1).

A name is evidence, not identity: where lineage or a config says more, `data_processing.naming.lineage` prefers that.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

from data_processing.naming.grammar import WORD, fold, parse_parts
from data_processing.naming.known import KnownNames, squeeze

NAMES_VERSION = 2
# A family's name is seldom spread over more words (speech-encoder-decoder, audio-spectrogram-transformer).
_LONGEST_WINDOW = 4
# Shorter types (dia, sam, led) are too often parts of other words: they count as whole words only.
_SHORTEST_PART = 4
_NUMBER_BEHIND = re.compile(r"(?<![0-9])[0-9]+[bm]?$")
_DISTILL = ("distill", "distilled")
# Words that templates, trainers and test suites put in front: they say nothing of a family.
_GENERIC_WORDS = frozenset(
    (
        *("my", "awesome", "a", "the", "new", "hf", "test", "testing", "dummy", "random"),
        *("model", "models", "final", "output", "results", "checkpoint", "autotrain", "autonlp"),
        *("finetuned", "finetuning", "fine", "tuned", "trained", "tiny", "small", "base", "large", "mini"),
    )
)
_EMPTY_NAME = "unnamed"
_ACTIVE = re.compile(r"-a[0-9.]+b$")
_COPIES = re.compile(r"[0-9]+x[0-9.]+b|[0-9.]+bx[0-9]+")
_MIXED = (None, "llama", "mistral")


@dataclass(frozen=True)
class ParsedName:
    """The parts of a model id; None = it does not say. Several values are comma-separated, in the name's order."""

    owner: str | None
    base_name: str
    base_name_simple: str
    version: str | None
    size: str | None
    variant: str | None
    recognised: bool  # base_name is a known family, not just the first word
    training: str | None = None
    quantisation: str | None = None
    context: str | None = None
    step: str | None = None


@dataclass(frozen=True)
class FoundFamily:
    """A family in a list of words: the first of its words and the key of `KnownNames` that they spell."""

    family: str
    word: int
    key: str


def parse_name(model_id: str, known: KnownNames) -> ParsedName:
    """Take a model id apart. Any text is accepted; ids that differ in case only differ in `owner` only."""
    owner, _, name = model_id.rpartition("/")
    folded = fold(name)
    words = [(match.start(), match[0]) for match in WORD.finditer(folded)]
    found = find_family([word for _, word in words], known)
    parts = parse_parts(folded, words[found.word][0] if found else _own_word_at(words))
    family = _as_mixture(found.family if found else known.owners.get(fold(owner)), parts.size, known)
    return ParsedName(
        owner=owner or None,
        base_name=family or _own_word(folded),
        base_name_simple=simple_base_name(model_id),
        version=parts.version,
        size=parts.size,
        variant=parts.variant,
        recognised=family is not None,
        training=parts.training,
        quantisation=parts.quantisation,
        context=parts.context,
        step=parts.step,
    )


def simple_base_name(model_id: str) -> str:
    """Return the earlier miner's base name: the id's last part up to the first "-", else "_", in lower case."""
    name = fold(model_id.split("/")[-1])
    separator = "-" if "-" in name else "_"
    return name.split(separator)[0]


def is_template(model_id: str) -> bool:
    """Return whether a name has no word of its own (my_awesome_model): equal names then mean nothing."""
    return not _own_words(fold(model_id.rpartition("/")[2]))


def is_grammar(word: str) -> bool:
    """Return whether a text is a template's word, a variant, a size or another part of names that is no family."""
    folded = fold(word)
    return not _own_words(folded) or any(astuple(parse_parts(f"x-{folded}", 0)))


def find_family(words: Sequence[str], known: KnownNames) -> FoundFamily | None:
    """Return the family of the longest known name among folded words, the earliest of equally long ones.

    X-distill-Y is a Y: what follows the last "distill" is asked first, then what stands before it, and so on.
    """
    stop = len(words)
    for index in (*(at for at in reversed(range(len(words))) if words[at] in _DISTILL), -1):
        found = _longest(words[index + 1 : stop], index + 1, known)
        if found is not None:
            return found
        stop = max(index, 0)
    return None


def _longest(words: Sequence[str], offset: int, known: KnownNames) -> FoundFamily | None:
    found = [*_whole_windows(words, offset, known), *_compound_words(words, offset, known)]
    return min(found, key=lambda one: (-len(one.key), one.word)) if found else None


def _whole_windows(words: Sequence[str], offset: int, known: KnownNames) -> Iterable[FoundFamily]:
    """Yield every run of words that spells a known name, a version or a size (opt125m) after it or not."""
    families = known.families
    for start in range(len(words)):
        text = ""
        for word in words[start : start + _LONGEST_WINDOW]:
            text += word
            if text in families:
                yield FoundFamily(families[text], offset + start, text)
            elif (tail := _NUMBER_BEHIND.search(text)) and tail.start() >= _SHORTEST_PART:
                key = text[: tail.start()]
                if key in families:
                    yield FoundFamily(families[key], offset + start, key)


def _compound_words(words: Sequence[str], offset: int, known: KnownNames) -> Iterable[FoundFamily]:
    """Yield words that begin or end with a family that others build names from."""
    for position, word in enumerate(words):
        if word.startswith(known.compounds) or word.endswith(known.compounds):
            for part in known.compounds:
                if word.startswith(part) or word.endswith(part):
                    yield FoundFamily(known.families.get(part, part), offset + position, part)


def _as_mixture(family: str | None, size: str | None, known: KnownNames) -> str | None:
    """Return the family as its size says it: 30b-a3b of qwen3 is a qwen3-moe, 2x7b of llama, mistral or none a mixtral.

    Tools that make one model of N copies write it as a Mixtral.
    """
    if size is None:
        return family
    if _ACTIVE.search(size):
        return family and known.families.get(f"{squeeze(family)}moe", family)
    return "mixtral" if family in _MIXED and _COPIES.match(size) else family


def _own_words(name: str) -> list[str]:
    return [word for word in WORD.findall(name) if word not in _GENERIC_WORDS and not word.isdigit()]


def _own_word(name: str) -> str:
    """Return the first word that is no template's; a name without one (my_awesome_model) stands for itself alone."""
    own = _own_words(name)
    return own[0] if own else (name.strip() or _EMPTY_NAME)


def _own_word_at(words: Sequence[tuple[int, str]]) -> int:
    return next((at for at, word in words if word not in _GENERIC_WORDS and not word.isdigit()), 0)
