"""What a model's name says: family, version, size, variant (METHODS 1.1).

A name is evidence, not identity: where lineage or a config says more, `data_processing.naming.lineage` prefers that.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

NAMES_VERSION = 1
_TABLE_FILE = Path(__file__).with_name("known_names.toml")
# A family's name is seldom spread over more words (speech-encoder-decoder, audio-spectrogram-transformer).
_LONGEST_WINDOW = 4
# Shorter types (dia, sam, led) are too often parts of other words: they count as whole words only.
_SHORTEST_PART = 4

_WORD = re.compile(r"[a-z0-9]+")
_SIZE = re.compile(
    r"(?<![a-z0-9.])((?:\d+x)?\d+(?:[.]\d+)?[bm](?:-a\d+(?:[.]\d+)?b)?|"
    r"tiny|mini|small|medium|base|large|xlarge|xxlarge|huge|giant|xl|xxl)(?![a-z0-9])"
)
_VERSION = re.compile(r"(?<![a-z0-9])v(\d+(?:[.]\d+)*)(?![a-z0-9])")
_FAMILY_VERSION = re.compile(r"[a-z][-_ ]?(\d+(?:[.]\d+)+|\d)(?![a-z0-9.])")
_VARIANTS = (
    *("instruct", "chat", "it", "lora", "qlora", "dpo", "orpo", "kto", "rlhf", "ppo", "sft", "merge", "finetuned"),
    *("gptq", "awq", "gguf", "ggml", "exl2", "mlx", "bnb", "4bit", "8bit", "fp8", "fp16", "bf16", "int4", "int8"),
    *("uncased", "cased", "multilingual", "distill", "distilled"),
)
_QUANTISATION = re.compile(r"(?<![a-z0-9])(i?q\d_[a-z0-9_]+)(?![a-z0-9])")
_CONTEXT = re.compile(r"(?<![a-z0-9])(\d+k)(?![a-z0-9])")
# Words that templates, trainers and test suites put in front: they say nothing of a family.
_GENERIC_WORDS = frozenset(
    (
        *("my", "awesome", "a", "the", "new", "hf", "test", "testing", "dummy", "random"),
        *("model", "models", "final", "output", "results", "checkpoint", "autotrain", "autonlp"),
        *("finetuned", "finetuning", "fine", "tuned", "trained", "tiny", "small", "base", "large", "mini"),
    )
)
_EMPTY_NAME = "unnamed"


@dataclass(frozen=True)
class KnownNames:
    """Names that stand for a family; every key is lower case without separators."""

    families: Mapping[str, str]  # "xlmroberta" -> "xlm-roberta", aliases included
    compounds: tuple[str, ...]  # the best known first
    owners: Mapping[str, str]


@dataclass(frozen=True)
class ParsedName:
    """The parts of a model id; None = the name does not say."""

    owner: str | None
    base_name: str
    base_name_simple: str
    version: str | None
    size: str | None
    variant: str | None
    recognised: bool  # base_name is a known family, not just the first word


def parse_name(model_id: str, known: KnownNames) -> ParsedName:
    """Take a model id apart. Any text is accepted; ids that differ only in case give the same base name."""
    owner, _, name = model_id.rpartition("/")
    lower = name.lower()
    family = _find_family(_WORD.findall(lower), known) or known.owners.get(owner.lower())
    return ParsedName(
        owner=owner or None,
        base_name=family or _own_word(lower),
        base_name_simple=simple_base_name(model_id),
        version=_find_version(lower),
        size=_first_group(_SIZE, lower.replace("_", "-")),
        variant=_find_variants(lower),
        recognised=family is not None,
    )


def simple_base_name(model_id: str) -> str:
    """Return the earlier miner's base name: the id's last part up to the first "-", else "_", in lower case."""
    name = model_id.split("/")[-1].lower()
    separator = "-" if "-" in name else "_"
    return name.split(separator)[0]


def type_base_name(model_type: str) -> str:
    """Return the base name that a config's model_type stands for: xlm_roberta -> xlm-roberta."""
    return model_type.lower().replace("_", "-").strip("-") or _EMPTY_NAME


def prominence(base_name: str, known: KnownNames) -> int:
    """Return the place of a base name in the list of families that others are built from; greater = less known."""
    name = _squeeze(base_name)
    return known.compounds.index(name) if name in known.compounds else len(known.compounds)


def known_names(model_types: Iterable[str] = ()) -> KnownNames:
    """Return the names to look for: types that the installed transformers has, `model_types`, and the table."""
    types = {_squeeze(name): type_base_name(name) for name in [*_installed_types(), *sorted(model_types)]}
    table = _table()
    families = {key: value for key, value in types.items() if key} | table["aliases"]
    return KnownNames(families, tuple(table["compounds"]), table["owners"])


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(_TABLE_FILE.read_text(encoding="utf-8"))


@cache
def _installed_types() -> tuple[str, ...]:
    """Return the folder names of transformers' models: the list of types without the second that an import costs."""
    spec = find_spec("transformers")
    if spec is None or spec.origin is None:
        return ()
    folder = Path(spec.origin).parent / "models"
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name not in _NO_TYPES))


_NO_TYPES = ("auto", "__pycache__", "deprecated")


def _find_family(words: list[str], known: KnownNames) -> str | None:
    """Return the family of the longest known name among the words, the earliest of equally long ones.

    X-distill-Y is a Y: what follows the word "distill" is asked first.
    """
    for index, word in enumerate(words[1:], start=1):
        if word in ("distill", "distilled"):
            family = _find_family(words[index + 1 :], known)
            if family is not None:
                return family
    found = [*_whole_windows(words, known), *_compound_words(words, known)]
    return min(found, key=lambda match: (-match[0], match[1]))[2] if found else None


def _whole_windows(words: list[str], known: KnownNames) -> list[tuple[int, int, str]]:
    """Return (length, position, family) for every run of words that spells a known name, a version after it or not."""
    found = []
    for start in range(len(words)):
        for stop in range(start + 1, min(start + _LONGEST_WINDOW, len(words)) + 1):
            text = "".join(words[start:stop])
            key = text if text in known.families else text.rstrip("0123456789")
            if key in known.families and (key == text or len(key) >= _SHORTEST_PART):
                found.append((len(key), start, known.families[key]))
    return found


def _compound_words(words: list[str], known: KnownNames) -> list[tuple[int, int, str]]:
    """Return (length, position, family) for words that begin or end with a family that others build names from."""
    return [
        (len(part), position, known.families.get(part, part))
        for position, word in enumerate(words)
        for part in known.compounds
        if word.startswith(part) or word.endswith(part)
    ]


def _find_version(name: str) -> str | None:
    return _first_group(_VERSION, name) or _first_group(_FAMILY_VERSION, name)


def _find_variants(name: str) -> str | None:
    words = set(_WORD.findall(name))
    found = [word for word in _VARIANTS if word in words]
    found += [match[1] for match in (_QUANTISATION.search(name), _CONTEXT.search(name)) if match]
    return ",".join(found) or None


def _first_group(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return match[1] if match else None


def _own_word(name: str) -> str:
    """Return the first word that is no template's; a name without one (my_awesome_model) stands for itself alone."""
    own = [word for word in _WORD.findall(name) if word not in _GENERIC_WORDS and not word.isdigit()]
    return own[0] if own else (name.strip() or _EMPTY_NAME)


def _squeeze(name: str) -> str:
    return "".join(_WORD.findall(name.lower()))
