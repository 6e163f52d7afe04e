"""The numbers of the report that nobody measured here: bounds, levels and what others published."""

from dataclasses import dataclass

from analysis.budgets import TOLERANCE
from analysis.cited import Cited
from analysis.comparison import DAMAGE_BOUND
from analysis.document import Number
from analysis.relations.derived import Derived
from analysis.section import Answers

# Of 95 % intervals around nothing, this share lies above 0.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Constant:
    """A number by name, and where it is from."""

    name: str
    value: float
    origin: str


_CONSTANTS = {
    constant.name: constant
    for constant in (
        Constant("confidence", CONFIDENCE, "level of every interval"),
        Constant("damage_bound", DAMAGE_BOUND, "analysis/comparison.py"),
        Constant("budget_tolerance", TOLERANCE, "analysis/budgets.py"),
        Constant("published_names", 754, "the earlier miner's published names"),
        Constant("published_structures", 223, "the earlier miner's published structures"),
        Constant("published_share", 1 - 223 / 754, "names beyond the first with the same structure"),
        Constant("nothing", 0, "no rank correlation"),
        Constant("no_damage", 1, "perplexity of the dense model over itself"),
    )
}
_CITED = Cited("constants", ("name",))


def _rows(_: Answers) -> list[Constant]:
    return [*_CONSTANTS.values()]


def constant(name: str, form: str) -> Number:
    """Return a constant as a number of the report."""
    return _CITED.number(_CONSTANTS[name], "value", form)


CONSTANTS = Derived("constants", "Bounds, levels and published numbers", (), _rows)
