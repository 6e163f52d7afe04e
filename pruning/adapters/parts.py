"""What an adapter says of a model. Values only: modules are named by their dotted path in the model."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Projection:
    """A matrix of a layer: `Linear` (stored outputs x inputs), or GPT-2's `Conv1D` (`transposed`: inputs x outputs)."""

    path: str
    inputs: int
    outputs: int
    transposed: bool

    @property
    def size(self) -> int:
        """Return the number of weights, the bias left out."""
        return self.inputs * self.outputs

    @property
    def output_dimension(self) -> int:
        """Return the dimension of the stored weight that counts outputs."""
        return 1 if self.transposed else 0


@dataclass(frozen=True)
class AttentionParts:
    """An attention: separate query, key and value, or all three in one matrix."""

    path: str
    layout: Literal["split", "fused"]
    inputs: tuple[Projection, ...]
    output: Projection


@dataclass(frozen=True)
class MlpParts:
    """An MLP: down(act(gate(x)) * up(x)), or down(act(up(x))) when `gate` is None.

    Of two matrices into the MLP the one registered first is called the gate.
    """

    gate: Projection | None
    up: Projection
    down: Projection

    @property
    def width(self) -> int:
        """Return the number of neurons."""
        return self.down.inputs

    @property
    def into(self) -> tuple[Projection, ...]:
        """Return the matrices whose outputs are neurons."""
        return (self.gate, self.up) if self.gate else (self.up,)


@dataclass(frozen=True)
class LayerParts:
    """A layer of the stack. `mlp` is None when its matrices outside of attention do not form an MLP."""

    path: str
    attentions: tuple[AttentionParts, ...]
    mlp: MlpParts | None
    matrices: tuple[Projection, ...]


@dataclass(frozen=True)
class Adapter:
    """The layer stack of a model and what is prunable: every matrix of its layers, embeddings and lm_head left out."""

    model_class: str
    stack: str
    layers: tuple[LayerParts, ...]

    @property
    def prunable(self) -> tuple[Projection, ...]:
        """Return the matrices of all layers in their order."""
        return tuple(matrix for layer in self.layers for matrix in layer.matrices)

    @property
    def prunable_weights(self) -> int:
        """Return the number of prunable weights."""
        return sum(matrix.size for matrix in self.prunable)

    @property
    def mlp_width(self) -> int | None:
        """Return the number of MLP neurons of every layer; None when a layer has no MLP or the widths differ."""
        widths = {layer.mlp.width if layer.mlp else None for layer in self.layers}
        return widths.pop() if len(widths) == 1 else None
