"""Which layer gets a copy of which: the mappings of a replacement study (METHODS 5), nearest layers first."""

import re
from dataclasses import dataclass
from itertools import permutations

from pipeline.errors import UsageError, unknown_name
from pruning.errors import UnsupportedModelError


@dataclass(frozen=True)
class Replacement:
    """`layers`, whose weights are replaced by copies of those of layer `source`; it is none of them."""

    source: int
    layers: tuple[int, ...]


ALL_PAIRS = "all-pairs"
_STEPS = {"next": 1, "previous": -1}
_NUMBERED = ("displacement", "row", "column", "all-by")
_FORMS = (ALL_PAIRS, "next", "previous", "displacement:D", "row:I", "column:J", "all-by:J", "all-by-one")
_NAMES = tuple(form.partition(":")[0] for form in _FORMS)
_MAPPING = re.compile(r"(?P<name>[a-z-]+?)(?::(?P<number>-?\d{1,9}))?")


def replacements(mapping: str, layers: int) -> tuple[Replacement, ...]:
    """Return what a mapping replaces in a stack, in order of |source - layer|, then of layer, then of source.

    `all-pairs`; `next`: layer i by i + 1; `previous`: i by i - 1; `displacement:D`: i by i + D; `row:I`: layer I by
    every other; `column:J`: every other layer by J; `all-by:J`: all others by J at once; `all-by-one`: that for all J,
    in order of J. Raises as `check_mapping`, `UsageError` for a layer that is not there, and `UnsupportedModelError`
    for a stack of one layer.
    """
    name, number = _parsed(mapping)
    if layers < 2:
        raise UnsupportedModelError(
            f"mapping {mapping!r}: looked for two different layers; the main stack has {layers}"
        )
    lowest, highest = (1 - layers, layers - 1) if name == "displacement" else (0, layers - 1)
    if name in _NUMBERED and not lowest <= number <= highest:
        raise UsageError(f"mapping {mapping!r}: expected a number from {lowest} to {highest}, got {number}")
    if name == "all-by":
        return (_all_by(number, layers),)
    if name == "all-by-one":
        return tuple(_all_by(source, layers) for source in range(layers))
    pairs = [pair for pair in permutations(range(layers), 2) if _belongs(*pair, name, _STEPS.get(name, number))]
    pairs.sort(key=lambda pair: (abs(pair[1] - pair[0]), *pair))
    return tuple(Replacement(source, (layer,)) for layer, source in pairs)


def layer_pairs(mapping: str, layers: int) -> tuple[tuple[int, int], ...]:
    """Return the pairs i < j that a mapping names, whichever of the two it replaces, near ones first, then by i.

    Raises what `replacements` raises.
    """
    pairs = {
        (min(layer, each.source), max(layer, each.source))
        for each in replacements(mapping, layers)
        for layer in each.layers
    }
    return tuple(sorted(pairs, key=lambda pair: (pair[1] - pair[0], pair)))


def check_mapping(mapping: str) -> None:
    """Raise `UsageError` for what is no mapping of any stack: another name, and layers by themselves."""
    _parsed(mapping)


def _belongs(layer: int, source: int, name: str, number: int) -> bool:
    """Return whether a mapping of pairs, with its number, replaces a layer by a source."""
    if name == ALL_PAIRS:
        return True
    return {"row": layer, "column": source}.get(name, source - layer) == number


def _parsed(mapping: str) -> tuple[str, int]:
    """Return a mapping's name and its number, 0 where it takes none."""
    match = _MAPPING.fullmatch(mapping)
    name = match["name"] if match else mapping
    if match is None or name not in _NAMES:
        raise unknown_name("mapping", mapping, _FORMS)
    if (match["number"] is not None) != (name in _NUMBERED):
        form = _FORMS[_NAMES.index(name)]
        raise UsageError(f"mapping: expected {form}, got {mapping!r}")
    number = int(match["number"] or 0)
    if name == "displacement" and number == 0:
        raise UsageError(f"mapping {mapping!r}: expected two different layers, got each layer as its own source")
    return name, number


def _all_by(source: int, layers: int) -> Replacement:
    return Replacement(source, tuple(layer for layer in range(layers) if layer != source))
