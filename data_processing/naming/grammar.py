"""What a name says beside its family: size, variant, training, quantisation, context, step, version (METHODS 1.1).

All functions take a folded name (`fold`). Where a part occurs several times, its values are comma-separated in the
order of the name, each once. Every repetition in a pattern has a bound, so that the time grows with the name's length
only.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

WORD = re.compile(r"[a-z0-9]+")
_DIGIT = re.compile(r"[0-9]")
_START, _END = r"(?<![a-z0-9])(?<![0-9][.])", r"(?![a-z0-9])"
_DECIMAL = r"[0-9]{1,4}(?:[.][0-9]{1,3})?"

_BILLIONS = rf"(?:[0-9]{{1,3}}x)?e?{_DECIMAL}[bt](?:x[0-9]{{1,3}})?"  # 7b, 8x7b, 7bx2, e2b, 1t
_ACTIVE = rf"(?:[-_](?:a{_DECIMAL}b|[0-9]{{1,3}}e))?"  # parameters at work, or experts: 30b-a3b, 17b-16e
_COUNT = re.compile(rf"{_START}({_BILLIONS}{_ACTIVE}|[0-9]{{1,3}}b[0-9]{{1,2}}){_END}")  # 7b1 is 7.1 billion
_MILLIONS = re.compile(rf"{_START}((?:[0-9]{{1,3}}x)?{_DECIMAL}m){_END}")
_SIZE_WORDS = frozenset(
    ("nano", "tiny", "mini", "small", "medium", "base", "large", "xlarge", "xxlarge", "huge", "giant", "xl", "xxl")
)

_VARIANTS = {
    word: word for word in ("instruct", "chat", "thinking", "reasoning", "uncased", "cased", "multilingual")
} | {"instruction": "instruct", "instructed": "instruct"}
_TRAINING = {
    word: word
    for word in (
        *("lora", "qlora", "dora", "peft", "sft", "dpo", "orpo", "kto", "ipo", "simpo", "cpo", "ppo", "grpo", "rlhf"),
        *("rlaif", "slerp", "ties", "dare", "pruned", "abliterated"),
    )
} | {
    **dict.fromkeys(("finetuned", "finetune", "finetuning", "finetunned", "ft"), "finetuned"),
    **dict.fromkeys(("merge", "merged", "mergekit"), "merge"),
    **dict.fromkeys(("distill", "distilled", "distillation", "distil"), "distill"),
}
_DISTILLED = re.compile(r"distil[a-z]")
_QUANTISED = frozenset(
    (
        *("gguf", "ggml", "gptq", "awq", "exl2", "exl3", "mlx", "bnb", "hqq", "aqlm", "eetq", "quip", "autoround"),
        *("nf4", "fp4", "nvfp4", "mxfp4", "fp8", "mxfp8", "fp16", "bf16", "int2", "int3", "int4", "int8", "quantized"),
    )
)
_GGUF_TYPE = r"i?q[1-8](?:[-_](?:[01]|k|xxs|xs|s|m|l|xl|nl)){0,3}"
_BITS = re.compile(
    rf"{_START}(?:(?P<bits>[1-8])[-_ ]?bits?|(?P<rate>[0-9]{{1,2}}(?:[.][0-9]{{1,3}})?)[-_ ]?bpw"
    rf"|(?P<type>{_GGUF_TYPE}|w[0-9]{{1,2}}a[0-9]{{1,2}})){_END}"
)

# Other numbers before a k count training examples far more often (wizard_vicuna_70k).
_CONTEXT_LENGTHS = (
    1,
    2,
    4,
    8,
    10,
    16,
    32,
    64,
    80,
    96,
    100,
    128,
    131,
    160,
    192,
    200,
    256,
    262,
    512,
    524,
    1000,
    1024,
    1048,
)
_CONTEXT = re.compile(rf"{_START}((?:{'|'.join(map(str, _CONTEXT_LENGTHS))})k|ctx[0-9]{{3,7}}k?){_END}")
_MILLION_CONTEXT = re.compile(rf"{_START}([1-9]m){_END}")

_YEAR, _MONTH, _DAY = r"20(?:1[5-9]|2[0-9]|3[0-5])", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12][0-9]|3[01])"
_MONTH_NAME = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
_COUNTED = r"(?:global[-_ ]?)?(?:steps?|checkpoint|ckpt|epochs?|ep|iters?|iterations?)"
_STEP = re.compile(
    rf"{_START}(?:{_COUNTED}[-_ ]?[0-9]{{1,9}}k?"
    r"|[0-9]{1,9}k?[-_ ]?(?:steps?|epochs?|ep|iters?|iterations?)(?![-_ ]?[0-9])"
    rf"|{_YEAR}(?P<join>[-_. ]?){_MONTH}(?P=join){_DAY}"
    rf"|{_YEAR}[-_. ]?{_MONTH}|{_MONTH_NAME}[-_ ]?{_YEAR}|{_YEAR}"
    rf"|(?:1[5-9]|2[0-9]|3[0-5]){_MONTH}{_DAY}"  # 240513
    rf"|2[2-9]{_MONTH}|0[1-9]{_DAY}){_END}"  # 2407 is July 2024; 0528 the 28th of May
)

_VERSION = re.compile(rf"{_START}v([0-9]{{1,3}}(?:[._][0-9]{{1,3}}){{0,3}}){_END}")
_OWN_VERSION = re.compile(r"[a-z]+[-_ ]?([0-9]{1,2}(?:[._][0-9]{1,2})?)(?![a-z0-9]|[.][0-9])")
# The number is part of the name, not a version of it.
_NUMBERED = re.compile(r"[a-z]*t5|t0|ul2")


@dataclass(frozen=True)
class NameParts:
    """The parts of a name beside owner and family; None = the name does not say."""

    version: str | None
    size: str | None
    variant: str | None
    training: str | None
    quantisation: str | None
    context: str | None
    step: str | None


def fold(text: str) -> str:
    """Return a text in one case: equal for spellings that differ in case only, also outside ASCII."""
    return text.upper().casefold()


def parse_parts(name: str, family_at: int) -> NameParts:
    """Take a folded name apart; `family_at` is where the word of its family begins.

    A date or step is read first and counts as nothing else; `base` is a size where no number of parameters is given,
    else a variant (not tuned); `it` is "instruct" behind a number of parameters and a language elsewhere.
    """
    words = [(match.start(), match[0]) for match in WORD.finditer(name)]
    if not _DIGIT.search(name):
        return _parts_of_words(words)
    steps = [_Found(match.start(), match[0]) for match in _STEP.finditer(name)]
    rest = _STEP.sub(lambda match: " " * len(match[0]), name)
    count = _COUNT.search(rest) or _MILLIONS.search(rest)
    return NameParts(
        version=_version(rest, family_at),
        size=count[1].replace("_", "-") if count else _size_word(words),
        variant=_listed([*_variants(words), *(_variants_behind(words, count) if count else ())]),
        training=_listed(_training(words)),
        quantisation=_listed([*_quantised(words), *_bits(rest)]),
        context=_listed(_contexts(rest, count)),
        step=_listed(steps),
    )


@dataclass(frozen=True, order=True)
class _Found:
    position: int
    text: str


Words = list[tuple[int, str]]


def _parts_of_words(words: Words) -> NameParts:
    """Return the parts of a name without a digit."""
    return NameParts(
        version=None,
        size=_size_word(words),
        variant=_listed(_variants(words)),
        training=_listed(_training(words)),
        quantisation=_listed(_quantised(words)),
        context=None,
        step=None,
    )


def _listed(found: Iterable[_Found]) -> str | None:
    return ",".join(dict.fromkeys(one.text for one in sorted(found))) or None


def _size_word(words: Words) -> str | None:
    return next((word for _, word in words if word in _SIZE_WORDS), None)


def _variants(words: Words) -> list[_Found]:
    return [_Found(position, _VARIANTS[word]) for position, word in words if word in _VARIANTS]


def _variants_behind(words: Words, count: re.Match[str]) -> list[_Found]:
    """Return what `base` and `it` say behind a number of parameters; `it` must be the next word."""
    behind = [(position, word) for position, word in words if position >= count.end()]
    found = [_Found(position, word) for position, word in behind if word == "base"]
    return found + [_Found(position, word) for position, word in behind[:1] if word == "it"]


def _training(words: Words) -> list[_Found]:
    """Return how it was trained; `random` (tiny-random-X) = not at all, weights for tests."""
    found = [_Found(position, _TRAINING[word]) for position, word in words if word in _TRAINING]
    found += [_Found(position, "distill") for position, word in words if _DISTILLED.match(word)]
    followed = pairwise(words)
    return found + [_Found(at, word) for (_, before), (at, word) in followed if (before, word) == ("tiny", "random")]


def _quantised(words: Words) -> list[_Found]:
    return [_Found(position, word) for position, word in words if word in _QUANTISED]


def _bits(name: str) -> list[_Found]:
    return [_Found(match.start(), _bits_text(match)) for match in _BITS.finditer(name)]


def _bits_text(match: re.Match[str]) -> str:
    if match["bits"]:
        return f"{match['bits']}bit"
    return f"{match['rate']}bpw" if match["rate"] else match["type"].replace("-", "_")


def _contexts(name: str, count: re.Match[str] | None) -> list[_Found]:
    found = [_Found(match.start(), match[1]) for match in _CONTEXT.finditer(name)]
    # One million behind a number of billions (7B-1M) is a length.
    behind = _MILLION_CONTEXT.search(name, count.end()) if count and count[1][-1] != "m" else None
    return found + ([_Found(behind.start(), behind[1])] if behind else [])


def _version(name: str, family_at: int) -> str | None:
    """Return the number right behind the family's word, else the first that a v introduces."""
    own = _OWN_VERSION.match(name, family_at)
    if own and not _NUMBERED.fullmatch(own[0]):
        return own[1].replace("_", ".")
    found = _VERSION.search(name)
    return found[1].replace("_", ".") if found else None
