"""Redundancy analyses: plug-ins that measure a dense model. Add one with one file and one line in the list.

What they share stands in `pruning/redundancy/`; ready-made choices of them in `configurations/`.
"""

from typing import Any

from pipeline.registry import Registry
from pruning.analyses.ablation import ABLATION
from pruning.analyses.blocks import BLOCKS
from pruning.analyses.cka import CKA
from pruning.analyses.heads import HEADS
from pruning.analyses.low_rank_start import LOW_RANK_START
from pruning.analyses.neuron_matching import NEURON_MATCHING
from pruning.analyses.rank import RANK
from pruning.analyses.records import Analysis, Finding, Piece, Subject
from pruning.analyses.replacement import REPLACEMENT
from pruning.analyses.states import STATES
from pruning.analyses.weights import WEIGHTS

ANALYSES: Registry[Analysis[Any]] = Registry(
    "analysis", [BLOCKS, WEIGHTS, RANK, ABLATION, REPLACEMENT, STATES, CKA, HEADS, NEURON_MATCHING, LOW_RANK_START]
)

__all__ = ["ANALYSES", "Analysis", "Finding", "Piece", "Subject"]
