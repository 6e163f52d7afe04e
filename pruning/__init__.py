"""Stage 3: prune representatives under one protocol, measure what it costs, save normal checkpoints.

    from pruning import benchmark, evaluate, heal, inspect, prune
    from pruning import depth_scores, depth_table, depth_heatmap, choose_block, cut_block

Importing this package loads neither torch nor transformers.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pruning.api import benchmark, evaluate, heal, inspect, prune
    from pruning.depth import DepthScores, choose_block, cut_block, depth_heatmap, depth_scores, depth_table

__all__ = [
    "DepthScores",
    "benchmark",
    "choose_block",
    "cut_block",
    "depth_heatmap",
    "depth_scores",
    "depth_table",
    "evaluate",
    "heal",
    "inspect",
    "prune",
]

_IN_API = frozenset({"benchmark", "evaluate", "heal", "inspect", "prune"})


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for (PEP 562): a command's `--help` needs none of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("pruning.api" if name in _IN_API else "pruning.depth"), name)
