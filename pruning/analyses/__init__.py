"""Redundancy analyses: plug-ins that measure a dense model. Add one with one file and one line in the list.

What they share stands in `pruning/redundancy/`; ready-made choices of them in `configurations/`.
"""

from typing import Any

from pipeline.registry import Registry
from pruning.analyses.ablation import ABLATION
from pruning.analyses.blocks import BLOCKS
from pruning.analyses.records import Analysis, Finding, Piece, Subject
from pruning.analyses.replacement import REPLACEMENT

ANALYSES: Registry[Analysis[Any]] = Registry("analysis", [BLOCKS, ABLATION, REPLACEMENT])

__all__ = ["ANALYSES", "Analysis", "Finding", "Piece", "Subject"]
