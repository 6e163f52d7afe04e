"""Pruning methods: a method is a name, a version, a source, a scope and a function. Add one line to the list."""

from pipeline.registry import Registry
from pruning.errors import RatioTooSmallError
from pruning.methods.depth_angular import DEPTH_ANGULAR
from pruning.methods.depth_angular_healed import DEPTH_ANGULAR_HEALED
from pruning.methods.depth_blocks import DEPTH_ANGULAR_MEAN, DEPTH_LINEAR, DEPTH_MAGNITUDE
from pruning.methods.depth_greedy import DEPTH_GREEDY
from pruning.methods.depth_last import DEPTH_LAST
from pruning.methods.depth_last_but_final import DEPTH_LAST_BUT_FINAL
from pruning.methods.depth_random import DEPTH_RANDOM
from pruning.methods.depth_scattered import DEPTH_ANGULAR_SCATTERED, DEPTH_BI
from pruning.methods.experts_magnitude import EXPERTS_MAGNITUDE
from pruning.methods.experts_random import EXPERTS_RANDOM
from pruning.methods.experts_use import EXPERTS_USE
from pruning.methods.heads import HEAD_METHODS
from pruning.methods.low_rank_random import LOW_RANK_RANDOM
from pruning.methods.magnitude import MAGNITUDE, MAGNITUDE_2_4, MAGNITUDE_4_8, MAGNITUDE_OWL, MAGNITUDE_SENSITIVITY
from pruning.methods.magnitude_global import MAGNITUDE_GLOBAL
from pruning.methods.mlp_flap import MLP_FLAP
from pruning.methods.mlp_l1 import MLP_L1
from pruning.methods.mlp_maxmin import MLP_MAXMIN
from pruning.methods.mlp_random import MLP_RANDOM
from pruning.methods.mlp_variance import MLP_VARIANCE
from pruning.methods.mlp_wanda import MLP_WANDA
from pruning.methods.random import RANDOM, RANDOM_2_4, RANDOM_4_8
from pruning.methods.refusals import refusal
from pruning.methods.sharing import SHARE_ANGULAR, SHARE_RANDOM
from pruning.methods.sparsegpt import SPARSEGPT, SPARSEGPT_2_4, SPARSEGPT_4_8, SPARSEGPT_OWL
from pruning.methods.svd import SVD
from pruning.methods.svd_activation import SVD_ACTIVATION
from pruning.methods.wanda import WANDA, WANDA_2_4, WANDA_4_8, WANDA_OWL, WANDA_SENSITIVITY
from pruning.removal.ratios import check_method_ratio, check_ratio, ratios_of, read_ratio
from pruning.removal.records import UNITS, Method, Pruned, PruningRequest, Removal, Scope

METHODS = Registry(
    "method",
    [
        RANDOM,
        RANDOM_2_4,
        RANDOM_4_8,
        MAGNITUDE,
        MAGNITUDE_2_4,
        MAGNITUDE_4_8,
        MAGNITUDE_OWL,
        MAGNITUDE_SENSITIVITY,
        MAGNITUDE_GLOBAL,
        WANDA,
        WANDA_2_4,
        WANDA_4_8,
        WANDA_OWL,
        WANDA_SENSITIVITY,
        SPARSEGPT,
        SPARSEGPT_2_4,
        SPARSEGPT_4_8,
        SPARSEGPT_OWL,
        DEPTH_LAST,
        DEPTH_LAST_BUT_FINAL,
        DEPTH_RANDOM,
        DEPTH_ANGULAR,
        DEPTH_ANGULAR_MEAN,
        DEPTH_MAGNITUDE,
        DEPTH_LINEAR,
        DEPTH_BI,
        DEPTH_ANGULAR_SCATTERED,
        DEPTH_GREEDY,
        DEPTH_ANGULAR_HEALED,
        SHARE_RANDOM,
        SHARE_ANGULAR,
        MLP_RANDOM,
        MLP_MAXMIN,
        MLP_L1,
        MLP_VARIANCE,
        MLP_WANDA,
        MLP_FLAP,
        EXPERTS_RANDOM,
        EXPERTS_MAGNITUDE,
        EXPERTS_USE,
        *HEAD_METHODS,
        LOW_RANK_RANDOM,
        SVD,
        SVD_ACTIVATION,
    ],
)


def carry_out(method: Method, request: PruningRequest) -> Pruned:
    """Prune a model that the method fits. Raises `RatioTooSmallError` when nothing is left to remove at the ratio."""
    removal = method.function(request)
    if removal.removed == 0:
        raise RatioTooSmallError(f"ratio {request.ratio:g} of {removal.total:,} {UNITS[method.scope]} removes none")
    seed = request.seed if method.random else 0
    return Pruned(method.name, method.version, method.scope, request.ratio, seed, removal)


__all__ = [
    "METHODS",
    "UNITS",
    "Method",
    "Pruned",
    "PruningRequest",
    "Removal",
    "Scope",
    "carry_out",
    "check_method_ratio",
    "check_ratio",
    "ratios_of",
    "read_ratio",
    "refusal",
]
