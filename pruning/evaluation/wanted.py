"""The measures of damage that an analysis was asked for, of one model again and again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.errors import UsageError, unknown_name
from pruning.adapters import Adapter
from pruning.evaluation.damage import DAMAGE_UNITS, DamageMeter
from pruning.evaluation.pairs import pair_accuracy, pairs_for
from pruning.evaluation.records import Measurement

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PAIR_ACCURACY = "pair_accuracy"
MEASURES = (*DAMAGE_UNITS, PAIR_ACCURACY)
_ABSOLUTE = ("perplexity", PAIR_ACCURACY)


class WantedMeasures:
    """Some of `MEASURES` of a model against itself as it was when this was made."""

    def __init__(
        self,
        model: "PreTrainedModel",
        adapter: Adapter,
        windows: Sequence[Sequence[int]],
        measures: Sequence[str],
        pairs: str | None,
    ) -> None:
        """Record the dense model; `pairs` is a task file. Raises as `check_measures`, `DamageMeter`, `pairs_for` do."""
        check_measures(measures)
        self._model = model
        self._wanted = tuple(measures)
        self._pairs = pairs_for(model, pairs) if PAIR_ACCURACY in measures else ()
        self._meter = DamageMeter(model, windows, adapter)

    def measured(self, from_layer: int = 0) -> dict[str, Measurement]:
        """Return the measures in the order asked for; no layer before `from_layer` has changed. `NotFiniteError`."""
        found = self._meter.measured(from_layer)
        if self._pairs:
            found[PAIR_ACCURACY] = pair_accuracy(self._model, self._pairs)
        return {name: found[name] for name in self._wanted}

    def dense(self) -> dict[str, Measurement]:
        """Return those of `absolute` of the dense model, which it is now. Raises `NotFiniteError`."""
        found = self.measured()
        return {name: found[name] for name in absolute(self._wanted)}


def absolute(measures: Sequence[str]) -> tuple[str, ...]:
    """Return those of some measures that are not 0 or 1 for the dense model by their nature."""
    return tuple(name for name in measures if name in _ABSOLUTE)


def check_measures(measures: Sequence[str]) -> None:
    """Raise `UsageError` for no measure or an unknown one."""
    if not measures:
        raise UsageError(f"expected at least one measure of {', '.join(MEASURES)}, got none")
    for name in measures:
        if name not in MEASURES:
            raise unknown_name("measure", name, MEASURES)
