"""The words of the reference language, by category, and their token ids.

Every word belongs to exactly one category and every inflected form is a token of its own, so a text is a sequence
of words separated by single spaces and needs no sub-word units.
"""

PAD, BOS, EOS, UNK = "<pad>", "<bos>", "<eos>", "<unk>"
SPECIAL_TOKENS = (PAD, BOS, EOS, UNK)


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


FUNCTION_WORDS = _listed("about at : . ; ( ) she he her his friend that near and count repeat reverse plus makes")
SINGULAR, PLURAL = 0, 1
DETERMINERS = (("the", "a", "this", "every"), ("the", "some", "these", "many"))
"""Determiners by number; `the` is in both, so it says nothing about the noun that follows."""

WOMEN = _listed(
    "anna bella clara dora elsa flora greta hanna irma julia karla lena mona nora olga paula rita sara tilda vera"
)
MEN = _listed(
    "adam boris carlo david erik felix goran hugo ivan jonas kurt leo marco niels otto pedro ralf simon tomas victor"
)
PEOPLE = WOMEN + MEN

RELATIONS: dict[str, tuple[str, ...]] = {
    "visits": _listed("lima oslo cairo paris quito delhi tokyo accra sofia milan bergen zagreb dakar havana"),
    "eats": _listed("rice bread soup beans cheese apples pasta olives figs honey lentils plums eggs nuts"),
    "plays": _listed("harp drums flute guitar cello organ banjo trumpet violin lute"),
    "studies": _listed("law music physics logic botany history poetry anatomy optics ethics grammar maps"),
    "wears": _listed("linen silk wool velvet denim leather cotton tweed satin felt"),
    "collects": _listed("stamps coins shells clocks masks dolls pens medals fossils spoons hats keys"),
}
"""What a person can be known for: the verb of a fact, and the values that it can take."""

SPEECH_VERBS = _listed("says thinks claims hopes doubts writes")
PLACES = _listed("harbour forest farm castle market desert school museum station garden")
NOUNS = _listed(
    "dog cat horse lion bear owl king queen pilot nurse baker sailor teacher robot monk judge "
    "goat giant wizard doctor farmer rider guard dancer poet hunter singer driver tailor clerk"
)
VERBS = _listed(
    "chase bring paint break hide sell find throw build steal clean draw follow lift repair "
    "hold drag pull want guide kick borrow open move"
)
THINGS = _listed(
    "ball stick lamp chair rope box cart bell ladder barrel basket wheel mirror candle bucket drum "
    "anchor boat door fence table bottle hammer kite ring sword tent statue shovel crown"
)
ADJECTIVES = _listed("red old small heavy bright broken quiet golden strange wooden wet round cheap soft long dark")
SYLLABLES = _listed("ba ko mi tu ze ra lo ni pe su da go")
NUMBERS = _listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen"
)
"""The word of each number from 0 to 18, the largest sum of two digits."""


def noun_form(noun: str, number: int) -> str:
    """The noun as it is written in the singular (0) or the plural (1)."""
    return noun + "s" if number == PLURAL else noun


def verb_form(verb: str, number: int) -> str:
    """The verb as it is written with a singular (0) or a plural (1) subject."""
    return verb if number == PLURAL else verb + "s"


def _all_words() -> tuple[str, ...]:
    groups = [
        SPECIAL_TOKENS,
        FUNCTION_WORDS,
        DETERMINERS[SINGULAR],
        tuple(word for word in DETERMINERS[PLURAL] if word not in DETERMINERS[SINGULAR]),
        PEOPLE,
        tuple(RELATIONS),
        *RELATIONS.values(),
        SPEECH_VERBS,
        PLACES,
        *(tuple(noun_form(noun, number) for noun in NOUNS) for number in (SINGULAR, PLURAL)),
        *(tuple(verb_form(verb, number) for verb in VERBS) for number in (SINGULAR, PLURAL)),
        THINGS,
        ADJECTIVES,
        SYLLABLES,
        NUMBERS,
    ]
    return tuple(word for group in groups for word in group)


VOCABULARY = _all_words()
"""Every token; a token's id is its position. The special tokens come first."""

TOKEN_IDS = {word: index for index, word in enumerate(VOCABULARY)}
PAD_ID, BOS_ID, EOS_ID, UNK_ID = (TOKEN_IDS[token] for token in SPECIAL_TOKENS)
