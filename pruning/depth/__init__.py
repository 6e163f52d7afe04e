"""Depth pruning in steps: measure all blocks, save, look (table, heatmap), choose a block, cut it, heal it.

What each step does on its own is what `prune(model, "depth-angular", ...)` does at once.
"""

from pruning.depth.cut import Block, choose_block, cut_block
from pruning.depth.heatmap import depth_heatmap
from pruning.depth.scores import DepthScores, depth_scores
from pruning.depth.table import DepthRow, depth_table, table_markdown, table_text

__all__ = [
    "Block",
    "DepthRow",
    "DepthScores",
    "choose_block",
    "cut_block",
    "depth_heatmap",
    "depth_scores",
    "depth_table",
    "table_markdown",
    "table_text",
]
