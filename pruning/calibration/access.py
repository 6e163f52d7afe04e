"""How a layer's weights come into memory for the time that they are worked on."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from pruning.adapters.parts import LayerParts


class LayerAccess(Protocol):
    """Brings the weights of one layer into its modules, and takes them away afterwards where memory is short."""

    def reading(self, layer: LayerParts) -> AbstractContextManager[None]:
        """Hold a layer whose weights stay as they are."""
        ...

    def changing(self, layer: LayerParts) -> AbstractContextManager[None]:
        """Hold a layer, once, and keep what its weights are at the end unless an error ends it."""
        ...


class InMemory:
    """A model whose weights are all there."""

    def reading(self, layer: LayerParts) -> AbstractContextManager[None]:
        """Do nothing: the weights are there."""
        return nullcontext()

    def changing(self, layer: LayerParts) -> AbstractContextManager[None]:
        """Do nothing: the weights are there and stay."""
        return nullcontext()


IN_MEMORY = InMemory()
