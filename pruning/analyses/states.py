"""How alike the hidden states between layers are, by their means and token by token (METHODS, section 5)."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from pruning.analyses.records import Analysis, Finding, Piece, Subject
from pruning.redundancy.layer_means import StatePair, state_pairs


@dataclass(frozen=True)
class StateOptions:
    """There is nothing to choose."""


def measure_states(subject: Subject, _: StateOptions) -> Iterator[Piece]:
    """Yield a piece a pair of boundaries; 0 enters the first layer, i + 1 leaves layer i."""
    if subject.has_all(boundary_pair(*pair) for pair in combinations(range(len(subject.adapter.layers) + 1), 2)):
        return
    for pair in state_pairs(subject.model, subject.adapter, subject.calibration):
        yield _piece(pair, len(subject.calibration))


def boundary_pair(one: int, other: int) -> str:
    """Return the component that two boundaries are."""
    return f"states {one} and {other}"


def _piece(pair: StatePair, windows: int) -> Piece:
    component = boundary_pair(pair.one, pair.other)
    values = {"mean_cosine": pair.mean_cosine, "relative_difference": pair.relative_difference}
    missing = [name for name, value in values.items() if value is None]
    if missing:
        return Piece(component, (), f"{missing[0]} is not defined: expected states that are not zero on the text")
    return Piece(
        component,
        tuple(
            Finding(component, name, value, "1", layer=pair.one, other_layer=pair.other, n=windows)
            for name, value in values.items()
            if value is not None
        ),
    )


STATES = Analysis(
    "states",
    1,
    "Redundancy-Hunter: cosine of mean activations, token-wise relative difference",
    "calibration",
    StateOptions,
    measure_states,
)
