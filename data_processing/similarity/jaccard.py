"""Weighted Jaccard similarity of token bags, exact.

A token that a structure has once weighs 1, twice 2.5, four times 4, and each further doubling adds 1/16. So what a
stack of layers repeats weighs four times what stands once (a head, a pooler), and how many layers there are matters
little (12 layers against 24: 0.98). Weights are kept as integers, sixteenths, so that sums are exact and no order of
addition shows. A weight is split into one part for having the token and one for each doubling, so that the sum of the
minima of two bags is a dot product of two 0/1 vectors.
"""

from dataclasses import dataclass

from data_processing.trees.tokens import Bag

METHOD = "weighted-jaccard"
UNITS = 16  # units of weight in 1.0
_FIRST_UNITS = (16, 24, 24)  # for having a token, for its first doubling, for its second; then one unit each


@dataclass(frozen=True)
class Overlap:
    """How much two bags share: weights of the shared tokens and of the union."""

    shared_units: int
    total_units: int

    @property
    def similarity(self) -> float:
        """Weighted Jaccard similarity in [0, 1]; two empty bags are equal."""
        return self.shared_units / self.total_units if self.total_units else 1.0

    @property
    def shared(self) -> float:
        """Weight of the shared tokens."""
        return self.shared_units / UNITS

    @property
    def total(self) -> float:
        """Weight of the union."""
        return self.total_units / UNITS


def weight_units(count: int) -> int:
    """Return the weight of a token that occurs `count` >= 1 times, in sixteenths."""
    return sum(part_units(doubling) for doubling in range(count.bit_length()))


def overlap(one: Bag, other: Bag) -> Overlap:
    """Return what two bags share."""
    shared = sum(weight_units(min(count, other[token])) for token, count in one.items() if token in other)
    return Overlap(shared, _bag_units(one) + _bag_units(other) - shared)


def differing_tokens(one: Bag, other: Bag) -> list[str]:
    """Return the tokens that `one` has and `other` has not, the most frequent first."""
    return sorted((token for token in one if token not in other), key=lambda token: (-one[token], token))


def part_units(doubling: int) -> int:
    """Return the weight of having a token at least 2^doubling times beyond that of half as many, in sixteenths."""
    return _FIRST_UNITS[doubling] if doubling < len(_FIRST_UNITS) else 1


def _bag_units(bag: Bag) -> int:
    return sum(weight_units(count) for count in bag.values())
