"""The earlier miner's similarity of two architectures, for comparison (METHODS 1; there it never ran).

Two structures are the sequences of their modules' class names in the order of `named_modules()`, runs written out.
0 if the numbers of modules differ by more than 30 %; else 0.7 * r + 0.3 * (1 - |b - c| / max(b, c)), where r is the
ratio of `difflib.SequenceMatcher` (Ratcliff and Obershelp's matching: twice the matching modules over all modules) and
b, c are the numbers of distinct blocks. What that leaves open is decided so:

- The modules are those of the exported table: class name = Layer Type, block = Block. The root is no module.
- 30 % are of the longer sequence, and exactly 30 % is not more.
- The matching depends on which sequence comes first: it is the shorter one, of equally long ones the first in the
  order of their class names. So the value depends on no id and on no order of rows.
- `autojunk` is off: with it, every frequent class of a model of 200 modules and more would match nothing.
- A structure whose classes are not known (read from a tensor header) or without modules has no sequence.
"""

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby, product
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from store import Query, Store
from store.module_tables import block_of_member, written_out

METHOD = "sequence"
VERSION = 1
_TYPES_WEIGHT = 0.7
_BLOCKS_WEIGHT = 0.3
_GAP = "\0"  # what stands for a class that the other sequence has not
_BETWEEN_GAPS = re.compile(r"[^\0]+")
_QUERIES = Path(__file__).resolve().parent.parent / "queries"


@dataclass(frozen=True)
class SequenceRow:
    """A folded module of a structure whose classes are known."""

    structure_id: str
    path: str
    parent: str | None
    class_name: str
    block: str
    repeats: int


@dataclass(frozen=True)
class ModuleSequence:
    """The class names of a structure's modules in their order, and the number of its distinct blocks."""

    types: tuple[str, ...]
    blocks: int


@dataclass(frozen=True)
class SequenceMatch:
    """How alike two sequences are."""

    similarity: float  # fraction in [0, 1]
    matching: int  # modules in matching runs; 0 where the lengths alone decide
    mean_length: float  # mean number of modules of the two


@dataclass(frozen=True)
class _Coded:
    """A sequence made ready for matching."""

    text: str  # a character a module
    counts: Mapping[str, int]  # of those classes that other sequences have too
    blocks: int


class _Ranges(NamedTuple):
    """A range of each of two texts; a tuple, for there are millions."""

    start: int
    stop: int
    other_start: int
    other_stop: int


SEQUENCES = Query(_QUERIES / "sequences.sql", SequenceRow)


def read_sequences(store: Store, structure_ids: Iterable[str]) -> dict[str, ModuleSequence]:
    """Return the sequences of those structures that have one, by id."""
    wanted = sorted(set(structure_ids))
    rows = store.fetch(SEQUENCES, structures=wanted) if wanted else []
    return {name: module_sequence(list(group)) for name, group in groupby(rows, key=attrgetter("structure_id"))}


def module_sequence(rows: Sequence[SequenceRow]) -> ModuleSequence:
    """Return the sequence of one structure's folded modules, given in the order of their positions."""
    modules = list(written_out(rows))
    blocks = {block_of_member(name, row.path, row.block) for name, row in modules}
    return ModuleSequence(tuple(row.class_name for _, row in modules), len(blocks))


def sequence_pairs(sequences: Mapping[str, ModuleSequence], threshold: float) -> dict[tuple[str, str], SequenceMatch]:
    """Return every pair at or above the threshold, the smaller id first, in order of the ids.

    Every pair is decided exactly, by the definition above bit for bit. Equal sequences are compared once. Upper bounds
    that cost little leave few pairs to match: time grows with the square of the number of distinct sequences, and with
    the square of the length for those that are matched.
    """
    ids_of: dict[ModuleSequence, list[str]] = defaultdict(list)
    for structure_id in sorted(sequences):
        ids_of[sequences[structure_id]].append(structure_id)
    distinct = sorted(ids_of, key=_canonical_order)
    found = {}
    for first, second, match in _distinct_pairs(distinct, threshold):
        for one, other in _id_pairs(ids_of[distinct[first]], ids_of[distinct[second]]):
            found[min(one, other), max(one, other)] = match
    return dict(sorted(found.items()))


def _distinct_pairs(distinct: Sequence[ModuleSequence], threshold: float) -> Iterator[tuple[int, int, SequenceMatch]]:
    """Yield the pairs of indices at or above the threshold, a sequence with itself too, first <= second."""
    coded = _coded(distinct)
    lengths = [len(sequence.text) for sequence in coded]
    for first, one in enumerate(coded):
        yield first, first, SequenceMatch(1.0, lengths[first], float(lengths[first]))
        comparable = bisect_right(lengths, 10 * lengths[first] // 7)
        for second in range(first + 1, comparable):
            match = _match(one, coded[second], threshold)
            if match is not None:
                yield first, second, match
        if threshold <= 0.0:
            for second in range(max(comparable, first + 1), len(coded)):
                yield first, second, SequenceMatch(0.0, 0, (lengths[first] + lengths[second]) / 2)


def _match(one: _Coded, other: _Coded, threshold: float) -> SequenceMatch | None:
    """Return how alike two sequences of comparable length are, the canonically first one given first; None = less.

    The bounds are the definition itself with a greater number of matching modules. Rounding keeps order, so no pair
    is lost to it.
    """
    if _similarity(one, other, len(one.text)) < threshold:
        return None
    if _similarity(one, other, _common_modules(one, other)) < threshold:
        return None
    matching = _matching_modules(one.text, other.text)
    similarity = _similarity(one, other, matching)
    return (
        SequenceMatch(similarity, matching, (len(one.text) + len(other.text)) / 2) if similarity >= threshold else None
    )


def _similarity(one: _Coded, other: _Coded, matching: int) -> float:
    modules, blocks = len(one.text) + len(other.text), max(one.blocks, other.blocks)
    ratio = 2.0 * matching / modules if modules else 1.0
    alike = 1.0 - abs(one.blocks - other.blocks) / blocks if blocks else 1.0
    return _TYPES_WEIGHT * ratio + _BLOCKS_WEIGHT * alike


def _common_modules(one: _Coded, other: _Coded) -> int:
    """Return how many modules of equal class two sequences have in any order: no matching has more."""
    return sum(min(count, other.counts[kind]) for kind, count in one.counts.items() if kind in other.counts)


def _matching_modules(one: str, other: str) -> int:
    """Return what `SequenceMatcher(None, one, other, autojunk=False)` counts as matching.

    The longest common run, then the same before it and behind it.
    """
    absent = dict.fromkeys(map(ord, set(one) - set(other)), _GAP)
    marked = one.translate(absent)
    matching = 0
    waiting = [(_Ranges(0, len(one), 0, len(other)), len(one))]
    while waiting:
        ranges, most = waiting.pop()
        at, other_at, length = _longest_run(marked, other, ranges, most)
        if length:
            matching += length
            before = _Ranges(ranges.start, at, ranges.other_start, other_at)
            behind = _Ranges(at + length, ranges.stop, other_at + length, ranges.other_stop)
            waiting += [(before, length), (behind, length)]
    return matching


def _longest_run(one: str, other: str, within: _Ranges, most: int) -> tuple[int, int, int]:
    """Return where the longest common run of two ranges begins in each, and its length; gaps are in no run.

    Of equally long ones it is the first in `one`, and of its places in `other` the first: `difflib`'s choice. None is
    longer than `most`, so one of that length ends the search. Runs are looked up as text.
    """
    at, other_at, length = within.start, within.other_start, 0
    for part in _BETWEEN_GAPS.finditer(one, within.start, within.stop):
        place, end = part.span()
        while length < most and place + length < end:
            found = other.find(one[place : place + length + 1], within.other_start, within.other_stop)
            if found < 0:
                place += 1
            else:
                at, other_at = place, found
                length = _run_length(one, place, end, other, found, within.other_stop, length + 1)
    return at, other_at, length


def _run_length(one: str, place: int, stop: int, other: str, found: int, other_stop: int, length: int) -> int:
    """Return how long the run is that begins at these places, known to be at least `length` long."""
    most = min(stop - place, other_stop - found)
    while length < most and one[place + length] == other[found + length]:
        length += 1
    return length


def _coded(distinct: Sequence[ModuleSequence]) -> list[_Coded]:
    """Return sequences with a character for each class."""
    in_sequences = Counter(kind for sequence in distinct for kind in set(sequence.types))
    letters = {kind: chr(number) for number, kind in enumerate(sorted(in_sequences), start=1)}
    return [
        _Coded(
            text="".join(letters[kind] for kind in sequence.types),
            counts={kind: count for kind, count in Counter(sequence.types).items() if in_sequences[kind] > 1},
            blocks=sequence.blocks,
        )
        for sequence in distinct
    ]


def _canonical_order(sequence: ModuleSequence) -> tuple[int, tuple[str, ...], int]:
    return len(sequence.types), sequence.types, sequence.blocks


def _id_pairs(ones: list[str], others: list[str]) -> Iterator[tuple[str, str]]:
    return combinations(ones, 2) if ones is others else product(ones, others)
