"""Which experiments come first: those that say most while little is done.

Tiers, one after another over all models:

1. dense models;
2. every method at one ratio, its ratio nearest to one half (the smaller of two), with its first seed;
3. the other ratios with the first seed;
4. the second seeds, then the third, and so on.

Within a tier one model comes after another, the cheaper first, so that a worker loads each model once a tier. Of one
model the scopes take turns; of one scope the ratio nearest to one half comes first, at a ratio the baselines, then the
cheaper. Nothing can be said of a method before its scope's baseline is known.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, zip_longest

from pruning.experiments.specification import DENSE, Experiment, Specification

# What needs no thought: at random, from the end, by magnitude or the plain factors.
BASELINES = frozenset(
    {
        *(f"random{pattern}" for pattern in ("", "-2:4", "-4:8")),
        *("mlp-random", "heads-random-zero", "heads-random-remove", "heads-magnitude-remove"),
        *("experts-random", "experts-magnitude", "depth-random", "depth-last", "share-random"),
        *("low-rank-random", "svd"),
    }
)
_DENSE_TIER, _FIRST_TIER, _RATIO_TIER = 0, 1, 2


def by_information(experiments: Iterable[Experiment]) -> tuple[Experiment, ...]:
    """Return the experiments, each once, in the order of the module's text; every tie is broken by name and key."""
    given = tuple(experiments)
    tiers = defaultdict[int, list[Experiment]](list)
    for experiment, tier in zip(given, _tiers(given), strict=True):
        tiers[tier].append(experiment)
    return tuple(chain.from_iterable(_tier_in_order(tiers[tier]) for tier in sorted(tiers)))


def _tiers(experiments: Sequence[Experiment]) -> Iterator[int]:
    """Yield the tier of each experiment."""
    ratios, seeds = defaultdict[object, set[float]](set), defaultdict[object, set[int]](set)
    for experiment in experiments:
        found = experiment.specification
        ratios[_model(found), found.method].add(found.ratio)
        seeds[_model(found), found.method].add(found.seed)
    for experiment in experiments:
        found = experiment.specification
        place = (_model(found), found.method)
        later_seed = sorted(seeds[place]).index(found.seed)
        if found.method == DENSE:
            yield _DENSE_TIER
        elif later_seed:
            yield _RATIO_TIER + later_seed
        else:
            yield _FIRST_TIER if found.ratio == min(ratios[place], key=_from_half) else _RATIO_TIER


def _tier_in_order(experiments: Iterable[Experiment]) -> Iterator[Experiment]:
    models = defaultdict[tuple[str, ...], list[Experiment]](list)
    for experiment in experiments:
        models[_model(experiment.specification)].append(experiment)
    costs = {name: sum(each.seconds for each in found) for name, found in models.items()}
    for name in sorted(models, key=lambda name: (costs[name], name)):
        yield from _scopes_in_turn(models[name])


def _scopes_in_turn(experiments: Iterable[Experiment]) -> Iterator[Experiment]:
    scopes = defaultdict[str, list[Experiment]](list)
    for experiment in sorted(experiments, key=_within_scope):
        scopes[experiment.specification.scope].append(experiment)
    queues = sorted(scopes.values(), key=lambda queue: (queue[0].seconds, queue[0].specification.scope))
    return (each for turn in zip_longest(*queues) for each in turn if each is not None)


def _within_scope(experiment: Experiment) -> tuple[object, ...]:
    found = experiment.specification
    ratio = _from_half(found.ratio)
    return (*ratio, found.method not in BASELINES, experiment.seconds, found.method, found.seed, found.key)


def _from_half(ratio: float) -> tuple[float, float]:
    # Rounded: 0.6 is no further away than 0.4.
    return round(abs(ratio - 0.5), 9), ratio


def _model(specification: Specification) -> tuple[str, ...]:
    return specification.source, specification.model_id, specification.revision
