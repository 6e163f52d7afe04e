"""What a budget over layers is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pruning.removal.records import PruningRequest, Removal

# (the method that will prune, what it is asked) -> ratio in [0, 1) by path of a layer of the main stack
ChooseRatios = Callable[["Callable[[PruningRequest], Removal]", "PruningRequest"], Mapping[str, float]]


@dataclass(frozen=True)
class Budget:
    """A budget over the layers of the main stack; other stacks keep the asked ratio.

    `function` leaves the model as it was. The mean of its ratios, weighted by the layers' weights, is the ratio asked.
    `whole_model`: it runs the model to its end.
    """

    name: str
    source: str
    function: ChooseRatios
    whole_model: bool
