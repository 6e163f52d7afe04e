"""Adapters: where the layers, the attention and the MLP of a model are, found by shape and not by name."""

from pruning.adapters.find import find_adapter
from pruning.adapters.parts import Adapter, AttentionParts, LayerParts, MlpParts, Projection

__all__ = ["Adapter", "AttentionParts", "LayerParts", "MlpParts", "Projection", "find_adapter"]
