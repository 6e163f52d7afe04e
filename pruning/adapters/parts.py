"""What an adapter says of a model. Values only: modules are named by their dotted path in the model."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pruning.errors import UnsupportedModelError

if TYPE_CHECKING:
    import torch
    from torch import nn

Layout = Literal["split", "fused", "interleaved", "multi-query", "unknown"]
Role = Literal["query", "key", "value", "fused"]
Position = Literal["rotary", "alibi", "learned", "sinusoidal", "relative"]


@dataclass(frozen=True)
class Projection:
    """A matrix of a layer: `Linear` (stored outputs x inputs), or GPT-2's `Conv1D` (`transposed`: inputs x outputs).

    A matrix of stacked experts is the slice `expert` of a 3-D parameter of the module at `path`.
    """

    path: str
    inputs: int
    outputs: int
    transposed: bool
    parameter: str = "weight"
    expert: int | None = None

    @property
    def size(self) -> int:
        """Return the number of weights, the bias left out."""
        return self.inputs * self.outputs

    @property
    def output_dimension(self) -> int:
        """Return the dimension of the stored weight that counts outputs."""
        return 1 if self.transposed else 0

    @property
    def name(self) -> str:
        """Return the name of the parameter, with the expert's index where experts are stacked."""
        return f"{self.path}.{self.parameter}" + ("" if self.expert is None else f"[{self.expert}]")

    @property
    def key(self) -> str:
        """Return the matrix's name for seeds: the path, unless its module holds several matrices."""
        return self.path if self.expert is None else self.name

    def weight(self, model: "nn.Module") -> "torch.Tensor":
        """Return the weight as stored, two dimensions; for stacked experts a view into their parameter."""
        stored = model.get_parameter(f"{self.path}.{self.parameter}")
        return stored if self.expert is None else stored[self.expert]


@dataclass(frozen=True)
class Slice:
    """Consecutive outputs of a matrix, or inputs of an attention's output matrix: start <= index < stop."""

    matrix: Projection
    start: int
    stop: int


@dataclass(frozen=True)
class AttentionParts:
    """An attention: separate query, key and value, or all three in one matrix.

    `layout` says how one matrix holds them: `fused`: all queries, all keys, all values; `interleaved`: for each
    key-value head its queries, its key, its value (BLOOM, GPT-NeoX, Falcon); `multi-query`: one key-value head, where
    both mean the same; `unknown`: one matrix whose order is not declared. `roles` go with `inputs`. `extras` are the
    other parameters inside the attention (norms of queries, position matrices, sinks).
    """

    path: str
    layout: Layout
    inputs: tuple[Projection, ...]
    output: Projection
    roles: tuple[Role, ...]
    heads: int
    key_value_heads: int
    head_width: int
    cross: bool
    bias: bool
    extras: tuple[str, ...]

    @property
    def queries_per_group(self) -> int:
        """Return how many query heads share a key-value head; head h reads key-value head h // this."""
        return self.heads // self.key_value_heads

    def query(self, head: int) -> Slice:
        """Return the outputs that are the query of a head. Raises `UnsupportedModelError` for an unknown layout."""
        group, place = divmod(head, self.queries_per_group)
        return self._slice("query", head, group, place)

    def key(self, group: int) -> Slice:
        """Return the outputs that are the key of a key-value head. Raises `UnsupportedModelError`."""
        return self._slice("key", self.heads + group, group, self.queries_per_group)

    def value(self, group: int) -> Slice:
        """Return the outputs that are the value of a key-value head. Raises `UnsupportedModelError`."""
        return self._slice("value", self.heads + self.key_value_heads + group, group, self.queries_per_group + 1)

    def mixed(self, head: int) -> Slice:
        """Return the inputs of the output matrix that are a head's result."""
        return Slice(self.output, head * self.head_width, (head + 1) * self.head_width)

    def _slice(self, role: Role, place_fused: int, group: int, place_in_group: int) -> Slice:
        if self.layout == "unknown":
            raise UnsupportedModelError(
                f"{self.path}: looked for the order of queries, keys and values in {self.inputs[0].path}; it is not "
                "declared in pruning/adapters/overrides.toml"
            )
        matrix = self.inputs[0]
        if self.layout == "split":
            matrix = self.inputs[self.roles.index(role)]
            before = {"query": 0, "key": self.heads, "value": self.heads + self.key_value_heads, "fused": 0}[role]
            place = place_fused - before
        elif self.layout == "interleaved":
            place = group * (self.queries_per_group + 2) + place_in_group
        else:
            place = place_fused
        return Slice(matrix, place * self.head_width, (place + 1) * self.head_width)


@dataclass(frozen=True)
class MlpParts:
    """An MLP: down(act(gate(x)) * up(x)), or down(act(up(x))) when `gate` is None.

    Of two matrices into the MLP the one registered first is called the gate. `fused`: gate and up are one matrix, the
    first half of its outputs the gate and the second half the other (Phi-3); both fields name it then.
    """

    gate: Projection | None
    up: Projection
    down: Projection
    fused: bool = False

    @property
    def width(self) -> int:
        """Return the number of neurons."""
        return self.down.inputs

    @property
    def gated(self) -> bool:
        """Return whether two values of a neuron are multiplied."""
        return self.gate is not None

    @property
    def into(self) -> tuple[Projection, ...]:
        """Return the matrices whose outputs are neurons; of a fused one, outputs i and width + i are neuron i."""
        return (self.gate, self.up) if self.gate and not self.fused else (self.up,)


@dataclass(frozen=True)
class ExpertParts:
    """A mixture of experts: `count` MLPs of `width` neurons each, of which the router chooses `per_token`.

    `stacked`: each parameter in `parameters` holds all experts along its first dimension; otherwise `path` is a
    ModuleList of MLPs and `parameters` is empty. `matrices` are those of all experts, expert by expert. `router` is the
    path of the module with a row of weights for each expert; None when none was found. `shared`: the MLP beside the
    experts that every token passes.
    """

    path: str
    count: int
    width: int
    gated: bool
    stacked: bool
    parameters: tuple[str, ...]
    matrices: tuple[Projection, ...]
    router: str | None
    per_token: int | None
    shared: MlpParts | None

    @property
    def one_by_one(self) -> tuple[tuple[Projection, ...], ...]:
        """Return the matrices of each expert."""
        each = len(self.matrices) // self.count
        return tuple(self.matrices[first : first + each] for first in range(0, len(self.matrices), each))


@dataclass(frozen=True)
class LayerParts:
    """A layer of a stack. `mlp` is None when its matrices outside of attention do not form one MLP.

    `matrices` are all prunable ones, experts included and routers left out. `gaps` say what was looked for in vain.
    """

    path: str
    attentions: tuple[AttentionParts, ...]
    mlp: MlpParts | None
    matrices: tuple[Projection, ...]
    experts: ExpertParts | None
    norms: tuple[str, ...]
    gaps: tuple[str, ...]


@dataclass(frozen=True)
class Stack:
    """Layers that run one after another. `name`: decoder, encoder, text, vision or audio, unique in its model.

    `owner` is the path of the module whose config describes the stack ("" = the model). `declared_layers` is how many
    layers that config promises, more than there are where layers share weights (Albert); None when it does not say.
    `parallel`: attention and MLP read the same state. `foreign` are parameters of two or more dimensions that are no
    matrix of a kind that the adapter knows.
    """

    name: str
    path: str
    owner: str
    layers: tuple[LayerParts, ...]
    declared_layers: int | None
    parallel: bool
    positions: tuple[Position, ...]
    final_norm: str | None
    foreign: tuple[str, ...]

    @property
    def kind(self) -> str:
        """Return what the stack is: its name without the path that tells several of one kind apart."""
        return self.name.partition(" ")[0]

    @property
    def shares_layers(self) -> bool:
        """Return whether the config promises more layers than there are: their weights are run several times."""
        return self.declared_layers is not None and self.declared_layers > len(self.layers)

    @property
    def mlp_width(self) -> int | None:
        """Return the number of MLP neurons of every layer; None when a layer has no MLP or the widths differ."""
        widths = {layer.mlp.width if layer.mlp else None for layer in self.layers}
        return widths.pop() if len(widths) == 1 else None

    @property
    def gaps(self) -> tuple[str, ...]:
        """Return what was looked for in vain, layer by layer."""
        return tuple(gap for layer in self.layers for gap in layer.gaps)

    @property
    def crossed(self) -> bool:
        """Return whether the layers also attend to another stack's output."""
        return any(attention.cross for layer in self.layers for attention in layer.attentions)


@dataclass(frozen=True)
class Adapter:
    """The layer stacks of a model and what is prunable: every matrix of its layers, embeddings and lm_head left out.

    The `main` stack is the one whose layers a method that removes layers removes: the decoder where there is one.
    `tied` are groups of parameter names that are one tensor. `inputs` are what the model cannot do without, its main
    input first.
    """

    model_class: str
    stacks: tuple[Stack, ...]
    main: Stack
    tied: tuple[tuple[str, ...], ...]
    inputs: tuple[str, ...]

    @property
    def stack(self) -> str:
        """Return the path of the main stack."""
        return self.main.path

    @property
    def layers(self) -> tuple[LayerParts, ...]:
        """Return the layers of the main stack."""
        return self.main.layers

    @property
    def all_layers(self) -> tuple[LayerParts, ...]:
        """Return the layers of all stacks in their order."""
        return tuple(layer for stack in self.stacks for layer in stack.layers)

    @property
    def prunable(self) -> tuple[Projection, ...]:
        """Return the matrices of all layers of all stacks in their order."""
        return tuple(matrix for layer in self.all_layers for matrix in layer.matrices)

    @property
    def prunable_weights(self) -> int:
        """Return the number of prunable weights."""
        return sum(matrix.size for matrix in self.prunable)

    @property
    def mlp_width(self) -> int | None:
        """Return the number of MLP neurons of every layer of the main stack; None when they differ or lack one."""
        return self.main.mlp_width
