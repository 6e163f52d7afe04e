"""What there is to know in the reference language: who prefers what, drawn once from a fixed seed.

A model has to store these tables in its weights. A language of grammar alone would leave half of the weights
without work, and pruning them would teach nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from pruning.reference import vocabulary as words

KNOWLEDGE_SEED = 20261121

Preference: TypeAlias = tuple[tuple[str, int], ...]
"""Options with their integer weights: the probability of an option is its weight over the sum."""


@dataclass(frozen=True)
class Knowledge:
    """Every table is a mapping from what is known about to a preference."""

    facts: dict[tuple[str, str], Preference]
    """(person, relation) -> values."""
    relations: dict[str, Preference]
    """person -> the relations that are told about them."""
    friends: dict[str, Preference]
    """person -> other people."""
    speech: dict[str, Preference]
    """person -> verbs of speech."""
    inhabitants: dict[str, Preference]
    """place -> nouns that are seen there."""
    moods: dict[str, Preference]
    """place -> adjectives of what is seen there."""
    habits: dict[str, Preference]
    """noun -> verbs."""
    objects: dict[tuple[str, str], Preference]
    """(noun, verb) -> things: what the one does that to."""
    qualities: dict[str, Preference]
    """verb -> adjectives of its object."""
    counted: dict[str, Preference]
    """number word -> things that are counted."""
    successors: dict[str, Preference]
    """syllable -> the next syllable of a list."""


def draw_distinct(rng: Random, options: Sequence[str], count: int) -> tuple[str, ...]:
    """`count` different options in random order, by an own partial Fisher-Yates shuffle.

    Only `rng.random()` is promised to stay the same between Python versions; `rng.sample` is not.
    """
    pool = list(options)
    for index in range(count):
        other = index + int(rng.random() * (len(pool) - index))
        pool[index], pool[other] = pool[other], pool[index]
    return tuple(pool[:count])


def build_knowledge(seed: int = KNOWLEDGE_SEED) -> Knowledge:
    """Draw every table; the order of the draws is part of the language's version."""
    rng = Random(seed)  # noqa: S311 - text, not secrets

    def prefer(options: Sequence[str], weights: Sequence[int]) -> Preference:
        return tuple(zip(draw_distinct(rng, options, len(weights)), weights, strict=True))

    def prefer_each(keys: Sequence[str], options: Sequence[str], weights: Sequence[int]) -> dict[str, Preference]:
        return {key: prefer([option for option in options if option != key], weights) for key in keys}

    return Knowledge(
        facts={
            (person, relation): prefer(values, (5, 3, 2))
            for person in words.PEOPLE
            for relation, values in words.RELATIONS.items()
        },
        relations=prefer_each(words.PEOPLE, tuple(words.RELATIONS), (4, 3, 2, 2, 1, 1)),
        friends=prefer_each(words.PEOPLE, words.PEOPLE, (3, 2, 1)),
        speech=prefer_each(words.PEOPLE, words.SPEECH_VERBS, (4, 1)),
        inhabitants=prefer_each(words.PLACES, words.NOUNS, (4, 4, 3, 3, 2, 2, 1, 1)),
        moods=prefer_each(words.PLACES, words.ADJECTIVES, (4, 3, 2, 1)),
        habits=prefer_each(words.NOUNS, words.VERBS, (6, 4, 3, 2, 1)),
        objects={(noun, verb): prefer(words.THINGS, (5, 3, 2)) for noun in words.NOUNS for verb in words.VERBS},
        qualities=prefer_each(words.VERBS, words.ADJECTIVES, (4, 2, 1)),
        counted=prefer_each(words.NUMBERS[2:7], words.THINGS, (4, 3, 2, 2, 1)),
        successors=prefer_each(words.SYLLABLES, words.SYLLABLES, (4, 3, 2)),
    )


KNOWLEDGE = build_knowledge()
