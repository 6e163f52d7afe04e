"""The reference language: exact probabilities against an independent chart scorer, and what its grammar promises."""

import re
from collections.abc import Iterator
from math import exp, log, sqrt
from random import Random
from statistics import fmean, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pruning.reference import vocabulary as words
from pruning.reference.grammar import RULES, START, Nonterminal, Symbol, alternatives
from pruning.reference.knowledge import KNOWLEDGE, build_knowledge
from pruning.reference.language import expectation, sample_document

NOUN_NUMBERS = {words.noun_form(noun, number): number for noun in words.NOUNS for number in (0, 1)}
VERB_NUMBERS = {words.verb_form(verb, number): number for verb in words.VERBS for number in (0, 1)}


class ChartScorer:
    """Inside probabilities of a given text: sums over all derivations and knows nothing of how it was sampled."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.chart: dict[tuple[Symbol, int], dict[int, tuple[float, int]]] = {}

    def score(self) -> tuple[float, int]:
        """log p of the whole text and the number of its derivations."""
        probability, derivations = self.spans(START, 0)[len(self.tokens)]
        return log(probability), derivations

    def spans(self, symbol: Symbol, start: int) -> dict[int, tuple[float, int]]:
        """end -> (probability that `symbol` becomes tokens[start:end], number of ways)."""
        if isinstance(symbol, str):
            fits = start < len(self.tokens) and self.tokens[start] == symbol
            return {start + 1: (1.0, 1)} if fits else {}
        if (symbol, start) not in self.chart:
            options = alternatives(symbol)
            total = sum(weight for weight, _ in options)
            ends: dict[int, tuple[float, int]] = {}
            for weight, body in options:
                for end, (probability, ways) in self.sequence(body, start).items():
                    before, ways_before = ends.get(end, (0.0, 0))
                    ends[end] = (before + probability * weight / total, ways_before + ways)
            self.chart[symbol, start] = ends
        return self.chart[symbol, start]

    def sequence(self, body: tuple[Symbol, ...], start: int) -> dict[int, tuple[float, int]]:
        reached = {start: (1.0, 1)}
        for part in body:
            longer: dict[int, tuple[float, int]] = {}
            for middle, (probability, ways) in reached.items():
                for end, (more, more_ways) in self.spans(part, middle).items():
                    before, ways_before = longer.get(end, (0.0, 0))
                    longer[end] = (before + probability * more, ways_before + ways * more_ways)
            reached = longer
        return reached


def enumerate_texts(body: tuple[Symbol, ...]) -> Iterator[tuple[tuple[str, ...], float]]:
    """Every text that the symbols can become, with its probability, derivation by derivation."""
    if not body:
        yield (), 1.0
        return
    first, *rest = body
    if isinstance(first, str):
        options = [(1.0, (first,))]
        expanded = ((text, p) for p, text in options)
    else:
        total = sum(weight for weight, _ in alternatives(first))
        expanded = (
            (text, p * weight / total) for weight, option in alternatives(first) for text, p in enumerate_texts(option)
        )
    for text, p in expanded:
        for tail, q in enumerate_texts(tuple(rest)):
            yield text + tail, p * q


def documents(seed: int, count: int) -> list[list[str]]:
    rng = Random(seed)
    return [sample_document(rng).text.split() for _ in range(count)]


def test_every_word_is_one_token() -> None:
    assert len(set(words.VOCABULARY)) == len(words.VOCABULARY)
    assert 300 <= len(words.VOCABULARY) <= 400
    assert words.VOCABULARY[:4] == words.SPECIAL_TOKENS
    assert all(word == word.strip() and " " not in word for word in words.VOCABULARY)


def test_sampled_probability_equals_the_chart_scorer() -> None:
    rng = Random(7)
    for _ in range(150):
        document = sample_document(rng)
        scored, derivations = ChartScorer([words.VOCABULARY[token] for token in document.token_ids]).score()
        assert derivations == 1
        assert document.log_probability == pytest.approx(scored, rel=1e-9)


def test_chart_scorer_rejects_broken_agreement() -> None:
    document = next(text for text in documents(3, 200) if text[:1] == ["at"] and text[-2] in words.THINGS)
    assert ChartScorer([*document, words.EOS]).score()[1] == 1
    verb = next(index for index, word in enumerate(document) if word in VERB_NUMBERS)
    other = next(
        form for form in VERB_NUMBERS if form != document[verb] and form.rstrip("s") == document[verb].rstrip("s")
    )
    broken = [*document[:verb], other, *document[verb + 1 :], words.EOS]
    assert len(broken) not in ChartScorer(broken).spans(START, 0)


@pytest.mark.parametrize(
    "symbol",
    [
        ("list", "reverse", ()),
        ("predicate", "dog", 0, 1),
        ("fact", "anna"),
        ("count",),
        ("sum",),
        ("other", "farm", 1),
        ("coordination", "cat", 1, 1),
    ],
)
def test_entropy_equals_enumeration(symbol: Nonterminal) -> None:
    texts = list(enumerate_texts((symbol,)))
    assert len({text for text, _ in texts}) == len(texts)
    assert sum(p for _, p in texts) == pytest.approx(1.0)
    expected = expectation(symbol)
    assert expected.nats_per_document == pytest.approx(-sum(p * log(p) for _, p in texts))
    assert expected.tokens_per_document == pytest.approx(sum(p * len(text) for text, p in texts))


def test_entropy_of_the_language_equals_the_empirical_mean() -> None:
    rng = Random(11)
    sample = [sample_document(rng) for _ in range(20_000)]
    nats = [-document.log_probability for document in sample]
    tokens = [float(len(document.token_ids)) for document in sample]
    expected = expectation()
    for values, mean in ((nats, expected.nats_per_document), (tokens, expected.tokens_per_document)):
        assert fmean(values) == pytest.approx(mean, abs=4 * stdev(values) / sqrt(len(values)))
    assert 4 <= exp(expected.nats_per_token) <= 10


def test_the_longest_document_fits_a_window() -> None:
    def longest(symbol: Symbol) -> int:
        if isinstance(symbol, str):
            return 1
        if symbol not in lengths:
            lengths[symbol] = max(sum(map(longest, body)) for _, body in alternatives(symbol))
        return lengths[symbol]

    lengths: dict[Symbol, int] = {}
    assert longest(START) < 128
    assert {str(symbol[0]) for symbol in lengths} == set(RULES)


def test_knowledge_is_complete_and_repeatable() -> None:
    assert build_knowledge() == KNOWLEDGE
    assert build_knowledge(1) != KNOWLEDGE
    assert len(KNOWLEDGE.facts) == len(words.PEOPLE) * len(words.RELATIONS)
    for preference in KNOWLEDGE.habits.values():
        assert len({option for option, _ in preference}) == len(preference)


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_verbs_agree_with_their_subject_at_any_distance(seed: int) -> None:
    for document in documents(seed, 10):
        head = inner = None
        marker = ""
        for word in document:
            if word in (".", "(", ")", ":"):
                head = inner = None
                marker = ""
            elif word in ("that", "near"):
                marker = word
            elif word in NOUN_NUMBERS:
                if head is None:
                    head = NOUN_NUMBERS[word]
                elif marker == "that":
                    inner = NOUN_NUMBERS[word]
            elif word in VERB_NUMBERS:
                assert VERB_NUMBERS[word] == (head if inner is None else inner), document
                inner, marker = None, ""


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_counts_copies_sums_and_brackets_are_right(seed: int) -> None:
    for document in documents(seed, 10):
        text = " ".join(document)
        for number, thing, row in re.findall(r"count (\w+) (\w+) : ([\w ]+) \.", text):
            assert row.split() == [thing] * words.NUMBERS.index(number)
        for order, first, second in re.findall(r"(repeat|reverse) ([\w ]+) ; ([\w ]+) \.", text):
            assert second.split() == (first.split() if order == "repeat" else first.split()[::-1])
        for left, right, total in re.findall(r"(\w+) plus (\w+) makes (\w+)", text):
            assert words.NUMBERS.index(left) + words.NUMBERS.index(right) == words.NUMBERS.index(total)
        for sentence in text.split(" ."):
            assert sentence.count("(") == sentence.count(")")


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_people_keep_their_facts_and_pronouns(seed: int) -> None:
    for document in documents(seed, 10):
        topic = document[1] if document[0] == "about" else ""
        for before, relation, value in zip(document, document[1:], document[2:], strict=False):
            if relation in words.RELATIONS:
                person = topic if before in ("she", "he") else before
                assert value in dict(KNOWLEDGE.facts[person, relation])
        if topic:
            assert not {"he", "his"} & set(document) if topic in words.WOMEN else not {"she", "her"} & set(document)
