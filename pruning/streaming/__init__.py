"""Pruning a checkpoint whose weights never are in memory together: one layer at a time, from disk to disk."""

from pruning.streaming.prune import Streaming, prune_checkpoint

__all__ = ["Streaming", "prune_checkpoint"]
