"""The damage of changes to a model, one after another: what ablation and replacement have in common."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from pruning.analyses.records import Finding, Piece, Subject
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.evaluation.records import Measurement
from pruning.evaluation.wanted import WantedMeasures, absolute

DENSE = "dense"


@dataclass(frozen=True)
class Change:
    """A change to a model whose damage is one component; no layer before `from_layer` changes.

    `make` raises `UnsupportedModelError` where there is nothing to change; what it returns changes the model for a
    while.
    """

    component: str
    target: str
    layer: int | None
    from_layer: int
    make: Callable[[], AbstractContextManager[None]]
    other_layer: int | None = None
    head: int | None = None


def damage_pieces(
    subject: Subject, changes: Sequence[Change], measures: Sequence[str], pairs: str | None
) -> Iterator[Piece]:
    """Yield the dense model's own numbers, if any are asked for, then what each change costs; nothing twice.

    Nothing is computed when all of it is finished. Raises what `WantedMeasures` raises, and `NotFiniteError` for a
    model that is broken before anything is changed.
    """
    own = (DENSE,) if absolute(measures) else ()
    if subject.has_all((*own, *(change.component for change in changes))):
        return
    wanted = WantedMeasures(subject.model, subject.adapter, subject.evaluation, measures, pairs)
    dense = wanted.dense()
    if dense and DENSE not in subject.finished:
        yield Piece(DENSE, _findings(DENSE, dense))
    for change in changes:
        if change.component not in subject.finished:
            yield _piece(wanted, change)


def _piece(wanted: WantedMeasures, change: Change) -> Piece:
    """Return what a change costs, the model restored; a loss that is not finite refuses this one component."""
    try:
        with change.make():
            found = wanted.measured(change.from_layer)
    except (UnsupportedModelError, NotFiniteError) as error:
        return Piece(change.component, (), str(error))
    return Piece(change.component, _findings(change.component, found, change))


def _findings(component: str, found: Mapping[str, Measurement], change: Change | None = None) -> tuple[Finding, ...]:
    place = {name: getattr(change, name) for name in ("target", "layer", "other_layer", "head")} if change else {}
    return tuple(
        Finding(component, name, number.value, number.unit, n=number.n, **place) for name, number in found.items()
    )
