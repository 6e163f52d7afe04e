"""Stage 3: prune representatives under one protocol, measure what it costs, save normal checkpoints.

    from pruning import prune, evaluate, inspect

Importing this package loads neither torch nor transformers.
"""

from pruning.api import evaluate, inspect, prune

__all__ = ["evaluate", "inspect", "prune"]
