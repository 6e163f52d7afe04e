"""Heads: what they attend to, what they add, how they differ, and whether so on any text (METHODS, section 5)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import get_args

from pipeline.errors import UsageError
from pruning.adapters.parts import Adapter, AttentionParts
from pruning.analyses.records import Analysis, Finding, Piece, Subject
from pruning.errors import UnsupportedModelError
from pruning.redundancy.heads import HeadFigures, head_figures
from pruning.redundancy.states import check_states
from pruning.removal.heads.signatures import Signature
from pruning.removal.heads.stability import prompt_stability
from pruning.removal.selection import nearest_share_of


@dataclass(frozen=True)
class HeadOptions:
    """`kept_fraction` of a layer's heads is the number of clusters whose stability is measured, halves up.

    `signature`: what heads are compared by, maps or contribution. Raises `UsageError` for anything else.
    """

    kept_fraction: float = 0.5
    signature: Signature = "maps"

    def __post_init__(self) -> None:
        """Check the values."""
        if not 0 < self.kept_fraction < 1:
            raise UsageError(f"kept_fraction: expected a fraction between 0 and 1, got {self.kept_fraction!r}")
        if self.signature not in get_args(Signature):
            raise UsageError(f"signature: expected {' or '.join(get_args(Signature))}, got {self.signature!r}")


def measure_heads(subject: Subject, options: HeadOptions) -> Iterator[Piece]:
    """Yield for each layer a piece a head, a pair of heads, and one of the layer with the stability of its clusters."""
    attentions = _attentions(subject.adapter)
    if subject.has_all(_components(subject.adapter, attentions)):
        return
    found = iter(head_figures(subject.model, [*attentions.values()], subject.calibration, options.signature))
    for index, layer in enumerate(subject.adapter.layers):
        if index not in attentions:
            gaps = "; ".join((f"looked for one attention; found {len(layer.attentions)}", *layer.gaps))
            yield Piece(f"layer {index}", (), gaps)
            continue
        figures = next(found)
        yield from _heads(index, figures)
        yield from _pairs(index, figures)
        yield _stability(index, figures, options.kept_fraction)


def _attentions(adapter: Adapter) -> dict[int, AttentionParts]:
    """Return the attentions of the layers that have one, by layer."""
    check_states(adapter, "heads")
    found = {index: layer.attentions[0] for index, layer in enumerate(adapter.layers) if len(layer.attentions) == 1}
    if not found:
        raise UnsupportedModelError(
            f"{adapter.model_class}: looked for layers with one attention in {adapter.stack}; there is none"
        )
    return found


def _components(adapter: Adapter, attentions: Mapping[int, AttentionParts]) -> Iterator[str]:
    for index in range(len(adapter.layers)):
        heads = range(attentions[index].heads if index in attentions else 0)
        yield f"layer {index}"
        yield from (_head(index, head) for head in heads)
        yield from (_head_pair(index, *pair) for pair in combinations(heads, 2))


def _head(layer: int, head: int) -> str:
    return f"layer {layer} head {head}"


def _head_pair(layer: int, one: int, other: int) -> str:
    return f"layer {layer} heads {one} and {other}"


def _heads(layer: int, figures: HeadFigures) -> Iterator[Piece]:
    windows, between = len(figures.distances), figures.mean_distances
    for head, (entropy, importance) in enumerate(zip(figures.entropy, figures.importance, strict=True)):
        measured = [("entropy", entropy, "nats"), ("importance", importance, "units of the states")]
        others = [float(value) for other, value in enumerate(between[head]) if other != head]
        if others:
            measured.append(("nearest_distance", min(others), "1 - cosine"))
        component = _head(layer, head)
        yield Piece(
            component,
            tuple(
                Finding(component, measure, value, unit, target="head", layer=layer, head=head, n=windows)
                for measure, value, unit in measured
            ),
        )


def _pairs(layer: int, figures: HeadFigures) -> Iterator[Piece]:
    windows, between = len(figures.distances), figures.mean_distances
    for one, other in combinations(range(len(between)), 2):
        component = _head_pair(layer, one, other)
        found = Finding(
            component,
            "distance",
            float(between[one, other]),
            "1 - cosine",
            target="head",
            layer=layer,
            head=one,
            other_head=other,
            n=windows,
        )
        yield Piece(component, (found,))


def _stability(layer: int, figures: HeadFigures, kept_fraction: float) -> Piece:
    component, (windows, heads, _) = f"layer {layer}", figures.distances.shape
    kept = nearest_share_of(kept_fraction, heads)
    if windows < 2:
        return Piece(component, (), f"clusters of different texts need two windows; got {windows}")
    if not 1 < kept < heads:
        return Piece(component, (), f"{kept} clusters of {heads} heads leave no choice; expected 2 to {heads - 1}")
    value = prompt_stability([*figures.distances], kept)
    found = Finding(component, "stability", value, "adjusted Rand index", target="head", layer=layer, n=windows)
    return Piece(component, (found,))


HEADS = Analysis(
    "heads",
    1,
    "explainabloomity: distances of attention maps, adjusted Rand index between prompts; entropy: arXiv 1906.04341, "
    "section 3.2; importance: norm of a head's output",
    "calibration",
    HeadOptions,
    measure_heads,
    fixed=("kept_fraction", "signature"),
)
