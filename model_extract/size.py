"""Refusing configs that would build too much: first from the numbers in the config, then while the model is built."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from model_extract.failures import UnreadableError

# Keys whose value is a number of things that are built one by one (layers, stages, experts), or a list of such.
_COUNTS = re.compile(
    r"(num|n)_(\w+_)?(layers?|blocks?|stages?|experts|levels|codebooks|quantizers|groups)"
    r"|(\w+_)?(layers|depths?|blocks|n_layers?)"
)
# Keys that can mean nothing but a depth: some others take -1 for "all" or count from the end.
_DEPTHS = re.compile(r"(num|n)_((hidden|encoder|decoder)_)?layers?|(encoder|decoder)_layers")
_MOST_LABELS = 1_000_000  # transformers makes a name for each label, with some 250 bytes


def check_counts(config: dict[str, Any], max_modules: int) -> None:
    """Refuse a config whose own numbers promise more than `max_modules` modules.

    The sum of all counts is a lower bound: each layer, stage or expert is at least one module. Lists as long as that
    are refused too. Raises `UnreadableError` with `config_too_big`, or `bad_config` for a negative number of layers.
    """
    for key, value in _pairs(config):
        _check_value(key, value)
    promised = sum(_counts(config))
    if promised > max_modules:
        raise UnreadableError(
            "config_too_big", f"the config promises {promised:,} modules or more; the limit is {max_modules:,}"
        )


@contextmanager
def module_limit(max_modules: int) -> Iterator[None]:
    """Raise `UnreadableError` with `config_too_big` as soon as more than `max_modules` modules were made inside."""
    from torch.nn.modules.module import register_module_module_registration_hook

    made = 0

    def count(*_: object) -> None:
        nonlocal made
        made += 1
        if made > max_modules:
            raise UnreadableError("config_too_big", f"building was stopped at {max_modules:,} modules, the limit")

    handle = register_module_module_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()


def _check_value(key: str, value: Any) -> None:
    if not isinstance(value, int | float):
        return
    if value < 0 and _DEPTHS.fullmatch(key):
        raise UnreadableError("bad_config", f"{key}: expected a number of layers, got {value}")
    if key == "num_labels" and value > _MOST_LABELS:
        raise UnreadableError("config_too_big", f"num_labels: {value:,} labels; the limit is {_MOST_LABELS:,}")


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the keys and values of all objects in a value, at every level."""
    if isinstance(value, dict):
        yield from value.items()
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _pairs(inner)


def _counts(value: Any) -> Iterator[int]:
    if isinstance(value, list):
        yield len(value)
        for inner in value:
            yield from _counts(inner)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _counts(inner)
            if _COUNTS.fullmatch(key):
                yield from _numbers(inner)


def _numbers(value: Any) -> Iterator[int]:
    for number in value if isinstance(value, list) else [value]:
        if isinstance(number, int | float) and number > 0 and number == number:  # a NaN is not equal to itself
            yield int(min(number, 1e18))
