"""Pieces that hold measures of damage."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager

from pruning.analyses.records import Finding, Piece, Subject
from pruning.errors import NotFiniteError
from pruning.evaluation.records import Measurement
from pruning.evaluation.wanted import WantedMeasures

DENSE = "dense"


def dense_pieces(subject: Subject, wanted: WantedMeasures) -> Iterator[Piece]:
    """Yield the dense model's own numbers, unless they are stored already or none is asked for.

    Raises `NotFiniteError`: a model that is broken before anything is changed is not analysed.
    """
    found = wanted.dense()
    if found and DENSE not in subject.finished:
        yield Piece(DENSE, _findings(DENSE, found))


def damage_piece(
    wanted: WantedMeasures,
    change: AbstractContextManager[None],
    component: str,
    *,
    from_layer: int,
    target: str,
    layer: int | None,
    other_layer: int | None = None,
    head: int | None = None,
) -> Piece:
    """Return what a change costs, the model restored; a loss that is not finite is a refusal of this one component."""
    try:
        with change:
            found = wanted.measured(from_layer)
    except NotFiniteError as error:
        return Piece(component, (), str(error))
    return Piece(component, _findings(component, found, target=target, layer=layer, other_layer=other_layer, head=head))


def _findings(
    component: str,
    found: Mapping[str, Measurement],
    *,
    target: str | None = None,
    layer: int | None = None,
    other_layer: int | None = None,
    head: int | None = None,
) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            component, name, number.value, number.unit, target=target, layer=layer, other_layer=other_layer, head=head,
            n=number.n,
        )
        for name, number in found.items()
    )  # fmt: skip
