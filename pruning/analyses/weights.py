"""How large the weights of layers, attentions, MLPs and heads are: the cheapest sign of what they are worth."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from pipeline.errors import unknown_name
from pruning.adapters.parts import LayerParts
from pruning.analyses.records import Analysis, Finding, Piece, Subject
from pruning.errors import UnsupportedModelError
from pruning.redundancy.magnitudes import Magnitude, attention_matrices, magnitude_of, mlp_matrices
from pruning.redundancy.roles import head_matrices, own_attention

TARGETS = ("layer", "attention", "mlp", "head")


@dataclass(frozen=True)
class WeightOptions:
    """`targets`: which parts to measure, of `TARGETS`."""

    targets: tuple[str, ...] = TARGETS

    def __post_init__(self) -> None:
        """Raise `UsageError` for an unknown target."""
        for name in self.targets:
            if name not in TARGETS:
                raise unknown_name("target", name, TARGETS)


def measure_weights(subject: Subject, options: WeightOptions) -> Iterator[Piece]:
    """Yield layer, attention, MLP and heads of every layer of the main stack; matrices are read one at a time.

    A head is its rows of the query, those of the key and the value that it reads (which other heads may read as well)
    and its columns of the output matrix; heads of a layer's attention to its own stack.
    """
    for index, layer in enumerate(subject.adapter.layers):
        yield from _parts(subject, options, index, layer)
        if "head" in options.targets:
            yield from _heads(subject, index, layer)


def _parts(subject: Subject, options: WeightOptions, index: int, layer: LayerParts) -> Iterator[Piece]:
    members = {"layer": layer.matrices, "attention": attention_matrices(layer), "mlp": mlp_matrices(layer)}
    for target, matrices in members.items():
        component = f"layer {index}" if target == "layer" else f"layer {index} {target}"
        if target not in options.targets or component in subject.finished:
            continue
        if matrices:
            yield _piece(component, magnitude_of(subject.model, matrices), target, index)
        else:
            yield Piece(component, (), f"{layer.path}: looked for the matrices of its {target}; there are none")


def _heads(subject: Subject, index: int, layer: LayerParts) -> Iterator[Piece]:
    try:
        matrices = [*head_matrices(layer, index, own_attention(layer))]
    except UnsupportedModelError as error:
        yield Piece(f"layer {index} heads", (), str(error))
        return
    for head, members in groupby(matrices, key=lambda matrix: matrix.head):
        component = f"layer {index} head {head}"
        if component not in subject.finished:
            yield _piece(component, magnitude_of(subject.model, members), "head", index, head)


def _piece(component: str, magnitude: Magnitude, target: str, layer: int, head: int | None = None) -> Piece:
    values = {"mean_absolute": magnitude.mean_absolute, "norm": magnitude.norm}
    return Piece(
        component,
        tuple(
            Finding(component, measure, value, "units of the weights", target=target, layer=layer, head=head)
            for measure, value in values.items()
        ),
    )


WEIGHTS = Analysis(
    "weights", 1, "magnitude, the oldest criterion (arXiv 1506.02626)", "weights", WeightOptions, measure_weights
)
