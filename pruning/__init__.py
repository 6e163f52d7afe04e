"""Stage 3: prune representatives under one protocol, measure what it costs, save normal checkpoints.

    from pruning import benchmark, evaluate, heal, inspect, prune
    from pruning import depth_scores, depth_table, depth_heatmap, choose_block, cut_block

Importing this package loads neither torch nor transformers.
"""

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
