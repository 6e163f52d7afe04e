"""Debiased linear CKA between the hidden states of all layers (METHODS, section 5)."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import isnan

from pipeline.errors import UsageError
from pruning.analyses.records import Analysis, Finding, Piece, Subject
from pruning.analyses.states import boundary_pair
from pruning.redundancy.cka import MINIBATCH_TOKENS, layer_cka

# What is left of more tokens than this, shared out evenly, is never too few for a minibatch.
_FEWEST_IN_MINIBATCH = 8


@dataclass(frozen=True)
class CkaOptions:
    """`minibatch_tokens`: at most how many tokens are compared with one another. Raises `UsageError` under 8."""

    minibatch_tokens: int = MINIBATCH_TOKENS

    def __post_init__(self) -> None:
        """Check the number."""
        if self.minibatch_tokens < _FEWEST_IN_MINIBATCH:
            raise UsageError(
                f"minibatch_tokens: expected at least {_FEWEST_IN_MINIBATCH} tokens, got {self.minibatch_tokens}"
            )


def measure_cka(subject: Subject, options: CkaOptions) -> Iterator[Piece]:
    """Yield a piece a pair of boundaries; 0 enters the first layer, i + 1 leaves layer i."""
    components = {pair: boundary_pair(*pair) for pair in combinations(range(len(subject.adapter.layers) + 1), 2)}
    if subject.has_all(components.values()):
        return
    cka = layer_cka(subject.model, subject.adapter, subject.calibration, options.minibatch_tokens).tolist()
    for (one, other), component in components.items():
        value = cka[one][other]
        if isnan(value):
            yield Piece(component, (), "CKA is not defined: expected states that differ between tokens")
        else:
            found = Finding(component, "cka", value, "1", layer=one, other_layer=other, n=len(subject.calibration))
            yield Piece(component, (found,))


CKA = Analysis(
    "cka",
    1,
    "arXiv 1905.00414, section 3; debiased over minibatches: arXiv 2010.15327, section 3",
    "calibration",
    CkaOptions,
    measure_cka,
    fixed=("minibatch_tokens",),
)
