"""Which results may be compared: those of methods that took as much from the model."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

# Removed shares of the prunable weights that count as one budget, fraction. Rounding to whole heads, neurons, layers
# and ranks keeps methods of one scope within it at most ratios; a tenth and a quarter of a model are far apart.
TOLERANCE = 0.02
# Values of `removed_as` that leave as many weights as before.
_AMONG_THEMSELVES = ("copies", "low_rank")


class Removed(Protocol):
    """What was taken from a model: see columns of `damage.sql`."""

    @property
    def ratio(self) -> float: ...
    @property
    def removed_fraction(self) -> float | None: ...
    @property
    def removed_share(self) -> float | None: ...
    @property
    def removed_as(self) -> str | None: ...


Row = TypeVar("Row", bound=Removed)


def budget_of(row: Removed) -> float | None:
    """Return the budget of a result, fraction; None = unknown.

    It is the share of the dense model's prunable weights that are gone or zero, as counted. Copies and low rank leave
    as many weights as before: theirs is the share of their own units, and they are compared among themselves.
    """
    return row.removed_share if _kind(row) else row.removed_fraction


def budget_note(removed_as: str | None) -> str:
    """Return what a budget counts where that is not weights: " (copies)" or " (low rank)"."""
    return f" ({removed_as.replace('_', ' ')})" if removed_as in _AMONG_THEMSELVES else ""


def comparable(row: Removed, other: Removed, tolerance: float = TOLERANCE) -> bool:
    """Return whether two results removed the same share in the same sense; unknown shares are not comparable."""
    mine, theirs = budget_of(row), budget_of(other)
    if mine is None or theirs is None or _kind(row) != _kind(other):
        return False
    return abs(mine - theirs) <= tolerance + 1e-9


def nearest_comparable(row: Removed, candidates: Iterable[Row], tolerance: float = TOLERANCE) -> Row | None:
    """Return the comparable candidate of the same asked ratio, else that of the nearest budget; None = there is none.

    With grouped queries a quarter and a half of the heads can be as many weights (two query heads and their key-value
    head, or three query heads): the budget alone would not tell which of the two was asked for.
    """
    budget = budget_of(row)
    close = [other for other in candidates if comparable(row, other, tolerance)]
    return min(
        close,
        key=lambda other: (other.ratio != row.ratio, abs((budget_of(other) or 0.0) - (budget or 0.0))),
        default=None,
    )


def _kind(row: Removed) -> str | None:
    return row.removed_as if row.removed_as in _AMONG_THEMSELVES else None
