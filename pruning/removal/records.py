"""What a pruning method is, what it is asked, and what it answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pruning.adapters.parts import Adapter, Projection
from pruning.calibration.access import IN_MEMORY, LayerAccess
from pruning.calibration.states import STATE_BYTES

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Scope = Literal["weight", "neuron", "head", "layer", "expert", "factorisation"]
# What a ratio counts in each scope.
UNITS: dict[Scope, str] = {
    "weight": "weights",
    "neuron": "MLP neurons",
    "head": "heads",
    "layer": "layers",
    "expert": "experts",
    "factorisation": "weights",
}


# What may lie where removed units were, when the shape stays.
ZEROS = "set to zero"
COPIES = "overwritten by copies of kept ones"
LOW_RANK = "left to dense matrices of low rank"


@dataclass(frozen=True)
class PruningRequest:
    """One model to prune in place.

    `ratio` is the share of the scope's units to remove, in (0, 1). `windows` are token ids of calibration text, each
    window one or more tokens; empty for methods that need none. `layers` brings a layer's weights into memory for as
    long as it is worked on; hidden states over `state_bytes` wait on disk. `layer_ratios` is the budget of methods on
    weights: by path of a layer its own ratio, in [0, 1); the others have `ratio`.
    """

    model: "PreTrainedModel"
    adapter: Adapter
    ratio: float
    windows: tuple[tuple[int, ...], ...]
    seed: int
    layers: LayerAccess = IN_MEMORY
    state_bytes: int = STATE_BYTES
    layer_ratios: Mapping[str, float] = field(default_factory=dict)

    def ratio_of(self, matrix: Projection) -> float:
        """Return the share of a matrix's weights to remove: its layer's, where the budget names the layer."""
        own = (ratio for layer, ratio in self.layer_ratios.items() if matrix.path.startswith(f"{layer}."))
        return next(own, self.ratio)


@dataclass(frozen=True)
class Removal:
    """What a method removed, of `total` units. `physical`: the parameters are gone; otherwise `left` says what is there
    in their place.

    `total` counts the whole model, but layers those of the main stack. `layers` are indices in the dense stack;
    `neurons` indices for each layer, `experts` for each layer that has some; `heads` query heads for each attention. Of
    methods that look at text these are the layers and attentions of the main stack, otherwise those of all stacks.
    """

    removed: int
    total: int
    physical: bool
    layers: tuple[int, ...] = ()
    neurons: tuple[tuple[int, ...], ...] = ()
    experts: tuple[tuple[int, ...], ...] = ()
    note: str = ""
    heads: tuple[tuple[int, ...], ...] = ()
    left: str = ZEROS


@dataclass(frozen=True)
class Method:
    """A pruning method. `source` is the paper or the reason; a greater `version` makes finished experiments stale.

    `random`: the seed matters. `calibrated`: it looks at text. `fixed_ratio` is the only ratio that the method knows;
    None = any. The inputs of every matrix must be a multiple of `group`. `whole_model`: it needs all weights in memory,
    whatever its scope. `next_token`: it measures how well the model predicts the next token.
    """

    name: str
    version: int
    source: str
    scope: Scope
    calibrated: bool
    random: bool
    function: Callable[[PruningRequest], Removal]
    fixed_ratio: float | None = None
    group: int = 1
    whole_model: bool = False
    next_token: bool = False


@dataclass(frozen=True)
class Pruned:
    """A removal with the request behind it."""

    method: str
    method_version: int
    scope: Scope
    asked_ratio: float
    seed: int
    removal: Removal

    @property
    def achieved_ratio(self) -> float:
        """Return the share of the scope's units that were removed, in [0, 1)."""
        return self.removal.removed / self.removal.total

    @property
    def outcome(self) -> str:
        """Return what became of what was removed, in words."""
        return "removed physically" if self.removal.physical else self.removal.left

    def sentence(self) -> str:
        """Return what was removed, for people."""
        removal = self.removal
        how = "" if removal.physical else f" ({self.outcome})"
        which = f": {', '.join(map(str, removal.layers))}" if removal.layers else ""
        note = f"; {removal.note}" if removal.note else ""
        return (
            f"{self.method} removed {removal.removed:,} of {removal.total:,} {UNITS[self.scope]}{how}{which} "
            f"(asked ratio {self.asked_ratio:g}, achieved {self.achieved_ratio:.4f}){note}"
        )
