"""`strategy.matrix`: its combinations, in GitHub's order.

Source: docs.github.com, "Running variations of jobs in a workflow": an include is added to every combination of which
it overwrites no original value, and otherwise makes a combination of its own; excludes are applied before includes.
"""

from itertools import product

from tools.workflows.errors import Place, refuse
from tools.workflows.expressions import Value
from tools.workflows.expressions.values import primitive

MOST_JOBS = 256
Combination = dict[str, Value]


def combinations(matrix: Value, place: Place) -> list[Combination]:
    """Return one object a job."""
    if not isinstance(matrix, dict) or not matrix:
        raise refuse(place, "matrix: expected an object with at least one key")
    axes = {key: axis(key, values, place) for key, values in matrix.items() if key not in {"include", "exclude"}}
    original = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())] if axes else []
    excluded = partial_combinations(matrix.get("exclude", []), axes, place)
    kept = [one for one in original if not any(agrees(one, wanted) for wanted in excluded)]
    found = with_includes(kept, partial_combinations(matrix.get("include", []), None, place))
    if not 0 < len(found) <= MOST_JOBS:
        raise refuse(place, f"matrix: expected 1 to {MOST_JOBS} jobs, got {len(found)}")
    return found


def axis(key: str, values: Value, place: Place) -> list[Value]:
    """Return one key's values."""
    if not isinstance(values, list) or not values:
        raise refuse(place, f"matrix: {key}: expected a sequence of at least one value")
    return values


def partial_combinations(given: Value, axes: dict[str, list[Value]] | None, place: Place) -> list[Combination]:
    """Check includes or, where `axes` are given, excludes, which name nothing but those."""
    entries = given if isinstance(given, list) else [given]
    checked = [entry for entry in entries if isinstance(entry, dict)]
    if len(checked) != len(entries) or any(axes is not None and not set(entry) <= set(axes) for entry in checked):
        raise refuse(place, "matrix: expected include and exclude to be sequences of objects, exclude of known keys")
    return checked


def with_includes(kept: list[Combination], includes: list[Combination]) -> list[Combination]:
    """Add each include to the combinations it fits, or as a new one."""
    grown = [dict(one) for one in kept]
    alone: list[Combination] = []
    for include in includes:
        fitting = [
            new
            for old, new in zip(kept, grown, strict=True)
            if all(same(old[key], value) for key, value in include.items() if key in old)
        ]
        for new in fitting:
            new.update(include)
        if not fitting:
            alone.append(dict(include))
    return grown + alone


def agrees(one: Combination, wanted: Combination) -> bool:
    """Tell whether a combination has all these values."""
    return all(same(one[key], value) for key, value in wanted.items())


def same(left: Value, right: Value) -> bool:
    """Compare by kind and value, arrays and objects by their contents."""
    if primitive(left) or primitive(right):
        return type(left) is type(right) and left == right
    return left == right
