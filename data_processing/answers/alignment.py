"""Which modules of two structures correspond, found top down and each used once.

Among the members of two modules that correspond:
1. the same attribute name;
2. of the rest, in order, what has the same plan, or nearly the same contents, or a name in common (`attn` and
   `attention`): the alignment of greatest weight (Needleman and Wunsch 1970);
3. what is still left on one side is looked for inside what is left on the other: `encoder.layer` finds `h`.
At last the same name with the same plan, once on each side, anywhere: it was moved.

The bodies under two task heads correspond whatever their names are.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from data_processing.answers.module_trees import Module, ModuleTree, Side, members_of, own_class
from data_processing.trees.canonical import ROOT

_CERTAIN = 100  # affinity of two modules of the same plan
_ENOUGH = 50  # affinity from which two modules correspond
_NAME_BONUS = 50
_RUN_BONUS = 10  # for two runs of repeated blocks, so that a stack's odd first block is not taken for the run
_LITTLE = 10  # from which share of equal contents two stacks may correspond
_MAX_CELLS = 60_000  # of all tables of an alignment, about 5 us each; what goes beyond is matched plan by plan
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

Path = Sequence[int]


@dataclass(frozen=True)
class Alignment:
    """Indices of modules that correspond, left -> right; and the left ones in another order among their siblings."""

    pairs: Mapping[int, int]
    displaced: frozenset[int]

    def mirrored(self) -> "Alignment":
        """Return the alignment of right to left."""
        pairs = {right: left for left, right in self.pairs.items()}
        return Alignment(pairs, frozenset(self.pairs[left] for left in self.displaced))


@dataclass(frozen=True)
class _Outline:
    """A tree and what is known of each of its modules with all that is below it."""

    modules: ModuleTree
    members: Sequence[Sequence[int]]
    labels: Sequence[str]
    plans: Sequence[int]  # equal numbers, equal plans; of both trees
    contents: Sequence[Counter[str]]  # kinds of the leaves, where there is none their label
    sizes: Sequence[int]  # modules, itself included
    holds_stack: Sequence[bool]  # its members are numbered

    def is_wrapper(self, index: int) -> bool:
        """Return whether all that it is stands in its one named member."""
        return len(self.members[index]) == 1 and not self.modules[index].parameters and not self.holds_stack[index]


def align(left: Side, right: Side, *, kinds_told: bool = True) -> Alignment:
    """Return which modules correspond. The result of (right, left) is the mirrored one.

    `kinds_told=False` is for tensor headers: kinds and the order of siblings are not looked at.
    """
    if _order_key(right.modules) < _order_key(left.modules):
        return align(right, left, kinds_told=kinds_told).mirrored()
    known: dict[tuple[object, ...], int] = {}
    outlines = [_outline(side.modules, known, kinds_told) for side in (left, right)]
    aligner = _Aligner(*outlines)
    aligner.match_models(left.body, right.body)
    aligner.match_moved()
    displaced = _displaced(aligner) if kinds_told else frozenset[int]()
    return Alignment(aligner.pairs, displaced)


def _order_key(modules: ModuleTree) -> list[tuple[str, str, str]]:
    return [(module.path, module.class_name, repr(module.parameters)) for module in modules]


def plan_label(modules: ModuleTree, index: int, *, kinds_told: bool) -> str:
    """Return what a module is itself, sizes left out; a module without parameters by its class."""
    module = modules[index]
    ranks = [f"[{len(parameter.shape)}]" for parameter in module.parameters]
    if kinds_told and module.kind:
        named = (parameter.name + rank for parameter, rank in zip(module.parameters, ranks, strict=True))
        return f"{module.kind}({' '.join(named)})"
    return " ".join(sorted(ranks))


def _outline(modules: ModuleTree, known: dict[tuple[object, ...], int], kinds_told: bool) -> _Outline:
    members = members_of(modules)
    labels = [plan_label(modules, index, kinds_told=kinds_told) for index in range(len(modules))]
    for index, module in enumerate(modules):
        if not members[index] and not labels[index]:
            labels[index] = own_class(module, modules[module.parent])
    plans = [0] * len(modules)
    sizes = [1] * len(modules)
    contents: list[Counter[str]] = [Counter() for _ in modules]
    for index in range(len(modules) - 1, -1, -1):
        below = members[index]
        key = (labels[index], *_plan_parts(modules, below, plans, ordered=kinds_told))
        plans[index] = known.setdefault(key, len(known))
        contents[index].update([] if below else [modules[index].kind or labels[index]])
        for child in below:
            contents[index].update(contents[child])
            sizes[index] += sizes[child]
    stacks = [bool(below) and all(modules[child].numbered for child in below) for below in members]
    return _Outline(modules, members, labels, plans, contents, sizes, stacks)


def _plan_parts(modules: ModuleTree, below: Path, plans: Sequence[int], *, ordered: bool) -> tuple[object, ...]:
    """Return the plans of named members and, once each, of numbered ones: as in the family hash."""
    named = [plans[child] for child in below if not modules[child].numbered]
    numbered = dict.fromkeys(plans[child] for child in below if modules[child].numbered)
    return (*(named if ordered else sorted(named)), "numbered", *numbered)


class _Aligner:
    """The pairs found so far, and the forests still to be compared."""

    def __init__(self, left: _Outline, right: _Outline) -> None:
        self.left, self.right = left, right
        self.pairs: dict[int, int] = {}
        self.taken: set[int] = set()
        self._pending: list[tuple[Path, Path, bool]] = []
        self._cells_left = _MAX_CELLS

    def match_models(self, left_body: int, right_body: int) -> None:
        """Match the bodies with what is in them, then what is beside them."""
        self._pair(ROOT, ROOT)
        if left_body != ROOT and right_body != ROOT:
            self._pair(left_body, right_body)
        self._match(self.left.members[left_body], self.right.members[right_body])
        beside_left = [index for index in self._free_left(self.left.members[ROOT]) if index != left_body]
        beside_right = [index for index in self._free_right(self.right.members[ROOT]) if index != right_body]
        self._match(beside_left, beside_right)

    def match_moved(self) -> None:
        """Match what has a name and a plan that nothing else unmatched on its side has."""
        left = _only_once(self.left, self._free_left(range(len(self.left.modules))))
        right = _only_once(self.right, self._free_right(range(len(self.right.modules))))
        for key, index in left.items():
            if key in right and index not in self.pairs and right[key] not in self.taken:
                self._pair(index, right[key])
                self._match(self.left.members[index], self.right.members[right[key]])

    def _match(self, left: Path, right: Path) -> None:
        self._pending.append((left, right, False))
        while self._pending:
            self._match_forest(*self._pending.pop())

    def _match_forest(self, left: Path, right: Path, unwrapped: bool) -> None:
        """Match two lists of modules. `unwrapped`: taken out of what holds them, so that the rules are stricter."""
        left, right = self._free_left(left), self._free_right(right)  # some may have been found from above
        if unwrapped:
            left, right = _with_content(self.left, left), _with_content(self.right, right)
        self._accept(_same_names(self.left.modules, left, self.right.modules, right))
        left, right = self._free_left(left), self._free_right(right)
        if not left or not right:
            return
        if unwrapped:
            self._accept(self._in_order(left, right, unwrapped))
        else:
            for leaves in (False, True):  # apart, so that norms before and after their block do not bar it
                self._accept(
                    self._in_order(_leaves(self.left, left, leaves), _leaves(self.right, right, leaves), False)
                )
        self._look_inside(self._free_left(left), self._free_right(right))

    def _accept(self, found: Iterable[tuple[int, int]]) -> None:
        for one, other in found:
            self._pair(one, other)
            self._pending.append((self.left.members[one], self.right.members[other], False))

    def _pair(self, one: int, other: int) -> None:
        self.pairs[one] = other
        self.taken.add(other)

    def _free_left(self, indices: Iterable[int]) -> list[int]:
        return [index for index in indices if index not in self.pairs]

    def _free_right(self, indices: Iterable[int]) -> list[int]:
        return [index for index in indices if index not in self.taken]

    def _look_inside(self, left: Path, right: Path) -> None:
        """Go on with one side opened: the one with the largest module, so that equals meet at the same depth."""
        if not left or not right:
            return
        inside_left = _opened(self.left, left, _has_stack_member(self.right, right))
        inside_right = _opened(self.right, right, _has_stack_member(self.left, left))
        largest = _largest(self.left, left, inside_left), _largest(self.right, right, inside_right)
        if max(largest):
            on_left = largest[0] >= largest[1]
            self._pending.append((inside_left if on_left else left, right if on_left else inside_right, True))

    def _in_order(self, left: Path, right: Path, unwrapped: bool) -> list[tuple[int, int]]:
        if len(left) * len(right) > self._cells_left:
            return _same_plans(self.left, left, self.right, right)
        self._cells_left -= len(left) * len(right)
        return heaviest_pairs(left, right, [[self._weight(one, other, unwrapped) for other in right] for one in left])

    def _weight(self, one: int, other: int, unwrapped: bool) -> int:
        """Return how much it is worth to match two modules; 0 = they do not correspond."""
        found = _affinity(self.left, one, self.right, other, unwrapped)
        return found * min(self.left.sizes[one], self.right.sizes[other]).bit_length() if found >= _ENOUGH else 0


def _affinity(left: _Outline, one: int, right: _Outline, other: int, unwrapped: bool) -> int:
    """Return 0 = nothing in common, 100 = the same plan, more = also a name in common."""
    own, others = left.modules[one], right.modules[other]
    if bool(left.members[one]) != bool(right.members[other]) or left.holds_stack[one] != right.holds_stack[other]:
        return 0
    if own.numbered != others.numbered and max(own.repeats, others.repeats) > 1:
        return 0
    bonus = _NAME_BONUS * names_alike(own.name, others.name)
    if left.plans[one] == right.plans[other]:
        return _CERTAIN + bonus
    if own.numbered != others.numbered:
        return 0
    if not left.members[one]:
        return _leaf_affinity(own, others, bonus, unwrapped)
    shared = _jaccard(left.contents[one], right.contents[other])
    if own.numbered or left.holds_stack[one]:
        return (
            max(shared, _ENOUGH) + _RUN_BONUS * (own.repeats > 1 < others.repeats)
            if shared >= _LITTLE * unwrapped
            else 0
        )
    return 0 if left.is_wrapper(one) != right.is_wrapper(other) else shared + bonus


def _leaf_affinity(own: Module, others: Module, bonus: int, unwrapped: bool) -> int:
    """Return the affinity of leaves of unequal plan: norms correspond by their order, others by kind and name."""
    if _rank(own) != _rank(others):
        return 0
    if _rank(own) == 1:
        return 0 if unwrapped else _ENOUGH + bonus
    return bonus if own.kind == others.kind else 0


def _rank(module: Module) -> int:
    return max((len(parameter.shape) for parameter in module.parameters), default=0)


def _jaccard(one: Counter[str], other: Counter[str]) -> int:
    union = (one | other).total()
    return _CERTAIN * (one & other).total() // union if union else 0


@lru_cache(maxsize=1 << 14)
def names_alike(one: str, other: str) -> bool:
    """Return whether two names have a word in common, in full or abbreviated as `attn` for `attention`."""
    words, others = _WORD.findall(one), _WORD.findall(other)
    return any(_abbreviates(word.lower(), second.lower()) for word in words for second in others)


def _abbreviates(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    if shorter[0] != longer[0]:
        return False
    letters = iter(longer)
    return all(letter in letters for letter in shorter)


def _same_names(modules: ModuleTree, left: Path, others: ModuleTree, right: Path) -> list[tuple[int, int]]:
    """Return the pairs of named modules whose names stand once in each list."""
    by_name = _once(left, modules)
    return [(by_name[name], index) for name, index in _once(right, others).items() if name in by_name]


def _once(indices: Path, modules: ModuleTree) -> dict[str, int]:
    counts = Counter(modules[index].name for index in indices)
    return {
        modules[index].name: index
        for index in indices
        if counts[modules[index].name] == 1 and not modules[index].numbered
    }


def _only_once(outline: _Outline, free: Sequence[int]) -> dict[tuple[str, int], int]:
    """Return the unmatched modules by name and plan where these are unique."""
    keys = [(outline.modules[index].name, outline.plans[index]) for index in free]
    counts = Counter(keys)
    return {key: index for key, index in zip(keys, free, strict=True) if counts[key] == 1 and _can_move(outline, index)}


def _can_move(outline: _Outline, index: int) -> bool:
    """Return whether a module says enough to be known again elsewhere: norms, and what is empty, do not."""
    module = outline.modules[index]
    return not module.numbered and (_rank(module) > 1 or bool(outline.members[index]))


def _leaves(outline: _Outline, indices: Path, leaves: bool) -> list[int]:
    return [index for index in indices if bool(outline.members[index]) != leaves]


def _with_content(outline: _Outline, indices: Path) -> list[int]:
    """Leave out dropout and the like, which correspond to anything."""
    return [index for index in indices if outline.modules[index].parameters or outline.members[index]]


def _has_stack_member(outline: _Outline, indices: Path) -> bool:
    return any(outline.modules[index].numbered for index in indices)


def _opened(outline: _Outline, indices: Path, other_has_members: bool) -> list[int]:
    """Return the list with each module that holds others replaced by them; a run of repeated blocks stays closed."""
    found: list[int] = []
    for index in indices:
        members = outline.members[index]
        repeated = any(outline.modules[child].repeats > 1 for child in members)
        closed = outline.modules[index].repeats > 1 or (repeated and not other_has_members)
        found.extend(members if members and not closed else [index])
    return found


def _largest(outline: _Outline, indices: Path, opened: Path) -> int:
    """Return the size of the largest module that was opened, 0 = none was."""
    return max((outline.sizes[index] for index in set(indices) - set(opened)), default=0)


def _same_plans(left: _Outline, one: Path, right: _Outline, other: Path) -> list[tuple[int, int]]:
    """Return pairs of the same plan in order, each with the next that is left: for lists too long for a table."""
    waiting: dict[int, list[int]] = {}
    for at, index in enumerate(other):
        waiting.setdefault(right.plans[index], []).append(at)
    pairs, last = [], -1
    for index in one:
        places = waiting.get(left.plans[index], [])
        at = bisect_left(places, last + 1)
        if at < len(places):
            last = places[at]
            pairs.append((index, other[last]))
    return pairs


def heaviest_pairs(left: Path, right: Path, weights: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Return the pairs, in order on both sides, whose weights add up to most; of equals the earliest left ones."""
    rows, columns = len(left), len(right)
    best = [[0] * (columns + 1) for _ in range(rows + 1)]
    for row in range(rows - 1, -1, -1):
        for column in range(columns - 1, -1, -1):
            best[row][column] = max(
                best[row + 1][column], best[row][column + 1], best[row + 1][column + 1] + weights[row][column]
            )
    pairs, row, column = [], 0, 0
    while row < rows and column < columns:
        if weights[row][column] and best[row][column] == best[row + 1][column + 1] + weights[row][column]:
            pairs.append((left[row], right[column]))
            row, column = row + 1, column + 1
        elif best[row][column] == best[row][column + 1]:
            column += 1
        else:
            row += 1
    return pairs


def _displaced(aligner: _Aligner) -> frozenset[int]:
    """Return the left modules whose place among the siblings that correspond is another one.

    Those that keep their order are a longest rising sequence; the others are displaced.
    """
    displaced: set[int] = set()
    for members in aligner.left.members:
        together: dict[int, list[int]] = {}
        for index in members:
            if index in aligner.pairs:
                together.setdefault(aligner.right.modules[aligner.pairs[index]].parent, []).append(index)
        for siblings in together.values():
            kept = longest_rising([aligner.pairs[index] for index in siblings])
            displaced.update(index for index in siblings if aligner.pairs[index] not in kept)
    return frozenset(displaced)


def longest_rising(numbers: Sequence[int]) -> set[int]:
    """Return a longest rising subsequence of distinct numbers (Schensted 1961)."""
    ends: list[int] = []
    before: dict[int, int | None] = {}
    for number in numbers:
        at = bisect_left(ends, number)
        before[number] = ends[at - 1] if at else None
        ends[at : at + 1] = [number]
    kept: set[int] = set()
    number = ends[-1] if ends else None
    while number is not None:
        kept.add(number)
        number = before[number]
    return kept
