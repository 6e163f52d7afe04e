"""Stage 3: prune representatives under one protocol, measure what it costs, save normal checkpoints.

    from pruning import prune, heal, evaluate, inspect

Importing this package loads neither torch nor transformers.
"""

from pruning.api import evaluate, heal, inspect, prune

__all__ = ["evaluate", "heal", "inspect", "prune"]
