"""Adapters: where the layers, the attention and the MLP of a model are, found by structure and not by name."""

from pruning.adapters.find import find_adapter
from pruning.adapters.parts import (
    Adapter,
    AttentionParts,
    ExpertParts,
    LayerParts,
    MlpParts,
    Projection,
    Slice,
    Stack,
)

__all__ = [
    "Adapter",
    "AttentionParts",
    "ExpertParts",
    "LayerParts",
    "MlpParts",
    "Projection",
    "Slice",
    "Stack",
    "find_adapter",
]
