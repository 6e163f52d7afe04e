"""Pruning whole attention heads: a budget says which go, an arm what becomes of them (METHODS, section 3)."""

from collections.abc import Callable, Sequence

from pruning.adapters.parts import Adapter
from pruning.removal.heads import arms, budgets
from pruning.removal.heads.plan import HeadPlan
from pruning.removal.records import Method, PruningRequest, Removal

Budget = Callable[[PruningRequest], tuple[HeadPlan, ...]]
Arm = Callable[[PruningRequest, Sequence[HeadPlan]], Removal]

_CLUSTERS = "explainabloomity (github)"
_IMPORTANCE = "arXiv 1905.10650"


def _method(
    name: str, source: str, budget: Budget, arm: Arm, *, calibrated: bool = True, random: bool = False
) -> Method:
    return Method(name, 1, source, "head", calibrated, random, lambda request: arm(request, budget(request)))


_BALANCED_MERGE = _method("heads-balanced-merge", _CLUSTERS, budgets.balanced_heads, arms.merge)
HEAD_METHODS = (
    _method("heads-random-zero", "baseline", budgets.random_heads, arms.zero, calibrated=False, random=True),
    _method("heads-random-remove", "baseline", budgets.random_heads, arms.remove, calibrated=False, random=True),
    _method("heads-magnitude-remove", "baseline", budgets.light_heads, arms.remove, calibrated=False),
    _method("heads-balanced-zero", _CLUSTERS, budgets.balanced_heads, arms.zero),
    _method("heads-balanced-duplicate", _CLUSTERS, budgets.balanced_heads, arms.duplicate),
    _BALANCED_MERGE,
    _method("heads-balanced-remove", _CLUSTERS, budgets.balanced_heads, arms.remove),
    _method("heads-imbalanced-zero", _CLUSTERS, budgets.imbalanced_heads, arms.zero),
    _method("heads-imbalanced-duplicate", _CLUSTERS, budgets.imbalanced_heads, arms.duplicate),
    _method("heads-importance-zero", _IMPORTANCE, budgets.globally_unimportant_heads, arms.zero),
    _method("heads-importance-remove", _IMPORTANCE, budgets.unimportant_heads, arms.remove),
    _method("heads-control-duplicate", _CLUSTERS, budgets.control_heads, arms.duplicate, random=True),
)


def merge_refusal(method: Method, adapter: Adapter) -> str | None:
    """Return why copies of heads cannot be merged in a model, or None."""
    positions = arms.positions_by_head([adapter.main])
    if method is not _BALANCED_MERGE or not positions:
        return None
    return f"merges copies that compute the same; here {positions} positions differ by head"
