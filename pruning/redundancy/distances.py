"""Distances between the states before and after a block: a name, a source, a unit and a function. Add one line."""

from functools import partial

from pipeline.registry import Registry
from pruning.redundancy.blocks import Distance
from pruning.redundancy.linear import LinearResidual
from pruning.redundancy.pairs import (
    MeanOfTokens,
    angle_between,
    as_they_are,
    cosine_distance,
    euclidean,
    relative_change,
    unit,
)
from pruning.redundancy.states import all_tokens, last_tokens

_ANGLE = partial(MeanOfTokens, unit, angle_between)
_COSINE = partial(MeanOfTokens, unit, cosine_distance)
_CHANGE = partial(MeanOfTokens, as_they_are, relative_change)
_EUCLIDEAN = partial(MeanOfTokens, as_they_are, euclidean)

ANGULAR_LAST = Distance("angular-last", "arXiv 2403.17887, section 3.2", "fraction of pi", last_tokens, _ANGLE)
ANGULAR_MEAN = Distance("angular-mean", "arXiv 2403.17887, all tokens", "fraction of pi", all_tokens, _ANGLE)
BLOCK_INFLUENCE = Distance("bi", "arXiv 2403.03853, section 3.1", "1 - cosine", all_tokens, _COSINE)
RELATIVE_MAGNITUDE = Distance("relative-magnitude", "arXiv 2312.09299", "1", all_tokens, _CHANGE)
EUCLIDEAN_LAST = Distance("euclidean-last", "plain distance", "units of the states", last_tokens, _EUCLIDEAN)
LINEAR = Distance("linear", "least squares", "1", all_tokens, LinearResidual)

DISTANCES = Registry(
    "distance", [ANGULAR_LAST, ANGULAR_MEAN, BLOCK_INFLUENCE, RELATIVE_MAGNITUDE, EUCLIDEAN_LAST, LINEAR]
)
