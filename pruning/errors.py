"""Errors of stage 3: why a model cannot be pruned as asked.

ArboristError
└── PruningError                reason for the row in `experiments`
    ├── UnsupportedModelError   unsupported: the structure is not one that the adapter or the method knows
    ├── RatioTooSmallError      ratio_too_small: the ratio would remove nothing
    └── NotFiniteError          not_finite: a weight, a statistic or a result is NaN or infinite
"""

from typing import TYPE_CHECKING, ClassVar

from pipeline.errors import ArboristError

if TYPE_CHECKING:
    from store.records import ExperimentReason


class PruningError(ArboristError):
    """A model that cannot be pruned or measured as asked. In an experiment it becomes a row with `reason`."""

    reason: ClassVar["ExperimentReason"] = "error"


class UnsupportedModelError(PruningError):
    """The model's structure, or its text, is not one that this version can work with."""

    reason = "unsupported"


class RatioTooSmallError(PruningError):
    """The ratio is smaller than the smallest thing that the method removes."""

    reason = "ratio_too_small"


class NotFiniteError(PruningError):
    """A number that must be finite is NaN or infinite."""

    reason = "not_finite"
