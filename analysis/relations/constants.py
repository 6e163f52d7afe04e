"""The numbers of the report that nobody measured here: bounds, levels and what others published."""

from dataclasses import dataclass

from analysis.budgets import TOLERANCE
from analysis.cited import Cited
from analysis.comparison import DAMAGE_BOUND
from analysis.document import Number
from analysis.relations.derived import Derived
from analysis.section import Answers
from uncertainty import LEVEL

# What the earlier miner published for models of 7 tasks (METHODS 1), names beyond the first with the same structure.
PUBLISHED_NAMES, PUBLISHED_STRUCTURES = 754, 223
PUBLISHED_SHARE = 1 - PUBLISHED_STRUCTURES / PUBLISHED_NAMES


@dataclass(frozen=True)
class Constant:
    """A number by name, and where it is from."""

    name: str
    value: float
    origin: str


_CONSTANTS = {
    constant.name: constant
    for constant in (
        Constant("confidence", LEVEL, "level of every interval"),
        Constant("damage_bound", DAMAGE_BOUND, "analysis/comparison.py"),
        Constant("budget_tolerance", TOLERANCE, "analysis/budgets.py"),
        Constant("published_names", PUBLISHED_NAMES, "the earlier miner's published names"),
        Constant("published_structures", PUBLISHED_STRUCTURES, "the earlier miner's published structures"),
        Constant("published_share", PUBLISHED_SHARE, "names beyond the first with the same structure"),
        Constant("nothing", 0, "no rank correlation"),
        Constant("no_damage", 1, "perplexity of the dense model over itself"),
    )
}
CITED_CONSTANTS = Cited("constants", ("name",))


def _rows(_: Answers) -> list[Constant]:
    return [*_CONSTANTS.values()]


def constant(name: str, form: str) -> Number:
    """Return a constant as a number of the report."""
    return CITED_CONSTANTS.number(_CONSTANTS[name], "value", form)


CONSTANTS = Derived("constants", "Bounds, levels and published numbers", (), _rows)
