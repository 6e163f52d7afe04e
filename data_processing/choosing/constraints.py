"""What a representative must be: of a permitted licence, with reachable weights, not gated, not too large.

Constraints are applied in this order of weight: the licence (it is no preference), weights (without them there is
nothing to prune), no gate (access can be asked for), the size (a setting). One that no member which is left meets is
passed over: so where no member of a family is all of it, what is least important is missing, and the choice says so.

- licence: one of the allow-list, whatever the case; with a list, an unknown licence is not permitted.
- size: at most the limit; with a limit, an unknown size is not within it, as in the stage that prunes.
- gate: what the source does not say is taken for open.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from data_processing.choosing.selection import Objective
from data_processing.corpus import ModelRow
from pipeline.text import printable

Constraint = Literal["licence", "weights", "open", "size"]
_LICENCE_CHARACTERS = 40


@dataclass(frozen=True)
class Rules:
    """What is minimised, and what may be chosen."""

    objective: Objective
    licenses: tuple[str, ...] = ()  # permitted licences; empty = any
    max_params: int | None = None  # parameters; None = no limit


def lacks(model: ModelRow, rules: Rules) -> tuple[Constraint, ...]:
    """Return the constraints that a model does not meet, the weightiest first."""
    return tuple(constraint for constraint, is_met in _IS_MET.items() if not is_met(model, rules))


def eligible(models: Sequence[ModelRow], rules: Rules) -> list[ModelRow]:
    """Return the models that meet every constraint, or those that miss the least; they all lack the same.

    The order given is kept.
    """
    left = list(models)
    for is_met in _IS_MET.values():
        left = [model for model in left if is_met(model, rules)] or left
    return left


def describe_lacks(model: ModelRow, members: Iterable[ModelRow], rules: Rules) -> tuple[str, ...]:
    """Return in words what a model lacks, and whether all members of its family lack it."""
    lacked = [set(lacks(member, rules)) for member in members]
    return tuple(
        _OF_ALL[constraint](rules)
        if len(lacked) > 1 and all(constraint in each for each in lacked)
        else _OF_ONE[constraint](model, rules)
        for constraint in lacks(model, rules)
    )


def _is_small(model: ModelRow, rules: Rules) -> bool:
    if rules.max_params is None:
        return True
    return model.n_parameters is not None and model.n_parameters <= rules.max_params


def _is_open(model: ModelRow, _: Rules) -> bool:
    return not model.gated


def _has_weights(model: ModelRow, _: Rules) -> bool:
    return model.has_weights


def _is_permitted(model: ModelRow, rules: Rules) -> bool:
    if not rules.licenses:
        return True
    return model.license is not None and model.license.casefold() in {name.casefold() for name in rules.licenses}


# In the order in which they are applied.
_IS_MET: dict[Constraint, Callable[[ModelRow, Rules], bool]] = {
    "licence": _is_permitted,
    "weights": _has_weights,
    "open": _is_open,
    "size": _is_small,
}


def _large(model: ModelRow, rules: Rules) -> str:
    if model.n_parameters is None:
        return f"its size is unknown, the limit is {rules.max_params:,} parameters"
    return f"its {model.n_parameters:,} parameters are over the limit of {rules.max_params:,}"


def _not_permitted(model: ModelRow, rules: Rules) -> str:
    own = "unknown" if model.license is None else printable(model.license, _LICENCE_CHARACTERS)
    return f"its licence ({own}) is none of {', '.join(rules.licenses)}"


_OF_ONE: dict[Constraint, Callable[[ModelRow, Rules], str]] = {
    "size": _large,
    "open": lambda _model, _rules: "it is gated",
    "weights": lambda _model, _rules: "it has no reachable weights",
    "licence": _not_permitted,
}
_OF_ALL: dict[Constraint, Callable[[Rules], str]] = {
    "size": lambda rules: f"no member is known to have at most {rules.max_params:,} parameters",
    "open": lambda _: "every member is gated",
    "weights": lambda _: "no member has reachable weights",
    "licence": lambda rules: f"no member has a licence of {', '.join(rules.licenses)}",
}
