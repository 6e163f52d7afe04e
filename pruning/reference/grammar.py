"""The grammar of the reference language: what a symbol can become, and with which weight.

A terminal is a word. A nonterminal is a tuple (rule name, arguments...), so that agreement, copying and topics are
arguments of symbols and the grammar stays context-free; it has finitely many symbols and no cycle. Each document has
exactly one derivation. Hence its log-probability is the sum over the choices taken, and the entropy of the language
is a finite recursion. Both are exact.

Documents are of four kinds:

    news     anna eats figs . leo plays harp . <eos>
    profile  about anna : she eats figs . her friend leo plays harp . <eos>
    scene    at farm : the dog that these cats chase hides a red ball . <eos>
    puzzle   count two kite : kite kite . reverse ba ko mi ; mi ko ba . six plus five makes eleven . <eos>
"""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from pruning.reference.knowledge import KNOWLEDGE, Preference
from pruning.reference.vocabulary import (
    DETERMINERS,
    EOS,
    NUMBERS,
    PEOPLE,
    PLACES,
    PLURAL,
    SINGULAR,
    SYLLABLES,
    WOMEN,
    noun_form,
    verb_form,
)

Nonterminal: TypeAlias = tuple[str | int | tuple[str, ...], ...]
Symbol: TypeAlias = str | Nonterminal
Alternative: TypeAlias = tuple[int, tuple[Symbol, ...]]
"""(weight, symbols that replace the nonterminal); a weight is a positive integer, the symbols may be none."""

START: Nonterminal = ("document",)
SENTENCES = {"news": (3, 6), "portrait": (2, 5), "event": (1, 3), "puzzle": (2, 4)}
"""The fewest and most sentences of a document by their kind.

Few enough words and there are so few different documents that those held back from training would be noticed.
"""
DEEPEST_REPORT = 3
LONGEST_LIST = 4
LARGEST_COUNT = 6


def _uniform(bodies: Iterable[tuple[Symbol, ...]]) -> tuple[Alternative, ...]:
    return tuple((1, body) for body in bodies)


def _words(preference: Preference) -> tuple[Alternative, ...]:
    return tuple((weight, (word,)) for word, weight in preference)


def _document() -> tuple[Alternative, ...]:
    return (
        (8, (("sentences", "news", "", 1),)),
        (4, ("about", ("profile",))),
        (8, ("at", ("scene",))),
        (3, (("sentences", "puzzle", "", 1),)),
    )


def _profile() -> tuple[Alternative, ...]:
    return _uniform((person, ":", ("sentences", "portrait", person, 1)) for person in PEOPLE)


def _scene() -> tuple[Alternative, ...]:
    return _uniform((place, ":", ("sentences", "event", place, 1)) for place in PLACES)


def _sentences(kind: str, topic: str, position: int) -> tuple[Alternative, ...]:
    return ((1, ((kind, topic), ".", ("ending", kind, topic, position))),)


def _ending(kind: str, topic: str, position: int) -> tuple[Alternative, ...]:
    """What follows the sentence at `position` (the first is 1)."""
    fewest, most = SENTENCES[kind]
    another: Alternative = (2, (("sentences", kind, topic, position + 1),))
    if position < fewest:
        return (another,)
    end: Alternative = (1, (EOS,))
    return (end, another) if position < most else (end,)


def _news(_topic: str) -> tuple[Alternative, ...]:
    return _uniform((person, ("fact", person)) for person in PEOPLE)


def _portrait(person: str) -> tuple[Alternative, ...]:
    pronoun, possessive = ("she", "her") if person in WOMEN else ("he", "his")
    return (
        (3, (pronoun, ("fact", person))),
        (1, (person, ("fact", person))),
        (2, (possessive, "friend", ("friend", person))),
    )


def _friend(person: str) -> tuple[Alternative, ...]:
    return tuple((weight, (friend, ("fact", friend))) for friend, weight in KNOWLEDGE.friends[person])


def _fact(person: str) -> tuple[Alternative, ...]:
    return tuple((weight, (relation, ("value", person, relation))) for relation, weight in KNOWLEDGE.relations[person])


def _value(person: str, relation: str) -> tuple[Alternative, ...]:
    return _words(KNOWLEDGE.facts[person, relation])


def _event(place: str) -> tuple[Alternative, ...]:
    return (5, (("clause", place),)), (1, (("report", place, DEEPEST_REPORT),))


def _report(place: str, depth: int) -> tuple[Alternative, ...]:
    return _uniform((person, ("speech", person), "(", ("reported", place, depth - 1), ")") for person in PEOPLE)


def _speech(person: str) -> tuple[Alternative, ...]:
    return _words(KNOWLEDGE.speech[person])


def _reported(place: str, depth: int) -> tuple[Alternative, ...]:
    if depth == 0:
        return ((1, (("clause", place),)),)
    return (2, (("clause", place),)), (1, (("report", place, depth),))


def _clause(place: str) -> tuple[Alternative, ...]:
    return _uniform((("subject", place, number),) for number in (SINGULAR, PLURAL))


def _subject(place: str, number: int) -> tuple[Alternative, ...]:
    return tuple(
        (
            weight,
            (
                ("determiner", number),
                ("mood", place),
                noun_form(noun, number),
                ("modifier", place, noun, number),
                ("predicate", noun, number, 2),
            ),
        )
        for noun, weight in KNOWLEDGE.inhabitants[place]
    )


def _determiner(number: int) -> tuple[Alternative, ...]:
    return _uniform((word,) for word in DETERMINERS[number])


def _mood(place: str) -> tuple[Alternative, ...]:
    some = _words(KNOWLEDGE.moods[place])
    return (sum(weight for weight, _ in some), ()), *some


def _modifier(place: str, noun: str, number: int) -> tuple[Alternative, ...]:
    return (
        (4, ()),
        (1, ("that", ("predicate", noun, number, 1))),
        (2, ("that", ("other", place, 1))),
        (1, ("near", ("other", place, 0))),
    )


def _other(place: str, acts: int) -> tuple[Alternative, ...]:
    """Another noun phrase of the place with a number of its own; with a verb of its own if `acts`."""
    return tuple(
        (weight, (("determiner", number), noun_form(noun, number), *((("habit", noun, number),) if acts else ())))
        for number in (SINGULAR, PLURAL)
        for noun, weight in KNOWLEDGE.inhabitants[place]
    )


def _habit(noun: str, number: int) -> tuple[Alternative, ...]:
    return tuple((weight, (verb_form(verb, number),)) for verb, weight in KNOWLEDGE.habits[noun])


def _predicate(noun: str, number: int, most: int) -> tuple[Alternative, ...]:
    """Up to `most` coordinated verbs with their objects."""
    more: tuple[Symbol, ...] = (("coordination", noun, number, most - 1),) if most > 1 else ()
    return tuple(
        (weight, (verb_form(verb, number), ("object", noun, verb), *more)) for verb, weight in KNOWLEDGE.habits[noun]
    )


def _coordination(noun: str, number: int, most: int) -> tuple[Alternative, ...]:
    return (3, ()), (1, ("and", ("predicate", noun, number, most)))


def _object(noun: str, verb: str) -> tuple[Alternative, ...]:
    return ((1, (("determiner", SINGULAR), ("quality", verb), ("thing", noun, verb))),)


def _quality(verb: str) -> tuple[Alternative, ...]:
    some = _words(KNOWLEDGE.qualities[verb])
    return (sum(weight for weight, _ in some), ()), *some


def _thing(noun: str, verb: str) -> tuple[Alternative, ...]:
    return _words(KNOWLEDGE.objects[noun, verb])


def _puzzle(_topic: str) -> tuple[Alternative, ...]:
    return (
        (1, ("count", ("count",))),
        (1, ("repeat", ("list", "repeat", ()))),
        (1, ("reverse", ("list", "reverse", ()))),
        (2, (("sum",),)),
    )


def _count() -> tuple[Alternative, ...]:
    return tuple(
        (weight, (NUMBERS[count], thing, ":", *[thing] * count))
        for count in range(2, LARGEST_COUNT + 1)
        for thing, weight in KNOWLEDGE.counted[NUMBERS[count]]
    )


def _list(order: str, chosen: tuple[str, ...]) -> tuple[Alternative, ...]:
    """A list of 2 to 4 syllables, each one preferring its successors, and then the same list again."""
    again: tuple[Symbol, ...] = (";", *(reversed(chosen) if order == "reverse" else chosen))
    options = KNOWLEDGE.successors[chosen[-1]] if chosen else tuple((word, 1) for word in SYLLABLES)
    longer = tuple((weight, (word, ("list", order, (*chosen, word)))) for word, weight in options)
    if len(chosen) < 2:
        return longer
    if len(chosen) == LONGEST_LIST:
        return ((1, again),)
    return (sum(weight for weight, _ in longer), again), *longer


def _sum() -> tuple[Alternative, ...]:
    return _uniform(
        (NUMBERS[left], "plus", NUMBERS[right], "makes", NUMBERS[left + right])
        for left in range(10)
        for right in range(10)
    )


RULES: dict[str, Callable[..., tuple[Alternative, ...]]] = {
    "document": _document,
    "profile": _profile,
    "scene": _scene,
    "sentences": _sentences,
    "ending": _ending,
    "news": _news,
    "portrait": _portrait,
    "friend": _friend,
    "fact": _fact,
    "value": _value,
    "event": _event,
    "report": _report,
    "speech": _speech,
    "reported": _reported,
    "clause": _clause,
    "subject": _subject,
    "determiner": _determiner,
    "mood": _mood,
    "modifier": _modifier,
    "other": _other,
    "habit": _habit,
    "predicate": _predicate,
    "coordination": _coordination,
    "object": _object,
    "quality": _quality,
    "thing": _thing,
    "puzzle": _puzzle,
    "count": _count,
    "list": _list,
    "sum": _sum,
}


def alternatives(symbol: Nonterminal) -> tuple[Alternative, ...]:
    """What a nonterminal can become. Raises KeyError for a rule that does not exist."""
    name, *arguments = symbol
    return RULES[str(name)](*arguments)
