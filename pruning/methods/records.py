"""What a pruning method is, what it is asked, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pruning.adapters.parts import Adapter
from pruning.calibration.access import IN_MEMORY, LayerAccess
from pruning.calibration.states import STATE_BYTES

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Scope = Literal["weight", "neuron", "head", "layer", "factorisation"]
# What a ratio counts in each scope.
UNITS: dict[Scope, str] = {
    "weight": "weights",
    "neuron": "MLP neurons",
    "head": "heads",
    "layer": "layers",
    "factorisation": "weights",
}


@dataclass(frozen=True)
class PruningRequest:
    """One model to prune in place.

    `ratio` is the share of the scope's units to remove, in (0, 1). `windows` are token ids of calibration text, each
    window one or more tokens; empty for methods that need none. `layers` brings a layer's weights into memory for as
    long as it is worked on; hidden states over `state_bytes` wait on disk.
    """

    model: "PreTrainedModel"
    adapter: Adapter
    ratio: float
    windows: tuple[tuple[int, ...], ...]
    seed: int
    layers: LayerAccess = IN_MEMORY
    state_bytes: int = STATE_BYTES


@dataclass(frozen=True)
class Removal:
    """What a method removed, of `total` units. `physical`: the parameters are gone; otherwise `left` says what is there
    in their place.

    `layers` are indices in the dense stack; `neurons` indices for each layer.
    """

    removed: int
    total: int
    physical: bool
    layers: tuple[int, ...] = ()
    neurons: tuple[tuple[int, ...], ...] = ()
    note: str = ""
    left: str = "set to zero"


@dataclass(frozen=True)
class Method:
    """A pruning method. `source` is the paper or the reason; a greater `version` makes finished experiments stale.

    `random`: the seed matters. `calibrated`: it looks at text. `fixed_ratio` is the only ratio that the method knows;
    None = any. The inputs of every matrix must be a multiple of `group`. `next_token`: it measures how well the model
    predicts the next token.
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

    def sentence(self) -> str:
        """Return what was removed, for people."""
        removal = self.removal
        how = "" if removal.physical else f" ({removal.left})"
        which = f": {', '.join(map(str, removal.layers))}" if removal.layers else ""
        note = f"; {removal.note}" if removal.note else ""
        return (
            f"{self.method} removed {removal.removed:,} of {removal.total:,} {UNITS[self.scope]}{how}{which} "
            f"(asked ratio {self.asked_ratio:g}, achieved {self.achieved_ratio:.4f}){note}"
        )
