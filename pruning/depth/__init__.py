"""Depth pruning in steps: measure all blocks, save, look (table, heatmap), choose a block, cut it, heal it.

What each step does on its own is what `prune(model, "depth-angular", ...)` does at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_MODULES = {
    **dict.fromkeys(("Block", "choose_block", "cut_block"), "pruning.depth.cut"),
    "depth_heatmap": "pruning.depth.heatmap",
    **dict.fromkeys(("DepthScores", "depth_scores"), "pruning.depth.scores"),
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for (PEP 562): a command's `--help` needs none of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES.get(name, "pruning.depth.table")), name)
